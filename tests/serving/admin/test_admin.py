"""The admin API in this process: routes, and what keeps other sites' pages away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf import text_format

from headrace.serving.admin.app import admin_app
from headrace.serving.admin.options import AdminOptions
from headrace.serving.admin.routes import ModelRoutes
from headrace.serving.admin.served import OneProcess
from headrace.serving.admin.server import AdminServer
from headrace.serving.audit import AuditLog
from headrace.serving.dataplane import Dataplane
from headrace.serving.metrics import ServingMetrics
from headrace.serving.rest.app import RestApp
from headrace.serving.workers import Workers
from tests.serving.fleet import Fleet, config

TEXT = {"content-type": "text/plain"}


class Admin:
    """A fleet with one model `m`, versions 3 and 5, behind the admin application."""

    def __init__(self, root: Path) -> None:
        self.fleet = Fleet(root)
        self.path = self.fleet.path("m", 3, 5)
        self.fleet.begin(config(m={"base_path": self.path, "latest": 2}))
        self.audit = AuditLog()
        self.workers = Workers(2, 8, lambda _: None)
        metrics = ServingMetrics()
        rest = RestApp(Dataplane(self.fleet.models, metrics), metrics, self.workers)
        self.app = admin_app(ModelRoutes(OneProcess(self.fleet.models, self.audit), self.audit).routes(), rest, ["ops.example"])

    def ask(self, method: str, path: str, host: str = "127.0.0.1:8502", **options: Any) -> httpx.Response:
        headers = {"host": host} | dict(options.pop("headers", {}))

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(send())

    def reload(self, text: str, **options: Any) -> httpx.Response:
        return self.ask("POST", "/admin/v1/models:reload", content=text.encode(), **{"headers": TEXT} | options)


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Admin]:
    made = Admin(tmp_path)
    yield made
    assert made.fleet.models.stop(30)
    made.workers.stop(30)


def test_status(admin: Admin) -> None:
    content = admin.ask("GET", "/admin/v1/status").json()
    server = content["server"]
    assert server["ready"] is True
    assert server["started"] > 1e9
    assert server["uptime_seconds"] >= 0
    assert server["version"]
    assert server["pid"]
    assert list(content["models"]) == ["m"]
    assert content["models"]["m"]["labels"] == {}
    versions = content["models"]["m"]["versions"]
    assert [(each["version"], each["state"], each["error"], each["engine"]) for each in versions] == [
        (5, "AVAILABLE", "", "toy"),
        (3, "AVAILABLE", "", "toy"),
    ]


def test_signatures(admin: Admin) -> None:
    response = admin.ask("GET", "/admin/v1/models/m/versions/3")
    assert response.json()["signatures"]["serving_default"] == {
        "inputs": {"x": {"dtype": "float32", "shape": [-1, 2]}},
        "outputs": {"y": {"dtype": "float32", "shape": [-1, 2]}},
        "method": "tensorflow/serving/predict",
    }
    assert response.json()["signatures"]["broken"]["inputs"] == {"x": {"dtype": "float32", "shape": None}}
    for path, status in [("m/versions/4", 404), ("n/versions/3", 404), ("m/versions/x", 404), (f"m/versions/{10**30}", 400)]:
        assert admin.ask("GET", f"/admin/v1/models/{path}").status_code == status


def test_reload_and_audit(admin: Admin) -> None:
    wanted = text_format.MessageToString(config(m={"base_path": admin.path, "latest": 2}, n=admin.fleet.path("n", 7)))
    response = admin.reload(wanted)
    assert response.json() == {
        "complete": True,
        "models": {"m": {"change": "unchanged", "error": ""}, "n": {"change": "added", "error": ""}},
    }
    assert admin.fleet.ask("n") == 7
    gone = text_format.MessageToString(config(n=admin.path.parent / "n", lost=admin.path.parent / "lost"))
    content = admin.reload(gone).json()
    assert content["complete"] is False
    assert "lost" in content["models"]["lost"]["error"]
    refused = admin.reload('model_config_list { config { name: "m" base_path: "not/absolute" } }')
    assert refused.status_code == 400
    unreadable = admin.reload("model_config_list { bogus: 1 }")
    assert (unreadable.status_code, "the request's body:1:" in unreadable.json()["error"]) == (400, True)
    assert admin.fleet.models.names == ["lost", "n"]
    events = admin.ask("GET", "/admin/v1/audit").json()["events"]
    assert [(each["who"], each["action"], each["outcome"]) for each in events] == [
        ("anonymous@127.0.0.1", "models.reload", "INVALID_ARGUMENT"),
        ("anonymous@127.0.0.1", "models.reload", "UNKNOWN"),
        ("anonymous@127.0.0.1", "models.reload", "OK"),
    ]
    assert events[2]["details"]["n"] == {"change": "added", "error": ""}
    assert len(admin.ask("GET", "/admin/v1/audit?limit=1").json()["events"]) == 1
    for limit in ("0", "-1", "x", "9" * 30, "1001"):
        assert admin.ask("GET", f"/admin/v1/audit?limit={limit}").status_code == 400


def test_bodies_are_bounded(admin: Admin) -> None:
    response = admin.reload(" " * (8 << 20) + " ")
    assert (response.status_code, response.headers["connection"]) == (413, "close")


def test_the_models_can_be_asked_through_the_admin_port(admin: Admin) -> None:
    response = admin.ask("POST", "/v1/models/m:predict", json={"instances": [[1.0, 2.0]]})
    assert response.json() == {"predictions": [[5.0, 10.0]]}
    assert admin.ask("GET", "/livez").status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "status", 405), ("GET", "models:reload", 405), ("GET", "x", 404)])
def test_what_is_not_there(admin: Admin, method: str, path: str, status: int) -> None:
    response = admin.ask(method, f"/admin/v1/{path}", headers=TEXT)
    assert response.status_code == status
    assert path in response.json()["error"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9:80", "localhost:8502", "LOCALHOST", "[::1]:8502", "10.1.2.3", "ops.example"]
)
def test_hosts_that_nobody_can_fake(admin: Admin, host: str) -> None:
    assert admin.ask("GET", "/admin/v1/status", host=host).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1", "a@127.0.0.1.x", "0x7f.1"]
)
def test_names_that_were_made_to_point_here(admin: Admin, host: str) -> None:
    for path in ("/admin/v1/status", "/v1/models"):
        response = admin.ask("GET", path, host=host)
        assert response.status_code == 403
        assert "expected an address, localhost, or a name given" in response.json()["error"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1"])
def test_pages_of_other_sites(admin: Admin, origin: str) -> None:
    for method, path in [("POST", "/admin/v1/models:reload"), ("GET", "/admin/v1/status"), ("POST", "/v1/models/m:predict")]:
        response = admin.ask(method, path, headers=TEXT | {"origin": origin})
        assert (response.status_code, "access-control-allow-origin" in response.headers) == (403, False)


def test_our_own_page(admin: Admin) -> None:
    response = admin.ask("GET", "/admin/v1/status", headers={"origin": "http://127.0.0.1:8502"})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_forms_change_nothing(admin: Admin, kind: str) -> None:
    response = admin.reload("", headers={"content-type": kind})
    assert response.status_code == 415
    assert admin.fleet.models.names == ["m"]


def test_a_fault_of_a_route_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: Any) -> Any:
        raise RuntimeError("secret")

    from starlette.routing import Route

    async def rest(*_: Any) -> None:
        raise AssertionError

    with AdminServer(admin_app([Route("/admin/v1/fail", fail)], rest), AdminOptions()) as server:
        response = httpx.get(f"{server.url}/admin/v1/fail")
    assert (response.status_code, "secret" in response.text) == (500, False)
    assert any(record.exc_info and "secret" in str(record.exc_info[1]) for record in caplog.records)
    assert not any(thread.name == "admin" for thread in threading.enumerate())
