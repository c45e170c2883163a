"""`headrace serve --enable_batching` as a process: swaps under load, and what the metrics say."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.serving.test_process import BODY, Load, serving
from tests.serving.toy import wait_until, write_version

PARAMETERS = "max_batch_size { value: 32 } batch_timeout_micros { value: 2000 } allowed_batch_sizes: 4 allowed_batch_sizes: 32"


@pytest.mark.parametrize("parameters", ["", PARAMETERS])
def test_batches_form_and_versions_are_swapped_under_load(tmp_path: Path, parameters: str) -> None:
    models = tmp_path / "models"
    write_version(models, 1, 1.0)
    flags = ["--enable_batching"]
    if parameters:
        (tmp_path / "batching.pbtxt").write_text(parameters)
        flags.append(f"--batching_parameters_file={tmp_path / 'batching.pbtxt'}")
    with serving(models, *flags) as server:
        server.ready()
        with Load(server.url, clients=8) as load:
            for version in range(2, 5):
                wait_until(lambda: all(answers and answers[-1][0] for answers in load.answers))
                write_version(models, version, float(version))
                wait_until(lambda version=version: server.statuses().get(str(version)) == "AVAILABLE")
            wait_until(lambda: all(answers[-1][1] == [[4.0, 8.0]] for answers in load.answers))
        assert not load.faults
        for answers in load.answers:
            assert {status for status, _ in answers} == {200}
            scales = [predictions[0][0] for _, predictions in answers]
            assert all(predictions == [[scale, 2 * scale]] for (_, predictions), scale in zip(answers, scales, strict=True))
            assert scales == sorted(scales)
        page = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
        label = r'model="m",version="4",signature="serving_default"'
        batches, requests = (
            int(re.search(rf"^headrace_serving_batch_requests_{part}{{{label}}} (\d+)$", page, re.MULTILINE)[1])  # type: ignore[index]
            for part in ("count", "sum")
        )
        assert requests > batches > 0, "some requests shared a batch"
        wait_until(lambda: server.statuses() == {"4": "AVAILABLE"} | {str(version): "END" for version in range(1, 4)})
        assert server.end() == 0
    assert not [line for line in server.log if "Traceback" in line]


def test_a_batched_server_answers_and_ends_in_good_order(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    with serving(tmp_path, "--enable_batching") as server:
        server.ready()
        with httpx.Client(base_url=server.url, timeout=60) as client:
            slow = {"signature_name": "slow", "inputs": [0.5]}
            assert client.post("/v1/models/m:predict", json=slow).json() == {"outputs": [True]}
            assert client.post("/v1/models/m:predict", json=BODY).status_code == 200
        assert server.end() == 0
