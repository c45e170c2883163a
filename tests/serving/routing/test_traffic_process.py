"""Traffic rules of a server process, from its file and through its admin API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving.process import BODY, Server, running
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_traffic import variant

HALVES = [variant("stable", 1, 50), variant("canary", 2, 50)]
TOML = """
[models.m]
variants = [{{ name = "stable", version = 1, weight = {} }}, {{ name = "canary", version = 2, weight = {} }}]
"""


class Served:
    """A server with rules of a file, and a client of its admin API."""

    def __init__(self, server: Server, rules: Path) -> None:
        self.url = server.url
        self.rules = rules
        found: list[str] = []

        def told() -> bool:
            found.extend(re.findall(r'"listening for administration" url=(\S+)', "".join(server.log)))
            return bool(found)

        wait_until(told)  # the log is read on a thread of its own
        self.admin = httpx.Client(base_url=found[0], timeout=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("server")
    for version in (1, 2):
        write_version(root / "m", version, float(version))
    config = root / "models.txt"
    config.write_text(
        f'model_config_list {{ config {{ name: "m" base_path: "{root / "m"}" model_platform: "tensorflow" '
        "model_version_policy { all {} } } }"
    )
    rules = root / "traffic.toml"
    rules.write_text(TOML.format(3, 1))
    flags = ["--traffic_config_file", str(rules), "--traffic_config_file_poll_wait_seconds=0.05", "--admin_port=auto"]
    with running(f"--model_config_file={config}", *flags) as process:
        served = Served(process.ready(), rules)
        with served.admin:
            yield served
        assert process.end() == 0


def test_the_file_is_in_force_and_followed(server: Served) -> None:
    found = [httpx.post(f"{server.url}/v1/models/m:predict", json=BODY, timeout=60).headers["x-headrace-variant"] for _ in range(8)]
    assert found.count("canary") == 2
    server.rules.write_text(TOML.format(1, 0))
    wait_until(lambda: server.admin.get("/admin/v1/traffic").json()["models"]["m"]["variants"][1]["weight"] == 0)


def test_rules_are_replaced_over_http(server: Served) -> None:
    admin = server.admin
    shown = admin.get("/admin/v1/traffic")
    document = {"models": {"m": {"variants": HALVES}}}
    replaced = admin.put("/admin/v1/traffic", json=document, headers={"If-Match": shown.headers["etag"]})
    assert replaced.status_code == 200, replaced.text
    assert replaced.json() == {"models": {"m": {"variants": HALVES, "salt": "m", "allow_override": False}}}
    assert replaced.headers["etag"] == admin.get("/admin/v1/traffic").headers["etag"] != shown.headers["etag"]
    late = admin.put("/admin/v1/traffic", json={}, headers={"If-Match": shown.headers["etag"]})
    assert (late.status_code, "changed meanwhile" in late.json()["error"]) == (412, True)
    assert admin.put("/admin/v1/traffic", json={}, headers={"If-Match": "*"}).status_code == 200
    assert admin.put("/admin/v1/traffic", json=document).status_code == 200
    bad = admin.put("/admin/v1/traffic", json={"models": {"m": {"variants": []}}})
    assert (bad.status_code, "variants has 0 entries" in bad.json()["error"]) == (400, True)
    assert admin.put("/admin/v1/traffic", content=b"[", headers={"Content-Type": "application/json"}).status_code == 400


def test_report_rollback_and_feedback(server: Served) -> None:
    admin = server.admin
    admin.put("/admin/v1/traffic", json={"models": {"m": {"variants": HALVES, "salt": "again"}}}).raise_for_status()
    answers = [httpx.post(f"{server.url}/v1/models/m:predict", json=BODY, timeout=60) for _ in range(4)]
    outcome = {"model": "m", "request_id": answers[0].headers["x-headrace-request-id"], "outcome": True}
    for base in (server.url, str(admin.base_url).rstrip("/")):
        assert httpx.post(f"{base}/v1/feedback", json=outcome, timeout=60).status_code == 200
    report = admin.get("/admin/v1/traffic/m/report").json()
    assert sum(each["requests"] for each in report["variants"].values()) == 4
    assert sum(each["outcomes"]["rate"]["count"] for each in report["variants"].values()) == 1
    kind = {"Content-Type": "application/json"}
    rolled = admin.post("/admin/v1/traffic/m:rollback", headers=kind)
    assert rolled.json()["rolled_back"]["canary"]["why"] == "asked"
    assert httpx.post(f"{server.url}/v1/models/m:predict", json=BODY, timeout=60).headers["x-headrace-variant"] == "stable"
    assert admin.post("/admin/v1/traffic/m:rollback", json={"variant": "stable"}).status_code == 400
    assert admin.post("/admin/v1/traffic/m:rollback", json={"variant": "other"}).status_code == 404
    assert admin.post("/admin/v1/traffic/m:rollback", json={"version": 1}).status_code == 400
    assert admin.post("/admin/v1/traffic/m:resume", headers=kind).json()["rolled_back"] == {}
    assert admin.get("/admin/v1/traffic/n/report").status_code == 404
    actions = [event["action"] for event in admin.get("/admin/v1/audit").json()["events"]]
    assert actions[:2] == ["traffic.resume", "traffic.rollback"]
    page = httpx.get(f"{server.url}/monitoring/prometheus/metrics", timeout=60).text
    assert 'headrace_serving_traffic_share{model="m",variant="canary"} 0.5' in page
