"""schemathesis asks a live server what its OpenAPI document offers, in and out of form, and checks each answer against it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fuzz.serving.rest_cases import CLASSIFICATIONS, PREDICTIONS, REGRESSIONS
from tests.fuzz.serving.run import configuration
from tests.interop.environments import clean_environment
from tests.serving.process import Server, running

SECONDS = os.environ.get("HEADRACE_SCHEMATHESIS", "8")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
)
"""Those left out ask that requests of the right form be taken (a model has its say there too), or that a method that a path lacks
be answered 405 (TensorFlow Serving's paths answer 400)."""
_TENSOR = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
EXAMPLES: dict[str, list[Any]] = {
    "predict": PREDICTIONS,
    "classify": CLASSIFICATIONS,
    "regress": REGRESSIONS,
    "infer": [{"inputs": [_TENSOR]}, {"inputs": [_TENSOR], "parameters": {"binary_data_output": True}}],
    "index": [{}, {"ready": True}],
    "feedback": [{"model": "m", "request_id": "1", "outcome": True}],
}
VALUES: dict[str, Any] = {"version": 1, "label": "stable"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    file = configuration(tmp_path_factory.mktemp("openapi"))
    flags = [f"--model_config_file={file}", "--allow_version_labels_for_unavailable_models", "--rest_api_max_body_bytes=1000000"]
    with running(*flags, module="tests.fuzz.serving.target") as server:
        yield server.ready()
        assert server.end() == 0
    assert not any("Traceback" in line for line in server.log)


def with_examples(document: Any) -> Any:
    """The document with requests for the models that there are, which it cannot know of."""
    for path, operations in document["paths"].items():
        action = path.replace(":", "/").rpartition("/")[2]
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                name = parameter["name"]
                if parameter["in"] == "path":
                    parameter["example"] = VALUES.get(name, "heads" if action in ("classify", "regress") else "m")
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content["examples"] = {str(index): {"value": value} for index, value in enumerate(EXAMPLES[action])}
    return document


def test_every_answer_is_as_the_document_says(server: Server, schemathesis_python: Path, tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(with_examples(httpx.get(f"{server.url}/openapi.json").json())))
    report = tmp_path / "report.json"
    command = [str(schemathesis_python.with_name("st")), "run", str(file), f"--url={server.url}", f"--checks={CHECKS}"]
    command += ["--phases=examples,coverage,fuzzing", f"--max-time={SECONDS}", "--continue-on-failure", "--no-color"]
    command += ["--report=ndjson", f"--report-ndjson-path={report}", "--seed=1", "--warnings=off"]
    done = subprocess.run(
        command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=float(SECONDS) + 240, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    answered = report.read_text()
    assert answered.count('"status_code":200') > 50, done.stdout[-3000:]
