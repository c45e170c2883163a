"""The admin port of a server of several processes: one server, whichever of them is asked, stopped or killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from headrace.data.tfrecord import read
from headrace.proto.serving import PredictionLog
from tests.serving.admin.test_admin_process import admin_url
from tests.serving.process import BODY, Server, serving
from tests.serving.test_processes import TWO, wait_until, workers
from tests.serving.toy import write_version

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several processes on one port need Linux")

JSON = {"Content-Type": "application/json"}
NAN = float("nan")


class Fleet:
    """A server of two processes, with versions 1, 2 and 3 of a model, the last of which answers NaN."""

    def __init__(self, root: Path, server: Server) -> None:
        self.root = root
        self.server = server
        self.admin = httpx.Client(base_url=admin_url(server), timeout=60)
        self.audit = root / "audit.jsonl"

    def status(self) -> Any:
        return self.admin.get("/admin/v1/status").json()

    def states(self) -> list[str]:
        return [each["state"] for each in self.status()["server"]["processes"]]

    def put(self, *variants: tuple[str, int, float], **more: Any) -> httpx.Response:
        """Replaces the rules of the model."""
        told = [{"name": name, "version": version, "weight": weight} for name, version, weight in variants]
        return self.admin.put("/admin/v1/traffic", json={"models": {"m": {"variants": told, **more}} if told else {}})

    def post(self, path: str, **document: Any) -> httpx.Response:
        return self.admin.post(path, json=document)

    def predict(self, count: int, **headers: str) -> list[httpx.Response]:
        """Answers, each on a connection of its own, so that any process gives it."""
        found: list[httpx.Response] = []
        while len(found) < count:
            with contextlib.suppress(httpx.TransportError):  # taken by a process that was killed
                found.append(httpx.post(f"{self.server.url}/v1/models/m:predict", json=BODY, headers=headers, timeout=60))
        return found

    def variants(self, count: int) -> Counter[str]:
        return Counter(answer.headers.get("x-headrace-variant", "") for answer in self.predict(count))

    def report(self) -> Any:
        return self.admin.get("/admin/v1/traffic/m/report").json()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.audit.read_text().splitlines()]

    def metric(self, name: str) -> float:
        page = self.admin.get("/monitoring/prometheus/metrics").text
        return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))

    def all_serve(self) -> None:
        wait_until(lambda: self.states() == ["serving", "serving"])

    def pid(self, index: int) -> int | None:
        found: int | None = self.status()["server"]["processes"][index]["pid"]
        return found

    def replace(self, index: int) -> None:
        """Kills a process, and waits until another one serves in its place."""
        pid = self.pid(index)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.pid(index) not in (None, pid))
        self.all_serve()

    @contextlib.contextmanager
    def stopped(self, pid: int) -> Iterator[None]:
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def model_list(root: Path, *names: str) -> str:
    policy = "model_version_policy { all { } } logging_config { sampling_config { sampling_rate: 1 } }"
    entries = [f'config {{ name: "{name}" base_path: "{root / name}" model_platform: "tensorflow" {policy} }}' for name in names]
    return f"model_config_list {{ {' '.join(entries)} }}"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    root = tmp_path_factory.mktemp("fleet")
    for version, scale in ((1, 2.0), (2, 3.0), (3, NAN)):
        write_version(root / "m", version, scale)
    write_version(root / "other", 5, 3.0)
    (root / "models.config").write_text(model_list(root, "m"))
    flags = [f"--model_config_file={root / 'models.config'}", f"--audit_log_file={root / 'audit.jsonl'}"]
    flags += [f"--request_log_directory={root / 'logs'}", "--request_log_inputs=hashed"]
    with serving(root / "m", TWO, "--admin_port=auto", *flags) as server:
        server.ready()
        found = Fleet(root, server)
        with found.admin:
            yield found
        assert server.end() == 0
        paths = list((root / "logs").rglob("*.tfrecord"))
        records = [PredictionLog.FromString(record) for path in paths for record in read(path)]
        inputs = {bytes(each.predict_log.request.inputs["x"].string_val[0]) for each in records}
        assert (len(paths) > 1, len(inputs)) == (True, 1)  # each process has its files, and all hash alike
        assert [line for line in server.log if "Traceback" in line or "Error" in line] == []


def test_the_whole_server_is_told_of(fleet: Fleet) -> None:
    status = fleet.status()
    assert status["server"]["ready"]
    assert status["server"]["pid"] == fleet.server.process.pid
    assert sorted(each["pid"] for each in status["server"]["processes"]) == sorted(workers(fleet.server))
    found = [(each["version"], each["state"], each["engine"]) for each in status["models"]["m"]["versions"]]
    assert found == [(version, "AVAILABLE", "toy") for version in (3, 2, 1)]
    assert "serving_default" in fleet.admin.get("/admin/v1/models/m/versions/2").json()["signatures"]
    assert fleet.admin.get("/admin/v1/models/m/versions/9").status_code == 404
    before = sum(fleet.admin.get("/admin/v1/live").json()["total"]["requests"])
    fleet.predict(30)

    def counted() -> bool:
        return bool(sum(fleet.admin.get("/admin/v1/live").json()["total"]["requests"]) - before == 30)

    wait_until(counted)
    assert fleet.admin.get("/admin/v1/live?after=x").status_code == 400


def test_rest_is_answered_on_the_admin_port(fleet: Fleet) -> None:
    answer = fleet.admin.post("/v1/models/m/versions/2:predict", json=BODY)
    assert answer.json() == {"predictions": [[3.0, 6.0]]}
    assert fleet.admin.post("/v1/models/m/versions/2:predict", content=b"{").status_code == 400
    assert fleet.admin.get("/v1/models/m?x=1").status_code == 200
    assert fleet.admin.post("/v1/models/m:predict", content=b" " * (33 << 20)).status_code == 413


def test_rules_are_those_of_all(fleet: Fleet) -> None:
    events = len(fleet.events())
    answer = fleet.put(("a", 1, 50), ("b", 2, 50))
    assert answer.status_code == 200
    assert fleet.variants(40).keys() == {"a", "b"}
    refused = fleet.put(("a", 1, 50), ("b", 77, 50))
    assert refused.status_code == 400
    assert "no version 77" in refused.json()["error"]
    assert fleet.admin.get("/admin/v1/traffic").headers["etag"] == answer.headers["etag"]
    changed = fleet.admin.put("/admin/v1/traffic", json={"models": {}}, headers={"if-match": '"other"'})
    assert changed.status_code == 412
    assert [(each["action"], each["outcome"]) for each in fleet.events()[events:]] == [
        ("traffic.replace", "OK"),
        ("traffic.replace", "FAILED_PRECONDITION"),
        ("traffic.replace", "FAILED_PRECONDITION"),
    ]
    assert fleet.put().status_code == 200
    assert fleet.variants(20) == {"": 20}


def test_what_variants_do_is_counted_together_and_outcomes_once(fleet: Fleet) -> None:
    assert fleet.put(("a", 1, 50), ("b", 2, 50), sticky={"header": "x-user"}).status_code == 200
    found = fleet.variants(40) + Counter(answer.headers["x-headrace-variant"] for answer in fleet.predict(10, **{"x-user": "ann"}))
    wait_until(lambda: sum(each["requests"] for each in fleet.report()["variants"].values()) == 50)
    assert {name: each["requests"] for name, each in fleet.report()["variants"].items()} == found
    answers = fleet.predict(6)

    def feedback(**document: Any) -> Any:
        return httpx.post(f"{fleet.server.url}/v1/feedback", json={"model": "m", "outcome": True, **document}, timeout=60).json()

    for _ in range(4):
        told = [feedback(request_id=each.headers["x-headrace-request-id"]) for each in answers]
        assert [each["variant"] for each in told] == [each.headers["x-headrace-variant"] for each in answers]
    told = [feedback(key="ann") for _ in range(6)]
    assert [each["counted"] for each in told] == [True, *[False] * 5]
    outcomes = [each["outcomes"]["rate"]["count"] for each in fleet.report()["variants"].values()]
    assert sum(outcomes) == 7
    assert "no answer to this request is remembered" in feedback(request_id="unknown")["error"]
    assert fleet.metric("headrace_serving_traffic_feedback_total") == 7
    assert fleet.put().status_code == 200


def test_a_variant_is_rolled_back_on_what_all_saw_and_for_all(fleet: Fleet) -> None:
    rollback = {"variant": "b", "baseline": "a", "max_nonfinite_rate": 0, "min_requests": 30}
    assert fleet.put(("a", 1, 50), ("b", 3, 50), rollback=rollback).status_code == 200
    events = len(fleet.events())
    answered = fleet.variants(70)  # of which b has about 35, and neither process 30
    assert answered["b"] >= 30
    wait_until(lambda: bool(fleet.report()["rolled_back"]))
    assert "held NaN" in fleet.report()["rolled_back"]["b"]["reason"]
    assert fleet.variants(40) == {"a": 40}
    assert [each["action"] for each in fleet.events()[events:]] == ["traffic.rollback"]
    assert fleet.metric("headrace_serving_traffic_rollbacks_total") == 1

    fleet.replace(0)
    assert fleet.variants(40) == {"a": 40}
    assert fleet.report()["variants"]["b"]["requests"] >= 30

    assert fleet.post("/admin/v1/traffic/m:resume").status_code == 200
    assert fleet.variants(20)["b"] > 0
    assert fleet.post("/admin/v1/traffic/m:rollback", variant="b").json()["rolled_back"]["b"]["why"] == "asked"
    assert fleet.variants(20) == {"a": 20}
    assert fleet.put().status_code == 200


def test_lists_of_models_are_those_of_all(fleet: Fleet) -> None:
    def reload(text: str) -> httpx.Response:
        return fleet.admin.post("/admin/v1/models:reload", content=text, headers={"Content-Type": "text/plain"})

    def listed() -> set[bool]:
        return {"other" in httpx.get(f"{fleet.server.url}/v1/models", timeout=60).text for _ in range(20)}

    events = len(fleet.events())
    answer = reload(model_list(fleet.root, "m", "other")).json()
    assert (answer["complete"], answer["models"]["other"]["change"]) == (True, "added")
    assert listed() == {True}
    assert reload(model_list(fleet.root, "m", "m")).status_code == 400
    assert listed() == {True}
    assert reload(model_list(fleet.root, "m")).json()["complete"]
    assert listed() == {False}
    assert [(each["action"], each["outcome"]) for each in fleet.events()[events:]] == [
        ("models.reload", "OK"),
        ("models.reload", "INVALID_ARGUMENT"),
        ("models.reload", "OK"),
    ]


def test_a_stopped_process_is_named_in_time_and_takes_the_change_later(fleet: Fleet) -> None:
    assert fleet.put(("a", 1, 50), ("b", 2, 50)).status_code == 200
    first = fleet.pid(0)
    assert first is not None
    with fleet.stopped(first):
        began = time.monotonic()
        assert fleet.status()["models"]["m"]["versions"][0]["state"] == "AVAILABLE"
        wait_until(lambda: fleet.states() == ["silent", "serving"])
        refused = fleet.put(("a", 1, 1))
        assert (refused.status_code, "worker 0" in refused.text, "nothing has changed" in refused.text) == (503, True, True)
        reload = fleet.admin.post(
            "/admin/v1/models:reload", content=model_list(fleet.root, "m"), headers={"Content-Type": "text/plain"}
        )
        assert (reload.status_code, "worker 0" in reload.text) == (503, True)
        late = fleet.post("/admin/v1/traffic/m:rollback", variant="b")
        assert (late.status_code, "worker 0" in late.text, "The change is made" in late.text) == (503, True, True)
        assert fleet.report()["rolled_back"].keys() == {"b"}
        for _ in range(4):
            assert fleet.admin.post("/v1/models/m:predict", json=BODY).status_code == 200
        assert time.monotonic() - began < 50
    fleet.all_serve()
    wait_until(lambda: fleet.variants(30) == {"a": 30})
    assert fleet.put().status_code == 200


def test_a_process_that_dies_amid_changes_is_replaced_by_one_that_has_them(fleet: Fleet) -> None:
    ending = threading.Event()
    found: list[str] = []

    def change() -> None:
        weight = 1
        with httpx.Client(base_url=str(fleet.admin.base_url), timeout=60) as client:
            while not ending.is_set():
                weight += 1
                variants = [{"name": "a", "version": 1, "weight": weight}, {"name": "b", "version": 2, "weight": 0}]
                answer = client.put("/admin/v1/traffic", json={"models": {"m": {"variants": variants}}})
                found.append("" if answer.status_code == 200 else answer.text)

    changing = threading.Thread(target=change)
    changing.start()
    for index in (0, 1):
        fleet.replace(index)
    ending.set()
    changing.join()
    assert len(found) > 2
    assert "" in found
    assert all("no answer within" in each for each in found if each)  # on a machine so busy that one starts for long
    assert fleet.variants(40) == {"a": 40}
    assert fleet.put().status_code == 200


def test_files_are_followed_once_for_all(tmp_path: Path) -> None:
    for name in ("m", "other"):
        write_version(tmp_path / name, 1, 2.0)
        write_version(tmp_path / name, 2, 3.0)
    config, rules, audit = tmp_path / "models.config", tmp_path / "traffic.toml", tmp_path / "audit.jsonl"
    config.write_text(model_list(tmp_path, "m"))
    split = '[models.m]\nvariants = [{{ name = "a", version = 1, weight = {} }}, {{ name = "b", version = 2, weight = {} }}]\n'
    rules.write_text(split.format(1, 0))
    flags = [f"--traffic_config_file={rules}", "--traffic_config_file_poll_wait_seconds=0.1", f"--audit_log_file={audit}"]
    flags += [f"--model_config_file={config}", "--model_config_file_poll_wait_seconds=0.1", "--admin_port=auto"]
    with serving(tmp_path / "m", TWO, *flags) as server:
        fleet = Fleet(tmp_path, server.ready())
        with fleet.admin:
            assert fleet.variants(20) == {"a": 20}
            rules.write_text(split.format(0, 1))
            config.write_text(model_list(tmp_path, "m", "other"))
            wait_until(lambda: len(fleet.events()) == 2)
            assert sorted((each["action"], each["outcome"]) for each in fleet.events()) == [
                ("models.reload", "OK"),
                ("traffic.replace", "OK"),
            ]
            config.write_text("model_config_list { config { name: 1 } }")  # of which one that starts anew must not die
            rules.write_text("[models.m]\n")
            fleet.replace(1)
            assert fleet.variants(20) == {"b": 20}
            assert {"other" in httpx.get(f"{server.url}/v1/models", timeout=60).text for _ in range(20)} == {True}
            assert fleet.metric("headrace_serving_traffic_rules_last_change_successful") == 0
            assert fleet.metric("headrace_serving_config_last_reload_successful") == 0
        assert server.end() == 0
