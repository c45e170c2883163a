"""What the REST API offers, in one table, and the OpenAPI document that is made of it."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.serving.rest.paths import Action
from headrace.serving.rest.schemas import SCHEMAS, Schema, reference

PATH = "/openapi.json"
"""Where the document is read."""

_LOOKS = (400, 404)
_RUNS = (400, 404, 409, 413, 415, 429, 500, 501, 503, 504)
_V2 = (405,)
_INDEX = (400, 405, 413, 504)
_PARAMETERS: dict[str, Schema] = {
    "model": {"type": "string", "minLength": 1},
    "version": {"type": "integer", "minimum": 0, "format": "int64"},
    "label": {"type": "string", "minLength": 1},
}
_VERSIONS = ("", "/versions/{version}", "/labels/{label}")
_PRIORITY = ("Priority", "u=0 (most urgent) to u=7, of requests that wait for a batch", {"type": "string"})
_ENCODING = ("Content-Encoding", "of the body", {"type": "string", "enum": ["gzip", "identity"]})
_JSON_LENGTH = (
    "Inference-Header-Content-Length",
    "how many bytes of the body are JSON, where binary data follows",
    {"type": "integer"},
)


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that the API offers.

    Attributes:
        method: of HTTP.
        path: a template, as OpenAPI has them.
        summary: what it is for.
        answer: the schema of its answer with the status 200; "" is text.
        errors: the other statuses that it may have.
        action: what `paths.parse` makes of it; None for a page that is found by its path.
        request: the schema of its body; "" where it has none.
        binary: its body and its answer may be JSON followed by binary data.
        also: a status beside 200 with the same form of answer.
    """

    method: str
    path: str
    summary: str
    answer: str
    errors: tuple[int, ...] = ()
    action: Action | None = None
    request: str = ""
    binary: bool = False
    also: int | None = None


def operations(metrics_path: str | None) -> Iterator[Operation]:
    """All that the API offers.

    Args:
        metrics_path: where the metrics page is; None for nowhere.
    """
    for part in _VERSIONS:
        model = f"/v1/models/{{model}}{part}"
        yield Operation("POST", f"{model}:predict", "Run a signature", "PredictAnswer", _RUNS, "predict", "PredictRequest")
        yield Operation("POST", f"{model}:classify", "Classify examples", "ClassifyAnswer", _RUNS, "classify", "ExamplesRequest")
        yield Operation("POST", f"{model}:regress", "Regress examples", "RegressAnswer", _RUNS, "regress", "ExamplesRequest")
        yield Operation("GET", model, "The state of a model's versions", "Status", _LOOKS, "status")
        yield Operation("GET", f"{model}/metadata", "The signatures of a version", "Metadata", _LOOKS, "metadata")
    yield Operation("GET", "/v1/models", "Every model and its versions", "ModelList", (), "list")
    yield Operation(
        "POST",
        "/v1/feedback",
        "Report what came of an answer",
        "FeedbackAnswer",
        (400, 404, 413, 504),
        "feedback",
        "FeedbackRequest",
    )
    for part in _VERSIONS[:2]:
        model = f"/v2/models/{{model}}{part}"
        errors = (*_RUNS, *_V2)
        yield Operation(
            "POST", f"{model}/infer", "Run a signature (V2)", "InferAnswer", errors, "infer", "InferRequest", binary=True
        )
        yield Operation("GET", model, "Inputs and outputs of a version (V2)", "ModelDescription", (*_LOOKS, *_V2), "metadata")
        yield Operation("GET", f"{model}/ready", "Is it served? (V2)", "ModelReady", (*_LOOKS, *_V2), "ready", also=503)
    index = "/v2/repository/index"
    yield Operation("POST", index, "Every version and its state (V2)", "Index", _INDEX, "index", "IndexRequest")
    for path, summary, answer in (
        ("/healthz", "Is the server alive? (as /livez)", "Live"),
        ("/livez", "Is the server alive?", "Live"),
        ("/readyz", "Does every model serve?", "Ready"),
        ("/v2", "The server (V2)", "Server"),
        ("/v2/health/live", "Is the server alive? (V2)", "Live"),
        ("/v2/health/ready", "Does every model serve? (V2)", "Ready"),
        (PATH, "This document", "Document"),
    ):
        yield Operation("GET", path, summary, answer, _V2, also=503 if answer == "Ready" else None)
    if metrics_path is not None:
        yield Operation("GET", metrics_path, "Metrics, in the text form of Prometheus", "", _V2)


def document(metrics_path: str | None) -> dict[str, Any]:
    """The OpenAPI document, in version 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations(metrics_path):
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headrace model server",
            "version": importlib.metadata.version("headrace"),
            "description": "TensorFlow Serving's REST API, and the Open Inference Protocol (V2).",
        },
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {"summary": operation.summary, "responses": _responses(operation)}
    names = re.findall(r"\{(\w+)\}", operation.path)
    parameters = [{"name": name, "in": "path", "required": True, "schema": _PARAMETERS[name]} for name in names]
    if operation.request:
        headers = [] if operation.action == "index" else [_ENCODING, _PRIORITY, *([_JSON_LENGTH] if operation.binary else [])]
        parameters += [{"name": name, "in": "header", "description": text, "schema": schema} for name, text, schema in headers]
        described["requestBody"] = {
            "required": operation.action != "index",
            "content": _content(operation.request, operation.binary),
        }
    return described | ({"parameters": parameters} if parameters else {})


def _responses(operation: Operation) -> dict[str, Any]:
    found = {"200": {"description": operation.summary, "content": _content(operation.answer, operation.binary)}}
    if operation.also is not None:
        found[str(operation.also)] = {"description": "No.", "content": _content(operation.answer)}
    for status in operation.errors:
        found[str(status)] = {"description": "An error.", "content": _content("Error")}
    return found


def _content(name: str, binary: bool = False) -> dict[str, Any]:
    if not name:
        return {"text/plain": {"schema": {"type": "string"}}}
    content: dict[str, Any] = {"application/json": {"schema": reference(name)}}
    return content | ({"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}} if binary else {})
