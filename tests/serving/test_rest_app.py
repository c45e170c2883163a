"""The REST API, without a socket."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from headrace.core import errors
from headrace.serving.context import RequestContext
from headrace.serving.models import ModelSpec
from headrace.serving.rest.app import RestOptions
from headrace.serving.rest.errors import http_status
from headrace.serving.rest.paths import parse
from headrace.serving.servable import Handle
from tests.serving.toy import Service, wait_until, write_version


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    write_version(tmp_path, 7, 2.0)
    with Service(tmp_path, rest=RestOptions(max_body_bytes=2000)) as service:
        wait_until(lambda: service.lifecycle.available)
        yield service


def error(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    content = response.json()
    assert content.keys() == {"error"}
    return str(content["error"])


class TestPredict:
    def test_row_and_columnar(self, service: Service) -> None:
        response = service.predict({"instances": [[1, 2], [3, 4]]})
        assert (response.status_code, response.json()) == (200, {"predictions": [[2.0, 4.0], [6.0, 8.0]]})
        assert response.headers["content-type"] == "application/json"
        assert service.predict({"inputs": {"x": [[1, 2]]}}).json() == {"outputs": [[2.0, 4.0]]}
        both = {"signature_name": "pair", "inputs": {"a": [1, 2], "b": [3, 4]}}
        assert service.predict(both).json() == {"outputs": {"product": [3.0, 8.0], "sum": [4.0, 6.0]}}
        rows = {"signature_name": "pair", "instances": [{"a": 1, "b": 3}]}
        assert service.predict(rows).json() == {"predictions": [{"product": 3.0, "sum": 4.0}]}

    def test_what_was_noted_on_the_way_stands_in_the_headers(self, service: Service) -> None:
        def note(spec: ModelSpec, context: RequestContext) -> Handle:
            assert (context.protocol, context.header("x-user")) == ("REST", "ann")
            context.answer_headers["x-route"] = "canary"
            return service.models.acquire(spec)

        service.dataplane.route = note
        response = service.ask("POST", "/v1/models/m:predict", content=b'{"instances": [[1, 2]]}', headers={"X-User": "ann"})
        assert response.headers["x-route"] == "canary"

    def test_strings(self, service: Service) -> None:
        body = {"signature_name": "text", "instances": ["ab", {"b64": "YWI="}]}
        answer = {"upper": "AB", "raw_bytes": {"b64": "YWI="}}
        assert service.predict(body).json() == {"predictions": [answer, answer]}

    def test_odd_floats(self, service: Service) -> None:
        response = service.predict(b'{"signature_name": "divide", "inputs": [0, -0.0, NaN, Infinity, 2]}')
        assert response.content == b'{"outputs":[Infinity,-Infinity,NaN,0.0,0.5]}'

    def test_a_scalar_output_has_no_rows(self, service: Service) -> None:
        assert service.predict({"signature_name": "total", "inputs": [1, 2]}).json() == {"outputs": 3.0}
        assert "are scalars" in error(service.predict({"signature_name": "total", "instances": [1, 2]}), 400)

    @pytest.mark.parametrize(
        "path",
        [
            "/v1/models/m:predict",
            "/V1/Models/m:PREDICT",
            "/v1/models/m/versions/7:predict",
            "/v1/models/m/Versions/007:predict",
            "/v1/models/%6D:predict",
        ],
    )
    def test_paths(self, service: Service, path: str) -> None:
        assert service.predict({"instances": [[1, 2]]}, path).json() == {"predictions": [[2.0, 4.0]]}

    def test_the_query_is_ignored(self, service: Service) -> None:
        assert service.predict({"instances": [[1, 2]]}, "/v1/models/m:predict?a=b").status_code == 200

    @pytest.mark.parametrize(
        ("path", "status", "message"),
        [
            ("/v1/models/M:predict", 404, "Servable not found for request: Latest(M)"),
            ("/v1/models/m/versions/9:predict", 404, "Servable not found for request: Specific(m, 9)"),
            ("/v1/models/m/labels/stable:predict", 400, "Unrecognized servable version label: stable"),
            (f"/v1/models/m/versions/{2**64}:predict", 400, f"Failed to convert version: {2**64} to numeric."),
            (f"/v1/models/m/versions/{'9' * 5000}:predict", 400, "Failed to convert version: "),
            ("/v1/models/m/versions/x:predict", 400, "Malformed request: POST /v1/models/m/versions/x:predict"),
            ("/v1/models/m:train", 400, "Malformed request: POST /v1/models/m:train"),
            ("/v1/models/m", 400, "Malformed request: POST /v1/models/m"),
            ("/v1/models/:predict", 400, "Malformed request: POST /v1/models/:predict"),
            ("/v1/foo", 400, "Malformed request: POST /v1/foo"),
            ("/v3/models/m", 404, "Not found: POST /v3/models/m"),
            ("/", 404, "Not found: POST /"),
            ("/v1/models/%FF:predict", 400, "Failed to decode model name"),
        ],
    )
    def test_paths_that_lead_nowhere(self, service: Service, path: str, status: int, message: str) -> None:
        assert error(service.predict({"instances": [[1, 2]]}, path), status).startswith(message)

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"", "JSON Parse error: The document is empty"),
            (b"{", "JSON Parse error: Invalid value."),
            ({"signature_name": "s", "instances": [1]}, 'Serving signature name: "s" not found in signature def'),
            (b'{"signature_name": "\\ud800", "a": NaN}', 'Serving signature name: "?" not found in signature def'),
            ({"instances": [["a", "b"]]}, "is not of expected type: float"),
            ({"instances": [[1, 2, 3]]}, 'input "x" has shape (1, 3); expected (None, 2)'),
            ({"instances": [1, 2]}, 'input "x" has shape (2,); expected (None, 2)'),
            ({"signature_name": "pair", "inputs": {"a": [1]}}, "Missing named input: b in 'inputs' object."),
        ],
    )
    def test_bodies_that_are_refused(self, service: Service, body: Any, message: str) -> None:
        assert message in error(service.predict(body), 400)

    def test_a_json_error_comes_before_an_unknown_model(self, service: Service) -> None:
        error(service.predict(b"{", "/v1/models/nobody:predict"), 400)

    def test_a_model_that_fails_is_a_500_and_the_next_request_works(
        self, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        message = error(service.predict({"signature_name": "broken", "inputs": [1]}), 500)
        assert message == "model m version 7 failed: RuntimeError: this model always fails"
        assert any(record.exc_info for record in caplog.records)
        assert service.predict({"instances": [[1, 2]]}).status_code == 200


class TestBodies:
    def test_gzip_is_inflated(self, service: Service) -> None:
        body = b'{"instances": [[1, 2]]}'
        for packed in (gzip.compress(body, mtime=0), gzip.compress(body[:5], mtime=0) + gzip.compress(body[5:], mtime=0)):
            response = service.predict(packed, headers={"Content-Encoding": "gzip"})
            assert response.json() == {"predictions": [[2.0, 4.0]]}

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"plain", "damaged"),
            (zlib.compress(b"{}"), "damaged"),
            (gzip.compress(b"{}", mtime=0)[:-1], "incomplete"),
            (gzip.compress(b"{}", mtime=0)[:-8] + b"\0" * 8, "damaged"),
            (gzip.compress(b"{}", mtime=0) + b"more", "damaged"),
        ],
    )
    def test_bad_gzip_is_refused(self, service: Service, body: bytes, message: str) -> None:
        assert message in error(service.predict(body, headers={"Content-Encoding": "gzip"}), 400)

    def test_a_gzip_bomb_is_refused_at_the_limit(self, service: Service) -> None:
        bomb = gzip.compress(b"[" * 500_000, mtime=0)
        assert len(bomb) < 2000
        assert "inflates to more than 2000 bytes" in error(service.predict(bomb, headers={"Content-Encoding": "gzip"}), 413)

    def test_other_encodings_are_refused(self, service: Service) -> None:
        assert "'br' is not supported" in error(service.predict(b"x", headers={"Content-Encoding": "br"}), 415)

    def test_the_body_may_not_pass_the_limit(self, service: Service) -> None:
        exact = b'{"inputs": [[1, 2]]}'.ljust(2000)
        assert service.predict(exact).status_code == 200
        assert "larger than 2000 bytes" in error(service.predict(exact + b" "), 413)

    def test_a_body_of_unknown_length_may_not_pass_the_limit_either(self, service: Service) -> None:
        def chunks(count: int) -> Any:
            async def parts() -> Any:
                for _ in range(count):
                    yield b" " * 100

            return parts()

        assert error(service.ask("POST", "/v1/models/m:predict", content=chunks(10)), 400).startswith("JSON Parse error")
        response = service.ask("POST", "/v1/models/m:predict", content=chunks(21))
        assert "larger than 2000 bytes" in error(response, 413)
        assert response.headers["connection"] == "close"


class TestTimeAndLoad:
    def test_a_run_over_the_timeout_is_a_504(self, tmp_path: Path) -> None:
        write_version(tmp_path, 1)
        with Service(tmp_path, rest=RestOptions(timeout_seconds=0.05)) as service:
            wait_until(lambda: service.lifecycle.available)
            message = error(service.predict({"signature_name": "slow", "inputs": [0.3]}), 504)
            assert message == "the request took longer than 0.05 s"
            assert service.predict({"signature_name": "slow", "inputs": [0.0]}).status_code == 200

    def test_requests_beyond_the_queue_are_refused_at_once(self, tmp_path: Path) -> None:
        write_version(tmp_path, 1)
        with Service(tmp_path, threads=1) as service:
            wait_until(lambda: service.lifecycle.available)
            release = threading.Event()
            service.workers.submit(release.wait)
            wait_until(lambda: service.workers.waiting == 0)
            queued = [service.workers.submit(lambda: None) for _ in range(8)]
            refused = service.predict({"instances": [[1, 2]]})
            release.set()
            for future in queued:
                future.result(30)
            assert "requests are waiting" in error(refused, 503)
            assert service.predict({"instances": [[1, 2]]}).status_code == 200


class TestDescriptions:
    def test_status(self, service: Service) -> None:
        seven = {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        for path in ("/v1/models/m", "/V1/MODELS/m", "/v1/models/m/versions/7"):
            response = service.ask("GET", path)
            assert (response.status_code, response.json()) == (200, {"model_version_status": [seven]})
        assert error(service.ask("GET", "/v1/models/nobody"), 404) == "Could not find any versions of model nobody"
        assert error(service.ask("GET", "/v1/models/m/versions/8"), 404) == "Could not find version 8 of model m"
        listed = {"name": "m", "model_version_status": [seven | {"digest": service.lifecycle.statuses()[0].digest}]}
        assert service.ask("GET", "/v1/models").json() == {"models": [listed]}

    def test_status_of_a_version_that_failed(self, service: Service) -> None:
        path = write_version(service.lifecycle.base_path, 8)
        (path / "saved_model.pb").write_text("{")
        wait_until(lambda: len(service.lifecycle.statuses()) == 2 and service.lifecycle.statuses()[0].state.value == "END")
        statuses = service.ask("GET", "/v1/models/m").json()["model_version_status"]
        assert [(each["version"], each["state"], each["status"]["error_code"]) for each in statuses] == [
            ("8", "END", "DATA_LOSS"),
            ("7", "AVAILABLE", "OK"),
        ]

    def test_metadata(self, service: Service) -> None:
        for path in ("/v1/models/m/metadata", "/v1/models/m/versions/7/METADATA"):
            content = service.ask("GET", path).json()
            assert content["model_spec"] == {"name": "m", "signature_name": "", "version": "7"}
            signatures = content["metadata"]["signature_def"]["signature_def"]
            assert signatures["serving_default"] == {
                "inputs": {
                    "x": {
                        "dtype": "DT_FLOAT",
                        "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}], "unknown_rank": False},
                        "name": "serving_default_x:0",
                    }
                },
                "outputs": {
                    "y": {
                        "dtype": "DT_FLOAT",
                        "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}], "unknown_rank": False},
                        "name": "y",
                    }
                },
                "method_name": "tensorflow/serving/predict",
                "defaults": {},
            }
            assert signatures["broken"]["inputs"]["x"]["tensor_shape"] == {"dim": [], "unknown_rank": True}
            assert signatures["text"]["inputs"]["s"]["dtype"] == "DT_STRING"
            assert signatures["pair"]["inputs"]["b"]["dtype"] == "DT_INT64"
        assert error(service.ask("GET", "/v1/models/nobody/metadata"), 404) == "Servable not found for request: Latest(nobody)"

    def test_health(self, service: Service, tmp_path: Path) -> None:
        for path in ("/livez", "/healthz"):
            assert service.ask("GET", path).json() == {"live": True}
        assert service.ask("GET", "/readyz").json() == {"ready": True, "draining": False, "models_without_available_version": []}
        with Service(tmp_path / "nothing") as unready:
            response = unready.ask("GET", "/readyz")
            assert response.status_code == 503
            assert response.json() == {"ready": False, "draining": False, "models_without_available_version": ["m"]}
            assert unready.ask("GET", "/livez").status_code == 200
        assert "use GET" in error(service.ask("POST", "/livez"), 405)


def test_other_methods_are_malformed(service: Service) -> None:
    assert error(service.ask("GET", "/v1/models/m:predict"), 400) == "Malformed request: GET /v1/models/m:predict"
    for method in ("PUT", "DELETE", "PATCH"):
        assert error(service.ask(method, "/v1/models/m"), 400) == f"Malformed request: {method} /v1/models/m"


def test_a_model_name_may_hold_encoded_marks() -> None:
    spec = parse("POST", "/v1/models/a%2Fb%3Ac%20d/versions/3:predict").spec
    assert (spec.name, spec.version) == ("a/b:c d", 3)
    assert parse("GET", "/v1/models/a/labels/l%20x").spec.label == "l x"


def test_every_code_has_a_status() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.OpError)]
    assert len(kinds) == 18
    found: dict[int, set[str]] = {}
    for kind in kinds:
        found.setdefault(http_status(kind("")), set()).add(kind.code)
    assert found == {
        400: {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"},
        401: {"UNAUTHENTICATED"},
        403: {"PERMISSION_DENIED"},
        404: {"NOT_FOUND"},
        409: {"ALREADY_EXISTS", "ABORTED"},
        429: {"RESOURCE_EXHAUSTED"},
        499: {"CANCELLED"},
        500: {"UNKNOWN", "INTERNAL", "DATA_LOSS"},
        501: {"UNIMPLEMENTED"},
        503: {"UNAVAILABLE"},
        504: {"DEADLINE_EXCEEDED"},
    }
