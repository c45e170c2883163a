"""Calls that the native front end takes together: they are begun before a batch runs, and share it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.core.errors import CODES
from headrace.proto.serving import PredictResponse
from headrace.serving.batching.options import AdaptiveBatching, BatchingOptions
from headrace.serving.grpc import native
from headrace.serving.grpc.options import GrpcOptions
from tests.serving.toy import write_version
from tests.serving.toy_grpc import PREDICTION, GrpcService, outputs, predict_request

TOLD = ((), "ipv4:127.0.0.1:1", None)


class ScriptedFront:
    """In place of pygrpc-native's: gives the bunches that a test puts in, and keeps the answers."""

    bound_port = 1

    def __init__(self, paths: Any) -> None:
        self.method = list(paths).index(f"/{PREDICTION}/Predict")
        self.bunches: queue.Queue[list[Any] | BaseException | None] = queue.Queue()
        self.closed = threading.Event()
        self.answers: dict[int, bytes | int] = {}
        self._answered = threading.Condition()

    def set_fallback(self, _: str) -> None: ...
    def start(self) -> None: ...

    def recv_batch_details(self, _: int) -> list[Any] | None:
        found = self.bunches.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def respond(self, number: int, payload: bytes, initial_metadata: Any = None) -> None:
        self._keep(number, payload)

    def fail(self, number: int, code: int, message: str, trailing_metadata: Any = None) -> None:
        self._keep(number, code)

    def close(self) -> None:
        self.closed.set()
        self.bunches.put(None)

    def _keep(self, number: int, answer: bytes | int) -> None:
        with self._answered:
            self.answers[number] = answer
            self._answered.notify_all()

    def ask(self, *requests: bytes) -> list[bytes | int]:
        """The answers to requests that come together: responses, or codes of what went wrong."""
        first = len(self.answers)
        self.bunches.put([(0, first + n, self.method, data, None, TOLD) for n, data in enumerate(requests)])
        with self._answered:
            assert self._answered.wait_for(lambda: len(self.answers) == first + len(requests), 60)
        return [self.answers[first + n] for n in range(len(requests))]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GrpcService]:
    monkeypatch.setattr(native, "_listen", lambda target, paths, shared: ScriptedFront(paths))
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, GrpcOptions(native=True), batching=BatchingOptions(AdaptiveBatching())) as service:
        yield service


def front_of(service: GrpcService) -> ScriptedFront:
    front = service.server._native._front  # type: ignore[union-attr]
    assert isinstance(front, ScriptedFront)
    return front


def request(value: float, **changes: Any) -> bytes:
    data: bytes = predict_request(x=np.float32([[value, 2 * value]]), **changes).SerializeToString()
    return data


def values(answers: list[bytes | int]) -> list[object]:
    return [answer if isinstance(answer, int) else outputs(PredictResponse.FromString(answer))["y"] for answer in answers]


def batches(service: GrpcService) -> tuple[int, int]:
    """How many batches ran, and how many requests were in them."""
    found = {}
    for line in service.metrics.page(service.models).splitlines():
        name, _, rest = line.partition("{")
        if name.startswith("headrace_serving_batch_requests_"):
            found[name.rpartition("_")[2]] = int(rest.rpartition(" ")[2])
    return found["count"], found["sum"]


def test_a_bunch_shares_a_batch(service: GrpcService) -> None:
    assert values(front_of(service).ask(*map(request, range(40)))) == [[[2 * n, 4 * n]] for n in range(40)]
    assert batches(service) == (1, 40)
    assert values(front_of(service).ask(request(1))) == [[[2, 4]]]  # alone
    assert batches(service) == (2, 41)


def test_those_that_are_refused_hold_up_nobody(service: GrpcService, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [b"\xff", request(1, name="n"), request(1, signature="s")]
    codes = [CODES[code] for code in ("INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION")]
    assert values(front_of(service).ask(request(1), *wrong, request(2))) == [[[2, 4]], *codes, [[4, 8]]]
    # Nor does a fault of ours in the midst of a bunch.
    begin = native.NativeFront._begin

    def fail(front: Any, method: Any, data: bytes, *args: Any) -> bool:
        if data == request(3):
            raise LookupError("secret")
        return begin(front, method, data, *args)

    monkeypatch.setattr(native.NativeFront, "_begin", fail)
    assert values(front_of(service).ask(request(1), request(3), request(2))) == [[[2, 4]], CODES["INTERNAL"], [[4, 8]]]
    assert not service.server._native._calls  # type: ignore[union-attr]
    assert values(front_of(service).ask(request(5), request(6))) == [[[10, 20]], [[12, 24]]]


class Panic(BaseException):
    """As the package raises where it is at its end."""


def test_a_front_end_that_fails_is_closed_so_that_nobody_waits(service: GrpcService, caplog: pytest.LogCaptureFixture) -> None:
    front = front_of(service)
    front.bunches.put(Panic("no memory"))
    assert front.closed.wait(60)
    assert "taking gRPC calls failed; the port is closed" in caplog.text
