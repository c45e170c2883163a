"""What clients make of servers that are slow, broken or hostile."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from headrace.client import Client, Limits, Retries
from headrace.core import errors
from tests.client.clients import KINDS
from tests.client.faults import Faulty, answer, close, drip, http, read_request, reset

STATUS = b'{"model_version_status": [{"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]}'
GOOD = answer(http(200, STATUS))
BUSY = answer(http(503, b'{"error": "the queue is full"}'))
QUICK = Retries(limit=3, base_seconds=0.01)
SLOW_SECONDS = 5.0


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


def versions(client: Any) -> list[int]:
    return [each.version for each in client.status("m")]


@pytest.mark.parametrize("fault", [BUSY, reset, close], ids=["503", "reset", "closed"])
def test_what_did_not_begin_is_sent_again(kind: Any, fault: Any) -> None:
    with Faulty(fault, fault, GOOD) as server, kind(server.url, retries=QUICK) as client:
        assert versions(client) == [3]
        assert server.taken == 3


@pytest.mark.parametrize("fault", [BUSY, reset, close], ids=["503", "reset", "closed"])
def test_retries_can_be_off(kind: Any, fault: Any) -> None:
    with Faulty(fault, GOOD) as server, kind(server.url, retries=0) as client:
        with pytest.raises(errors.UnavailableError):
            versions(client)
        assert server.taken == 1


def test_retries_end(kind: Any) -> None:
    with Faulty(BUSY) as server, kind(server.url, retries=QUICK) as client:
        with pytest.raises(errors.UnavailableError, match="the queue is full"):
            versions(client)
        assert server.taken == 4


def test_retries_have_a_budget(kind: Any) -> None:
    rule = Retries(limit=3, base_seconds=0, ratio=0.1, burst=5)
    with Faulty(BUSY) as server, kind(server.url, retries=rule) as client:
        for _ in range(40):
            with pytest.raises(errors.UnavailableError):
                versions(client)
        assert 40 + 5 <= server.taken <= 40 + 5 + 4


def test_no_retry_after_the_deadline(kind: Any) -> None:
    rule = Retries(limit=100, base_seconds=0.05, burst=100)
    started = time.monotonic()
    with Faulty(BUSY) as server, kind(server.url, retries=rule, timeout=1.0) as client:
        with pytest.raises((errors.UnavailableError, errors.DeadlineExceededError)):  # the time may end between tries or in one
            versions(client)
        assert 1 < server.taken < 100
    assert time.monotonic() - started < SLOW_SECONDS


@pytest.mark.parametrize(
    "fault",
    [answer(http(200, b"", 10)[:9]), drip(http(200, STATUS), 0.05), drip(http(200, STATUS)[:30], 0.05)],
    ids=["head broken off", "slow", "slow head"],
)
def test_the_deadline_is_the_whole_calls(kind: Any, fault: Any) -> None:
    started = time.monotonic()
    with Faulty(fault) as server, kind(server.url, timeout=0.4, retries=Retries(limit=50, burst=50)) as client:
        with pytest.raises((errors.DeadlineExceededError, errors.UnavailableError)):
            versions(client)
        assert time.monotonic() - started < SLOW_SECONDS


def test_a_server_that_says_nothing(kind: Any) -> None:
    asked = threading.Event()
    with Faulty(lambda _: asked.wait(60)) as server, kind(server.url, timeout=0.2) as client:
        with pytest.raises(errors.DeadlineExceededError, match=r"within 0\.2 s"):
            versions(client)
        assert server.taken == 1
        asked.set()


def test_a_server_that_does_not_read() -> None:
    over = threading.Event()
    with Faulty(lambda _: over.wait(60)) as server, Client(server.url, timeout=0.3) as client:
        started = time.monotonic()
        with pytest.raises(errors.DeadlineExceededError):
            client.regress("m", [{"s": b"x" * (20 << 20)}])
        assert time.monotonic() - started < 30, "long before the server goes on"
        over.set()


@pytest.mark.parametrize(
    ("data", "kind_of_error", "message"),
    [
        (http(200, STATUS[:40], len(STATUS)), errors.DataLossError, "broke off after 40 bytes"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", errors.DataLossError, "does not answer in HTTP"),
        (http(200, b"{not json"), errors.DataLossError, "no JSON"),
        (http(200, b"[" * 100_000), errors.DataLossError, "no JSON"),
        (http(200, b"NaN" + b"[" * 100_000), errors.DataLossError, "no JSON"),
        (http(200, b"[NaN" + b",[" * 100_000), errors.DataLossError, "no JSON"),
        (http(200, b"3"), errors.DataLossError, "status of 'm'"),
        (http(200, b'{"model_version_status": 3}'), errors.DataLossError, "status of 'm'"),
        (http(404, b"<html>nothing here"), errors.NotFoundError, "status 404: <html>"),
        (http(302, b""), errors.UnknownError, "status 302"),
        (http(418, b'{"error": 3}'), errors.UnknownError, "status 418"),
        (http(500, b'{"error": "broken"}'), errors.InternalError, "^broken$"),
        (http(429, b'{"error": "slowly"}'), errors.ResourceExhaustedError, "^slowly$"),
    ],
)
def test_bad_answers_have_names_and_are_not_asked_for_again(kind: Any, data: bytes, kind_of_error: Any, message: str) -> None:
    with Faulty(answer(data)) as server, kind(server.url) as client:
        with pytest.raises(kind_of_error, match=message):
            versions(client)
        assert server.taken == 1


@pytest.mark.parametrize("data", [http(200, b" " * 3000), http(200, b" " * 2001, 10**12), http(500, b" " * 3000)])
def test_answers_are_bounded(kind: Any, data: bytes) -> None:
    with Faulty(answer(data)) as server, kind(server.url, limits=Limits(max_response_bytes=2000)) as client:
        with pytest.raises(errors.ResourceExhaustedError, match="larger than 2000 bytes"):
            versions(client)
        assert server.taken == 1


METADATA = (
    b'{"model_spec": {"version": "1"}, "metadata": {"signature_def": {"signature_def": {"serving_default": {"outputs":'
    b'{"y": {"dtype": "DT_INT32", "tensor_shape": {"dim": [{"size": "-1"}]}}}}}}}}'
)


@pytest.mark.parametrize(
    "outputs",
    [b"[1.5]", b'["a"]', b"[true]", b"[[1]]", b"3", b"[1, [2]]", b"[4294967296]", b'{"b64": "AA=="}', b"null", b"[1e400]"],
)
def test_outputs_that_do_not_fit_the_signature(kind: Any, outputs: bytes) -> None:
    steps = [answer(http(200, METADATA)), answer(http(200, b'{"outputs": ' + outputs + b"}")), answer(http(200, METADATA))]
    with Faulty(*steps) as server, kind(server.url) as client:
        with pytest.raises(errors.DataLossError, match=r"does not fit the signature|no JSON"):
            client.predict("m", {"x": np.float32([1])})
        assert server.taken <= 3


def test_a_signature_that_changed_is_asked_for_again(kind: Any) -> None:
    changed = METADATA.replace(b"INT32", b"FLOAT")
    bodies = [METADATA, b'{"outputs": [7]}', b'{"outputs": [1.5]}', changed]
    with Faulty(*[answer(http(200, body)) for body in bodies]) as server, kind(server.url) as client:
        assert client.predict("m", {"x": [1.0]})["y"].dtype == np.int32
        found = client.predict("m", {"x": [1.0]})["y"]
        assert (found.dtype, found.tolist()) == (np.float32, [1.5])
        assert server.taken == 4


@pytest.mark.parametrize("step", [answer(b"garbage" * 100), reset, close], ids=["garbage", "reset", "closed"])
def test_no_grpc_behind_the_port(kind: Any, step: Any) -> None:
    with Faulty(step) as server, kind(server.url.replace("http", "grpc"), retries=QUICK, timeout=3) as client:
        with pytest.raises(errors.UnavailableError):
            versions(client)
        assert server.taken


def test_a_connection_is_kept(kind: Any) -> None:
    def many(connection: Any) -> None:
        for _ in range(5):
            answer(http(200, STATUS, keep=True))(connection)

    with Faulty(many) as server, kind(server.url) as client:
        assert [versions(client) for _ in range(5)] == [[3]] * 5
        assert server.taken == 1


def test_connections_are_bounded() -> None:
    gate = threading.Event()

    def held(connection: Any) -> None:
        gate.wait(10)
        GOOD(connection)

    with Faulty(held) as server, Client(server.url, limits=Limits(connections=1)) as client:
        first = threading.Thread(target=lambda: versions(client))
        first.start()
        while not server.taken:
            time.sleep(0.01)
        with pytest.raises(errors.DeadlineExceededError):
            client.status("m", timeout=0.2)
        gate.set()
        first.join(10)
        assert server.taken == 1


def test_paths_are_encoded(kind: Any) -> None:
    lines: list[bytes] = []

    def record(connection: Any) -> None:
        lines.append(read_request(connection).split(b"\r\n")[0])
        connection.sendall(http(200, STATUS))

    with Faulty(record) as server, kind(f"{server.url}/behind") as client:
        client.status("a/b:c ü\r\nX: y", label="l/1")
        client.status("m", version=7)
    assert lines[0] == b"GET /behind/v1/models/a%2Fb%3Ac%20%C3%BC%0D%0AX%3A%20y/labels/l%2F1 HTTP/1.1"
    assert lines[1] == b"GET /behind/v1/models/m/versions/7 HTTP/1.1"


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"model_spec": {"version": "x"}, "metadata": {"signature_def": {}}}',
        METADATA.replace(b'{"size": "-1"}', b'{"size": "-5"}'),
        METADATA.replace(b"DT_INT32", b"DT_NONE"),
        METADATA.replace(b'"outputs"', b'"defaults"'),
    ],
)
def test_damaged_metadata(kind: Any, body: bytes) -> None:
    with Faulty(answer(http(200, body))) as server, kind(server.url) as client:
        with pytest.raises(errors.DataLossError, match="metadata of 'm'"):
            client.metadata("m")
        assert server.taken == 1
