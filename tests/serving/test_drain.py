"""SIGTERM with a time to drain: not ready at once, requests taken until it is over, none lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from headrace.proto.messages import message
from headrace.serving.grpc.v2 import messages
from tests.serving.process import BODY, Asking, Server, serving
from tests.serving.test_grpc_v2 import SERVICE, X, request_of
from tests.serving.test_grpc_v2_streams import Stream, good, slow
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_grpc import Client, outputs, predict_request

HealthCheckRequest = message("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message("grpc.health.v1.HealthCheckResponse")
SERVING, NOT_SERVING = 1, 2


@pytest.fixture
def base_path(tmp_path: Path) -> Path:
    write_version(tmp_path, 1, 2.0)
    return tmp_path


@pytest.fixture
def server(base_path: Path) -> Iterator[Server]:
    """One that would drain for ten minutes."""
    with serving(base_path, "--port=auto", "--drain_seconds=600") as server:
        yield server.ready()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    client = Client(server.grpc)
    yield client
    client.close()


def health(client: Client, service: str = "") -> Any:
    check: Any = client.channel.unary_unary("/grpc.health.v1.Health/Check", response_deserializer=HealthCheckResponse.FromString)
    return check(HealthCheckRequest(service=service).SerializeToString(), timeout=60).status


def watch(client: Client) -> Any:
    method: Any = client.channel.unary_stream("/grpc.health.v1.Health/Watch", response_deserializer=HealthCheckResponse.FromString)
    return method(HealthCheckRequest().SerializeToString(), timeout=60)


def server_ready(client: Client) -> bool:
    method: Any = client.channel.unary_unary(
        f"/{SERVICE}/ServerReady", response_deserializer=messages.ServerReadyResponse.FromString
    )
    return bool(method(b"", timeout=60).ready)


def drained(server: Server) -> bool:
    return httpx.get(f"{server.url}/readyz").status_code == 503


def test_it_is_not_ready_at_once_and_goes_on_answering(server: Server, client: Client) -> None:
    watched = watch(client)
    assert next(watched).status == SERVING
    stream = Stream(client)
    stream.ask(good())
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: drained(server))

    ready = httpx.get(f"{server.url}/readyz").json()
    assert ready == {"ready": False, "draining": True, "models_without_available_version": []}
    assert httpx.get(f"{server.url}/v2/health/ready").status_code == 503
    assert httpx.get(f"{server.url}/livez").status_code == 200
    services = ("", "grpc.health.v1.Health", "tensorflow.serving.PredictionService", SERVICE)
    assert [health(client, service) for service in services] == [NOT_SERVING] * 4
    assert next(watched).status == NOT_SERVING
    assert not server_ready(client)

    assert httpx.post(f"{server.url}/v1/models/m:predict", json=BODY).json() == {"predictions": [[2.0, 4.0]]}
    assert outputs(client.call("Predict", predict_request(x=X))) == {"y": [[2, 4]]}
    assert stream.ask(good()).error_message == ""
    assert Stream(client).ask(request_of(True, x=("FP32", X))).error_message == ""

    stream.send(slow(0.5))
    wait_until(lambda: 'in_flight{protocol="GRPC"} 1' in httpx.get(f"{server.url}/monitoring/prometheus/metrics").text)
    server.process.send_signal(signal.SIGTERM)  # does not wait for the rest of the ten minutes
    with pytest.raises(grpc.RpcError):
        for _ in stream.call:
            pass
    assert server.wait() == 0
    assert not any("Traceback" in line for line in server.log)


class Balancer(Asking):
    """Clients of a load balancer: it asks whether the server is ready, and sends requests as long as it was at the last look."""

    def __init__(self, url: str, clients: int = 3) -> None:
        self.ready = True
        self.faults: list[str] = []
        self.answered = 0
        super().__init__()
        self._url = url
        self._threads = [threading.Thread(target=each) for each in [self._look] + [self._ask] * clients]

    def _look(self) -> None:
        with httpx.Client(base_url=self._url) as client:
            while self.ready and not self._stop.wait(0.05):
                self.ready = client.get("/readyz").status_code == 200

    def _ask(self) -> None:
        while self.ready and not self._stop.is_set():
            try:
                answer = httpx.post(f"{self._url}/v1/models/m:predict", json=BODY)  # each on a connection of its own
            except httpx.HTTPError as error:
                self.faults.append(repr(error))
                return
            if answer.status_code == 200:
                self.answered += 1
            else:
                self.faults.append(answer.text)


def test_no_client_of_a_load_balancer_sees_the_end(base_path: Path) -> None:
    with serving(base_path, "--port=auto", "--drain_seconds=4") as server:
        server.ready()
        client = Client(server.grpc)
        stream = Stream(client)
        stream.ask(good())
        with Balancer(server.url) as balancer:
            wait_until(lambda: balancer.answered > 20)
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not balancer.ready)
        assert balancer.faults == []
        assert stream.end() == ("UNAVAILABLE", "the server is ending; open a stream to another one")
        assert server.wait() == 0
        client.close()
    assert any('"draining" seconds=4.0' in line for line in server.log)


def test_a_signal_while_models_load_needs_no_drain(tmp_path: Path) -> None:
    with serving(tmp_path / "nothing", "--drain_seconds=600") as server:
        wait_until(lambda: any("no such" in line or "polling" in line for line in server.log), 120)
        assert server.end() == 0
