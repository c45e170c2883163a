"""Servers that are killed, stopped or started again while they are asked, names that nobody has, and answers that are reset."""

from __future__ import annotations

import signal
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.client import Retries
from headrace.core import errors
from tests.client.clients import KINDS
from tests.client.faults import Faulty, Step, http, read_request
from tests.serving.process import Server, running
from tests.serving.toy import wait_until, write_version

X = {"x": np.float32([[1, 2]])}
PATIENT = Retries(limit=2000, base_seconds=0.2, max_seconds=0.2, burst=2000)
SLOW_SECONDS = 20.0


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


@pytest.fixture(params=["rest", "grpc"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def models(tmp_path: Path) -> str:
    write_version(tmp_path, 1, 2.0)
    return f"--model_base_path={tmp_path}"


def place(server: Server, protocol: str) -> str:
    return server.url if protocol == "rest" else f"grpc://{server.grpc}"


def in_flight(server: Server, seconds: float, client: Any, raised: list[Exception]) -> threading.Thread:
    """A call that takes so long, once it is on the server; what it raises goes into the list."""
    begun = threading.Event()

    def call() -> None:
        begun.set()
        try:
            client.predict("m", {"seconds": np.float32([seconds])}, signature="slow", timeout=SLOW_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert begun.wait(30)
    time.sleep(0.5)
    return thread


def test_a_server_that_is_killed_in_a_call(kind: Any, protocol: str, models: str) -> None:
    raised: list[Exception] = []
    with running(models, "--model_name=m", "--port=auto") as server, kind(place(server.ready(), protocol)) as client:
        assert client.predict("m", X)["y"].tolist() == [[2, 4]]
        thread = in_flight(server, 15.0, client, raised)
        server.process.kill()
        started = time.monotonic()
        thread.join(60)
        assert time.monotonic() - started < SLOW_SECONDS / 2, "nobody waits for one that is gone"
    assert [type(error) for error in raised] == [errors.UnavailableError]


def test_a_server_that_comes_back(kind: Any, protocol: str, models: str) -> None:
    with running(models, "--model_name=m", "--port=auto") as server:
        address = place(server.ready(), protocol)
        ports = [f"--rest_api_port={server.url.rpartition(':')[2]}", f"--port={server.grpc.rpartition(':')[2]}"]
        with kind(address, retries=PATIENT) as client:
            assert client.predict("m", X)["y"].tolist() == [[2, 4]]
            server.process.kill()
            server.wait()
            with running(models, "--model_name=m", *ports) as again:
                assert client.predict("m", X, timeout=60)["y"].tolist() == [[2, 4]], "calls wait for it as long as they may"
                assert again.ready().end() == 0


def test_a_server_that_stands_still(kind: Any, protocol: str, models: str) -> None:
    with running(models, "--model_name=m", "--port=auto") as server, kind(place(server.ready(), protocol)) as client:
        assert client.predict("m", X)["y"].tolist() == [[2, 4]]
        server.process.send_signal(signal.SIGSTOP)
        try:
            started = time.monotonic()
            with pytest.raises(errors.DeadlineExceededError, match=r"within 0\.5 s|Deadline Exceeded"):
                client.predict("m", X, timeout=0.5)
            assert time.monotonic() - started < SLOW_SECONDS / 2
        finally:
            server.process.send_signal(signal.SIGCONT)
        wait_until(lambda: client.predict("m", X, timeout=10)["y"].tolist() == [[2, 4]])


@pytest.mark.parametrize("scheme", ["http", "https", "grpc", "grpcs"])
def test_a_name_that_nobody_has(kind: Any, scheme: str) -> None:
    with kind(f"{scheme}://nobody.invalid:1", retries=1, timeout=10) as client:
        with pytest.raises((errors.UnavailableError, errors.DeadlineExceededError)):
            client.status("m")
        assert client.live(timeout=5) is False


def cut_off(data: bytes) -> Step:
    """Reads a request, sends these bytes, and resets the connection, as a proxy does whose server is gone."""

    def step(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(data)
        time.sleep(0.2)  # so that they arrive before the reset does
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return step


@pytest.mark.parametrize("sent", [60, 100], ids=["in the head", "in the body"])
def test_an_answer_that_is_reset(kind: Any, sent: int) -> None:
    answer = http(200, b'{"outputs": [' + b"1.0," * 20 + b"1.0]}", keep=True)[:sent]
    begun = b"\r\n\r\n" in answer
    with Faulty(cut_off(answer)) as server, kind(server.url, retries=Retries(limit=2, base_seconds=0.01)) as client:
        with pytest.raises(errors.DataLossError if begun else errors.UnavailableError):
            client.status("m")
        assert server.taken == (1 if begun else 3), "what has begun to be answered is not asked for again"
