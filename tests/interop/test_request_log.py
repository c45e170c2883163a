"""A server's request log: real TensorFlow reads it, and the next version is warmed with it as it is."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import httpx

from headrace.serving.warmup_requests import FILE
from tests.interop.peer_runs import run_peer
from tests.serving.process import serving
from tests.serving.toy import Service, wait_until, write_version


def test_a_log_is_read_by_tensorflow_and_warms_a_version(tmp_path: Path, tensorflow_python: Path) -> None:
    base_path, directory = tmp_path / "models", tmp_path / "logs"
    write_version(base_path, 7, 2.0)
    flags = [f"--request_log_directory={directory}", "--request_log_sampling_rate=1"]
    with serving(base_path, *flags) as server:
        server.ready()
        for value in (1.0, 2.0):
            answer = httpx.post(f"{server.url}/v1/models/m:predict", json={"instances": [[value, 0.0]]})
            assert answer.json() == {"predictions": [[2 * value, 0.0]]}
        assert server.end(signal.SIGTERM) == 0
    (log,) = directory.glob("*.tfrecord")

    told = run_peer(tensorflow_python, "request_log.py", log)
    assert told == [
        {
            "kind": "predict_log",
            "spec": ["m", 7, "serving_default"],
            "rate": 1.0,
            "inputs": {"x": [[value, 0.0]]},
            "outputs": {"y": [[2 * value, 0.0]]},
        }
        for value in (1.0, 2.0)
    ]

    version = write_version(tmp_path / "next", 8, 3.0)
    (version / FILE).parent.mkdir()
    shutil.copy(log, version / FILE)
    with Service(tmp_path / "next") as service:
        wait_until(lambda: service.lifecycle.available)
        page = service.metrics.page(service.models)
        assert f':tensorflow:serving:model_warmup_latency_count{{model_path="{version}",status="OK"}} 1' in page
        assert service.engine.models[version].runs[:2] == [("serving_default", {"x": (1, 2)})] * 2
