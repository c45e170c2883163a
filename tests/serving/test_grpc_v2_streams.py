"""Streams of the V2 protocol: how many there may be, and how they end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.grpc.v2 import messages
from tests.serving.test_grpc_v2 import SERVICE, X, request_of
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_grpc import Client, GrpcService


class Stream:
    """An open stream of a client."""

    def __init__(self, client: Client, timeout: float = 60) -> None:
        self._requests: queue.Queue[Any] = queue.Queue()
        method = client.channel.stream_stream(
            f"/{SERVICE}/ModelStreamInfer",
            request_serializer=lambda given: given if isinstance(given, bytes) else given.SerializeToString(),
            response_deserializer=messages.ModelStreamInferResponse.FromString,
        )
        self.call = method(iter(self._requests.get, None), timeout=timeout, wait_for_ready=True)

    def send(self, request: Any) -> None:
        self._requests.put(request)

    def ask(self, request: Any) -> Any:
        self.send(request)
        return next(self.call)

    def close(self) -> None:
        self._requests.put(None)

    def end(self) -> tuple[str, str]:
        """What the server ended it with; the answers before that are passed over."""
        try:
            for _ in self.call:
                pass
        except grpc.RpcError:
            self._requests.put(None)
        return self.call.code().name, self.call.details()


def started(base_path: Path, **options: Any) -> GrpcService:
    write_version(base_path, 7, 2.0)
    return GrpcService(base_path, GrpcOptions(threads=2, **options))


def good() -> Any:
    return request_of(True, x=("FP32", X))


def slow(seconds: float) -> Any:
    return request_of(True, "slow", seconds=("FP32", np.array([seconds], np.float32)))


def test_answers_and_errors_come_in_order(tmp_path: Path) -> None:
    with started(tmp_path) as service:
        stream = Stream(service.client())
        first = stream.ask(good())
        assert first.infer_response.raw_output_contents[0] == np.array([[2, 4]], np.float32).tobytes()
        failed = stream.ask(request_of(True, "none"))
        assert failed.error_message == 'Serving signature key "none" not found.'
        assert failed.infer_response.id == "9"
        assert "no serialized inference.ModelInferRequest" in stream.ask(b"\xff").error_message
        assert stream.ask(good()) == first
        stream.close()
        assert stream.end() == ("OK", "")
        page = service.metrics.page(service.models)
        assert 'requests_total{model="m",version="7",api="Infer",protocol="GRPC",code="OK"} 2' in page
        assert 'requests_total{model="m",version="7",api="Infer",protocol="GRPC",code="FAILED_PRECONDITION"} 1' in page


def test_too_many_streams_are_refused_and_room_comes_back(tmp_path: Path) -> None:
    with started(tmp_path, max_streams=2) as service:
        streams = [Stream(service.client()) for _ in range(2)]
        for stream in streams:
            stream.ask(good())
        code, text = Stream(service.client()).end()
        assert (code, text[:18]) == ("RESOURCE_EXHAUSTED", "2 streams are open")
        streams[0].call.cancel()  # the client goes away without a word

        def room() -> bool:
            again = Stream(service.client())
            try:
                return bool(again.ask(good()).infer_response.id == "9")
            except grpc.RpcError:
                return False

        wait_until(room)


def test_an_idle_stream_is_ended_and_one_at_work_is_not(tmp_path: Path) -> None:
    with started(tmp_path, stream_idle_seconds=0.3) as service:
        idle, busy = Stream(service.client()), Stream(service.client())
        assert busy.ask(slow(1.5)).error_message == ""
        assert idle.end() == ("DEADLINE_EXCEEDED", "no request came for 0.3 s; open the stream again")


def slow_runs(service: GrpcService) -> int:
    return sum(name == "slow" for model in service.engine.models.values() for name, _ in model.runs)


def test_a_drain_answers_the_request_at_work_and_ends_streams_at_once(tmp_path: Path) -> None:
    with started(tmp_path) as service:
        idle, busy = Stream(service.client()), Stream(service.client())
        assert idle.ask(good()).error_message == ""
        before = slow_runs(service)  # it was warmed up
        busy.send(slow(0.5))
        wait_until(lambda: slow_runs(service) > before)
        ended: list[threading.Event] = []
        drain = threading.Thread(target=lambda: ended.append(service.server.drain(60)))
        drain.start()
        assert next(busy.call).infer_response.outputs[0].name == "done"
        for stream in (idle, busy):
            assert stream.end() == ("UNAVAILABLE", "the server is ending; open a stream to another one")
        drain.join(30)
        assert ended[0].wait(30)  # long before the grace of a minute


def requests_forever() -> Iterator[Any]:
    while True:
        yield good()


def test_a_client_that_does_not_read_holds_nothing_but_its_stream(tmp_path: Path) -> None:
    """It is gone when its call ends: its thread waits to send, and is let go."""
    with started(tmp_path) as service:
        method: Any = service.client().channel.stream_stream(
            f"/{SERVICE}/ModelStreamInfer", request_serializer=lambda given: given.SerializeToString()
        )
        call = method(requests_forever(), timeout=60)
        wait_until(lambda: sum(len(model.runs) for model in service.engine.models.values()) > 50)
        call.cancel()
        wait_until(lambda: not any(thread.name == "grpc-stream" for thread in threading.enumerate()))
