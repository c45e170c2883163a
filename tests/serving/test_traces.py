"""Traces: spans as a collector gets them, over HTTP, from requests of both protocols."""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from headrace.core.errors import InvalidArgumentError
from headrace.serving.batching.options import AdaptiveBatching, BatchingOptions
from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane
from headrace.serving.traces.otlp import TraceOptions, Tracer
from headrace.serving.traces.timeline import Timeline
from tests.serving.process import BODY, serving
from tests.serving.test_grpc_v2 import SERVICE, X, request_of
from tests.serving.toy import Service, wait_until, write_version
from tests.serving.toy_grpc import GrpcService, predict_request

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


class Collector:
    """Takes OTLP over HTTP, and reads it with OpenTelemetry's own messages."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.pids: set[int] = set()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def take(self, request: Any) -> None:
        for resource in request.resource_spans:
            self.services |= {each.value.string_value for each in resource.resource.attributes if each.key == "service.name"}
            self.pids |= {each.value.int_value for each in resource.resource.attributes if each.key == "process.pid"}
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)

    def tree(self) -> dict[str, list[str]]:
        """The names of spans by that of the span that they are in; those of no span here are in ""."""
        names = {span.span_id: span.name for span in self.spans}
        found: dict[str, list[str]] = {}
        for span in sorted(self.spans, key=lambda each: each.start_time_unix_nano):
            found.setdefault(names.get(span.parent_span_id, ""), []).append(span.name)
        return {name: sorted(inside) if name == "" else inside for name, inside in found.items()}

    def attributes(self, name: str) -> dict[str, Any]:
        """Of the one span of this name."""
        (span,) = (each for each in self.spans if each.name == name)
        return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}

    def __enter__(self) -> Collector:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()


@contextlib.contextmanager
def traced(dataplane: Dataplane, rate: float = 1.0) -> Iterator[Collector]:
    """A collector that has all spans once the block has ended."""
    with Collector() as collector:
        tracer = Tracer(TraceOptions(collector.url, rate))
        dataplane.tracer = tracer.begin
        dataplane.listeners.append(tracer.ran)
        dataplane.answer_listeners.append(tracer.answered)
        try:
            yield collector
        finally:
            tracer.close(30)


ROOT = "headrace.request"


def test_a_rest_request_and_its_phases(tmp_path: Path) -> None:
    write_version(tmp_path, 7, 2.0)
    with Service(tmp_path) as service:
        wait_until(lambda: service.lifecycle.available)
        with traced(service.dataplane) as collector:
            assert service.predict({"instances": [[1, 2], [3, 4]]}).status_code == 200
    assert collector.tree() == {"": [ROOT], ROOT: ["wait for a thread", "decode", "run", "encode"]}
    assert (collector.services, collector.pids) == ({"headrace"}, {os.getpid()})
    named = {"headrace.model": "m", "headrace.version": 7, "headrace.signature": "serving_default", "headrace.protocol": "REST"}
    assert collector.attributes(ROOT) == named | {"headrace.code": "OK", "headrace.rows": 2}
    assert collector.attributes("run") == named
    spans = {span.name: span for span in collector.spans}
    root = spans.pop(ROOT)
    for span in spans.values():
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.trace_id == root.trace_id


def test_a_request_that_is_batched(tmp_path: Path) -> None:
    write_version(tmp_path, 7, 2.0)
    with Service(tmp_path, batching=BatchingOptions(AdaptiveBatching())) as service:
        wait_until(lambda: service.lifecycle.available)
        with traced(service.dataplane) as collector:
            assert service.predict({"instances": [[1, 2], [3, 4]]}).status_code == 200
    assert collector.tree() == {"": [ROOT], ROOT: ["decode", "wait for a batch", "run", "encode"]}
    assert collector.attributes("run")["headrace.batch_rows"] == 2


def test_grpc_requests_continue_the_callers_trace(tmp_path: Path) -> None:
    write_version(tmp_path, 7, 2.0)
    with GrpcService(tmp_path) as service, traced(service.dataplane, rate=0.0) as collector:
        client = service.client()
        requests: list[tuple[str, Any]] = [
            ("/tensorflow.serving.PredictionService/Predict", predict_request(x=X)),
            (f"/{SERVICE}/ModelInfer", request_of(True, x=("FP32", X))),
        ]
        for path, request in requests:
            for parent in (SAMPLED, NOT_SAMPLED, "nonsense"):
                method: Any = client.channel.unary_unary(path)
                method(request.SerializeToString(), timeout=60, wait_for_ready=True, metadata=[("traceparent", parent)])
    roots = [span for span in collector.spans if span.name == ROOT]
    assert [(span.trace_id.hex(), span.parent_span_id.hex()) for span in roots] == [(TRACE, PARENT)] * 2
    assert collector.tree()[ROOT] == ["decode", "run", "encode"] * 2


def test_an_error_is_the_spans_status(tmp_path: Path) -> None:
    write_version(tmp_path, 7, 2.0)
    with Service(tmp_path) as service:
        wait_until(lambda: service.lifecycle.available)
        with traced(service.dataplane, rate=0.0) as collector:
            for signature in ("none", "broken"):
                body = {"signature_name": signature, "instances": [1.0]}
                assert service.predict(body, headers={"traceparent": SAMPLED}).status_code >= 400
    roots = [span for span in collector.spans if span.name == ROOT]
    assert [(span.status.code, span.status.message) for span in roots] == [(2, "INVALID_ARGUMENT"), (2, "INTERNAL")]


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (SAMPLED, True),
        (f"cc-{TRACE}-{PARENT}-09-later-versions-have-more", True),
        (NOT_SAMPLED, False),
        (f"ff-{TRACE}-{PARENT}-01", False),
        (f"00-{'0' * 32}-{PARENT}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{PARENT}-01", False),
        ("", False),
        ("x" * 10_000, False),
    ],
)
def test_which_callers_trace(header: str, sampled: bool) -> None:
    tracer = Tracer(TraceOptions("http://127.0.0.1:1/v1/traces", 0.0))
    context = RequestContext(header={"traceparent": header}.get)  # type: ignore[arg-type]
    tracer.begin(context)
    tracer.close(10)
    assert (context.timeline is not None) == sampled


def test_a_request_that_is_cut_notes_its_first_batch() -> None:
    timeline = Timeline()
    timeline.begin("wait for a batch")
    timeline.batch_begun(8)
    timeline.batch_begun(3)
    assert [(phase.name, phase.batch_rows) for phase in timeline.finish()] == [("wait for a batch", 0), ("run", 8)]


def test_a_collector_that_hangs_holds_up_nothing(tmp_path: Path) -> None:
    """It takes connections and never answers: requests are answered, and the server ends."""
    write_version(tmp_path, 7, 2.0)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}/v1/traces"
        with serving(tmp_path, f"--otlp_traces_endpoint={url}", "--trace_sampling_rate=1") as server:
            server.ready()
            with httpx.Client(base_url=server.url) as client:
                for _ in range(20):
                    assert client.post("/v1/models/m:predict", json=BODY).status_code == 200
            assert server.end(signal.SIGTERM) == 0


def test_a_server_sends_its_spans_before_it_ends(tmp_path: Path) -> None:
    write_version(tmp_path, 7, 2.0)
    with Collector() as collector:
        with serving(tmp_path, f"--otlp_traces_endpoint={collector.url}", "--trace_sampling_rate=1") as server:
            server.ready()
            assert httpx.post(f"{server.url}/v1/models/m:predict", json=BODY).status_code == 200
            assert server.end(signal.SIGTERM) == 0
        assert [span.name for span in collector.spans].count(ROOT) == 1


@pytest.mark.parametrize("endpoint", ["localhost:4318", "ftp://x/", "", "http://"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidArgumentError, match="expected such as"):
        TraceOptions(endpoint)


def test_without_a_tracer_requests_have_no_timeline(tmp_path: Path) -> None:
    write_version(tmp_path, 7, 2.0)
    seen: list[RequestContext] = []
    with Service(tmp_path) as service:
        wait_until(lambda: service.lifecycle.available)
        service.dataplane.listeners.append(lambda run: seen.append(run.context))
        assert service.predict({"instances": np.ones((1, 2)).tolist()}).status_code == 200
    assert [context.timeline for context in seen] == [None]
