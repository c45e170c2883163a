"""Who may ask what over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.serving.access.gate import Gate
from headrace.serving.admin.app import admin_app
from headrace.serving.admin.routes import ModelRoutes
from headrace.serving.admin.served import OneProcess
from headrace.serving.audit import AuditLog
from tests.serving.access.people import OPEN, TEXT, bearer, gate
from tests.serving.toy import Service, wait_until, write_version

BODY = {"instances": [[1.0, 2.0]]}
V2 = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
METRICS = "/monitoring/prometheus/metrics"


class Guarded(Service):
    def __init__(self, base_path: Path, text: str = TEXT) -> None:
        self.audit = AuditLog()
        self.gate: Gate = gate(text, self.audit)
        write_version(base_path, 1, 2.0)
        super().__init__(base_path, gate=self.gate)

    def status(self, method: str, path: str, name: str = "", **options: Any) -> int:
        return self.ask(method, path, headers=bearer(name) if name else {}, **options).status_code


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Guarded]:
    with Guarded(tmp_path) as made:
        wait_until(lambda: made.lifecycle.available)
        yield made


def test_every_path_wants_to_know_who_asks(service: Guarded) -> None:
    shown = itertools.cycle([{}, bearer("a wrong one"), bearer("wrong"), {"authorization": "Basic eDp5"}])
    for method, path in [
        ("POST", "/v1/models/m:predict"),
        ("POST", "/v1/models/m:classify"),
        ("POST", "/v2/models/m/infer"),
        ("GET", "/v1/models/m"),
        ("GET", "/v1/models/m/metadata"),
        ("GET", "/v1/models"),
        ("GET", "/v2"),
        ("GET", "/v2/models/m"),
        ("GET", "/v2/models/m/ready"),
        ("POST", "/v2/repository/index"),
        ("GET", METRICS),
        ("GET", "/openapi.json"),
        ("GET", "/nothing"),
    ]:
        response = service.ask(method, path, headers=next(shown))
        assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer"), path
    for path in ("/livez", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"):
        assert service.status("GET", path) == 200


def test_callers_have_their_models(service: Guarded) -> None:
    assert service.ask("POST", "/v1/models/m:predict", json=BODY, headers=bearer("risk")).json() == {"predictions": [[2.0, 4.0]]}
    assert service.status("POST", "/v2/models/m/infer", "risk", json=V2) == 200
    for path in ("/v1/models/m", "/v1/models/m/metadata", "/v2/models/m", "/v2/models/m/ready"):
        assert [service.status("GET", path, name) for name in ("risk", "ops", "other", "prom")] == [200, 200, 403, 403]
    for name in ("ops", "other", "prom"):
        assert service.status("POST", "/v1/models/m:predict", name, json=BODY) == 403
        assert service.status("POST", "/v2/models/m/infer", name, json=V2) == 403
    assert service.status("POST", "/v1/models/another:predict", "other", json=BODY) == 404
    assert service.status("POST", "/v1/models/not-there:predict", "other", json=BODY) == 403


def test_feedback_comes_from_those_who_may_ask_the_model(service: Guarded) -> None:
    told: list[Any] = []

    def listen(document: Any) -> dict[str, Any]:
        told.append(document)
        return {}

    service.dataplane.feedback = listen
    document = {"model": "m", "request_id": "1", "outcome": True}
    codes = [service.status("POST", "/v1/feedback", name, json=document) for name in ("risk", "other", "ops", "")]
    assert codes == [200, 403, 403, 401]
    assert told == [document]


def test_lists_show_what_a_caller_may_ask(service: Guarded) -> None:
    names = {name: service.ask("GET", "/v1/models", headers=bearer(name)).json()["models"] for name in ("risk", "other", "ops")}
    assert {name: [each["name"] for each in found] for name, found in names.items()} == {"risk": ["m"], "other": [], "ops": ["m"]}
    found = [service.ask("POST", "/v2/repository/index", headers=bearer(name)).json() for name in ("risk", "other")]
    assert [len(each) for each in found] == [1, 0]


def test_the_metrics_page_needs_its_role(service: Guarded) -> None:
    assert [service.status("GET", METRICS, name) for name in ("prom", "risk", "ops")] == [200, 403, 403]


def test_a_refusal_comes_before_the_body_is_looked_at(service: Guarded) -> None:
    for name, status in [("", 401), ("wrong", 401), ("other", 403)]:
        assert service.status("POST", "/v1/models/m:predict", name, content=b"{ no json") == status
    assert service.status("POST", "/v1/models/m:predict", "risk", content=b"{ no json") == 400


def test_requests_over_the_limit(service: Guarded) -> None:
    codes = [service.status("POST", "/v1/models/m:predict", "slow", json=BODY) for _ in range(2)]
    response = service.ask("POST", "/v1/models/m:predict", content=b"{ no json", headers=bearer("slow"))
    assert (codes, response.status_code) == ([200, 200], 429)
    assert 900 < int(response.headers["retry-after"]) <= 1000
    assert "slow may send 0.001 requests a second" in response.json()["error"]
    assert service.status("POST", "/v1/models/m:predict", "heavy", content=b" " * 100) == 400
    assert service.status("POST", "/v1/models/m:predict", "heavy", json=BODY) == 429


def test_the_anonymous(tmp_path: Path) -> None:
    with Guarded(tmp_path, TEXT + OPEN) as service:
        wait_until(lambda: service.lifecycle.available)
        assert service.status("GET", METRICS) == 403
        assert [service.status("POST", "/v1/models/m:predict", json=BODY) for _ in range(3)] == [200, 200, 429]
        assert service.status("POST", "/v1/models/m:predict", "risk", json=BODY) == 200


def test_refusals_are_audited(service: Guarded) -> None:
    service.status("POST", "/v1/models/m:predict", "other", json=BODY)
    service.status("GET", "/v1/models/m")
    anonymous, known = service.audit.recent()
    assert (known.who, known.action, known.target, known.outcome) == (
        "other",
        "access.refused",
        "POST /v1/models/m:predict",
        "PERMISSION_DENIED",
    )
    assert (anonymous.who, anonymous.outcome, anonymous.details["protocol"]) == ("anonymous@127.0.0.1", "UNAUTHENTICATED", "REST")


def test_the_context_knows_the_caller(service: Guarded) -> None:
    callers: list[str] = []
    service.dataplane.listeners.append(lambda run: callers.append(run.context.caller))
    service.status("POST", "/v1/models/m:predict", "risk", json=BODY)
    assert callers == ["risk"]


def test_the_admin_api_needs_its_role(service: Guarded) -> None:
    routes = ModelRoutes(OneProcess(service.models, service.audit), service.audit).routes()
    service.app = admin_app(routes, service.app, ["test"], service.gate)  # type: ignore[assignment]
    assert [service.status("GET", "/admin/v1/status", name) for name in ("", "wrong", "risk", "ops")] == [401, 401, 403, 200]
    headers = {"content-type": "text/plain"}
    refused = service.ask("POST", "/admin/v1/models:reload", headers=headers | bearer("risk"))
    assert refused.status_code == 403
    assert service.status("POST", "/v1/models/m:predict", "risk", json=BODY) == 200
    taken = service.ask("POST", "/admin/v1/models:reload", headers=headers | bearer("ops"), content=b"model_config_list {}")
    assert taken.status_code == 200
    events = [(event.who, event.action) for event in service.audit.recent(2)]
    assert events == [("ops", "models.reload"), ("risk", "access.refused")]
