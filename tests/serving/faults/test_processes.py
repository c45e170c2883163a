"""A server that is killed, stopped for a while, cannot write its log, or gets bodies that want to fill its memory."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest

from tests.serving.faults.full_disk import LIMIT
from tests.serving.process import BODY, ROOT, Load, serving
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_grpc import Client, outputs, predict_request


def test_a_server_that_is_killed_starts_again_with_the_same_models_and_port(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 3.0)
    with serving(tmp_path, "--port=auto") as server:
        server.ready()
        port, grpc_port = server.url.rpartition(":")[2], server.grpc.rpartition(":")[2]
        with Load(server.url) as load:
            wait_until(lambda: all(load.answers))
            server.process.send_signal(signal.SIGKILL)
            assert server.wait() == -signal.SIGKILL
            wait_until(lambda: len(load.faults) == 4, 60)  # each client is told; nobody waits for ever
        assert {status for answers in load.answers for status, _ in answers} == {200}
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    with serving(tmp_path, f"--rest_api_port={port}", f"--port={grpc_port}") as server:
        server.ready()
        assert httpx.post(f"{server.url}/v1/models/m:predict", json=BODY).json() == {"predictions": [[3.0, 6.0]]}
        with contextlib.closing(Client(server.grpc)) as client:
            assert outputs(client.call("Predict", predict_request(x=np.float32([[1, 2]])))) == {"y": [[3.0, 6.0]]}
        assert server.end() == 0
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before, "serving writes nothing beside the models"


def test_a_server_that_is_stopped_for_a_while_answers_again(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 3.0)
    with serving(tmp_path, "--port=auto") as server, httpx.Client(base_url=server.ready().url, timeout=0.5) as client:
        channel = Client(server.grpc)
        with contextlib.closing(channel):
            assert client.post("/v1/models/m:predict", json=BODY).status_code == 200
            channel.call("Predict", predict_request(x=np.float32([[1, 2]])))
            waiting = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
            waiting.connect()
            server.process.send_signal(signal.SIGSTOP)
            try:
                with pytest.raises(httpx.TimeoutException):
                    client.post("/v1/models/m:predict", json=BODY)
                with pytest.raises(grpc.RpcError) as refused:
                    channel.call("Predict", predict_request(x=np.float32([[1, 2]])), timeout=0.5)
                assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED  # type: ignore[attr-defined]
                waiting.request("POST", "/v1/models/m:predict", json.dumps(BODY))
            finally:
                server.process.send_signal(signal.SIGCONT)
            response = waiting.getresponse()
            assert (response.status, json.loads(response.read())) == (200, {"predictions": [[3.0, 6.0]]})
            waiting.close()
            wait_until(lambda: httpx.post(f"{server.url}/v1/models/m:predict", json=BODY, timeout=60).status_code == 200)
            assert outputs(channel.call("Predict", predict_request(x=np.float32([[1, 2]])))) == {"y": [[3.0, 6.0]]}
            assert 'in_flight{protocol="REST"} 0' in httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
        assert server.end() == 0


def test_a_full_disk_below_the_log_does_not_stop_answers(tmp_path: Path) -> None:
    for version in range(1, 4):
        write_version(tmp_path / "m", version, float(version))
    log = tmp_path / "log"
    command = [sys.executable, "-m", "tests.serving.faults.full_disk", "serve", f"--model_base_path={tmp_path / 'm'}"]
    command += ["--model_name=m", "--port=0", "--rest_api_port=auto", "--file_system_poll_wait_seconds=0.05"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=file, text=True
        )
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().rpartition(" on ")[2].partition("/v1")[0]
            version = 3
            while log.stat().st_size < LIMIT or version < 20:
                version += 1
                write_version(tmp_path / "m", version, float(version))
                wait_until(lambda version=version: predicted(url) == version)  # type: ignore[misc]
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                process.kill()


def predicted(url: str) -> float:
    response = httpx.post(f"{url}/v1/models/m:predict", json=BODY, timeout=60)
    assert response.status_code == 200, response.text
    return float(response.json()["predictions"][0][0])


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the most memory that a process had")
def test_compressed_bodies_take_no_more_memory_than_bodies_may(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    bomb = gzip.compress(bytes(100 << 20), 9)
    with serving(tmp_path, "--rest_api_max_body_bytes=2000000") as server:
        server.ready()
        before = peak(server.process.pid)
        answers: list[int] = []

        def throw() -> None:
            headers = {"Content-Encoding": "gzip"}
            answers.append(httpx.post(f"{server.url}/v1/models/m:predict", content=bomb, headers=headers, timeout=60).status_code)

        threads = [threading.Thread(target=throw) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert answers == [413] * 30
        assert predicted(server.url) == 1.0
        assert peak(server.process.pid) - before < 90, "less than one of them whole"
        assert server.end() == 0


def peak(pid: int) -> float:
    """The most memory that a process had so far, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
