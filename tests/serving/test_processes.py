"""A server of several processes, through `headrace serve`."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from headrace.proto import serving as messages
from tests.serving.process import BODY, Load, Server, running, serving
from tests.serving.toy import write_version
from tests.serving.toy_grpc import Client, predict_request

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several processes on one port need Linux")

TWO = "--num_processes=2"
X = np.float32([[1, 2]])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers(server: Server) -> list[int]:
    """The processes that answer."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(child) for child in children]


def get(server: Server, path: str, body: bytes | None = None) -> str:
    """An answer, on a connection of its own, so that any process may give it.

    One that a process had not taken when it was killed is reset: then it is asked again, as clients do.
    """
    place = urllib.parse.urlsplit(server.url).netloc
    for _ in range(50):
        connection = http.client.HTTPConnection(place, timeout=60)
        try:
            connection.request("GET" if body is None else "POST", path, body)
            response = connection.getresponse()
            assert response.status == 200
            return response.read().decode()
        except ConnectionError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise AssertionError(f"{path} is not answered")


def samples(server: Server) -> dict[str, float]:
    """The counters and gauges of the page, by name; those of several labels added up."""
    page = get(server, "/monitoring/prometheus/metrics").replace(":tensorflow:serving:", "tfs_")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def ask(server: Server, times: int) -> None:
    for _ in range(times):
        assert json.loads(get(server, "/v1/models/m:predict", json.dumps(BODY).encode())) == {"predictions": [[2.0, 4.0]]}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_version(folder / "m", 1, 2.0)
    write_version(folder / "other", 5, 3.0)
    return folder


@pytest.fixture(scope="module")
def server(base: Path) -> Iterator[Server]:
    """One for the tests that leave it as they found it."""
    with serving(base / "m", TWO, "--port=auto") as server:
        yield server.ready()
        assert server.end() == 0


def test_all_answer_and_are_counted_as_one(server: Server) -> None:
    before = samples(server)
    ask(server, 40)
    clients = [Client(server.grpc) for _ in range(8)]
    for client in clients:
        client.call("Predict", predict_request(x=X))
        client.close()
    found = samples(server)
    for name in ("headrace_serving_requests_total", "headrace_serving_request_duration_seconds_count"):
        assert found[name] - before.get(name, 0) == 48
    assert found["headrace_serving_model_version_available"] == 1
    assert found["headrace_serving_queue_limit"] == 2 * 2 * 1024
    pages = {json.dumps(get(server, "/v1/models")) for _ in range(10)}
    assert len(pages) == 1


def replace_one(server: Server) -> None:
    """Kills a process, and waits until another one answers in its place."""
    before = workers(server)
    loads = samples(server)["headrace_serving_model_loads_total"]
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(set(workers(server)) - set(before)) == 1)
    wait_until(lambda: samples(server)["headrace_serving_model_loads_total"] > loads)


def test_one_that_is_killed_is_replaced_and_its_counts_stay(server: Server) -> None:
    ask(server, 30)
    before = samples(server)["headrace_serving_requests_total"]
    replace_one(server)
    assert samples(server)["headrace_serving_requests_total"] == before
    ask(server, 10)
    assert samples(server)["headrace_serving_requests_total"] == before + 10


def test_a_reload_reaches_all_and_those_that_come_later(server: Server, base: Path) -> None:
    def reload(*models: str) -> tuple[str, str]:
        request = messages.ReloadConfigRequest()
        for name in models:
            request.config.model_config_list.config.add(name=name, base_path=str(base / name), model_platform="tensorflow")
        client = Client(server.grpc)
        try:
            return client.call("HandleReloadConfigRequest", request).status.error_code, ""
        except grpc.RpcError as error:
            return error.code().name, error.details()  # type: ignore[attr-defined]
        finally:
            client.close()

    def listed() -> set[bool]:
        return {"other" in get(server, "/v1/models") for _ in range(30)}

    assert reload("m", "other")[0] == 0
    assert listed() == {True}
    replace_one(server)
    wait_until(lambda: samples(server)["headrace_serving_model_available"] == 2)
    assert listed() == {True}
    status, message = reload("m", "m")
    assert (status, "m" in message) == ("INVALID_ARGUMENT", True), message
    assert listed() == {True}
    assert reload("m")[0] == 0
    assert listed() == {False}


def test_requests_in_progress_are_answered_at_the_end(base: Path) -> None:
    with serving(base / "m", TWO) as server:
        server.ready()
        with Load(server.url, clients=4) as load:
            wait_until(lambda: all(load.answers))
            server.process.send_signal(signal.SIGTERM)
            assert server.wait() == 0
        assert {status for answers in load.answers for status, _ in answers} == {200}


def test_workers_end_with_a_supervisor_that_is_killed(base: Path) -> None:
    with serving(base / "m", TWO) as server:
        server.ready()
        left = workers(server)
        server.process.kill()
        server.process.wait(30)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))


def test_nothing_runs_where_a_worker_cannot_start(base: Path, tmp_path: Path) -> None:
    config = tmp_path / "models"
    config.write_text("model_config_list { config { name: 1 } }")
    with running(f"--model_config_file={config}", TWO) as server:
        assert server.wait() == 1
        assert any("before the server was ready" in line for line in server.log)
