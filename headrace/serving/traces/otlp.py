"""Timelines as OpenTelemetry's spans, sent to a collector by OTLP over HTTP. Needs the extra `otel`."""

from __future__ import annotations

import contextlib
import os
import random
import re
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from headrace.core.errors import InvalidArgumentError
from headrace.serving.context import RequestContext
from headrace.serving.runs import Run
from headrace.serving.traces.timeline import Timeline

_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
"""W3C's `traceparent`: version, trace, span, flags."""
_EXPORT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """What is traced, and where to.

    Attributes:
        endpoint: the URL that a collector takes OTLP at, such as `http://127.0.0.1:4318/v1/traces`.
        sampling_rate: the share that is traced of the requests whose caller does not trace.
    """

    endpoint: str
    sampling_rate: float = 0.01

    def __post_init__(self) -> None:
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidArgumentError(
                f"{self.endpoint!r} is no endpoint for traces; expected such as http://127.0.0.1:4318/v1/traces"
            )


class Tracer:
    """Traces a sample of the requests, and all whose caller traces them: it says so in the header or metadata `traceparent`.

    Spans are queued and sent by a thread of OpenTelemetry's; when the collector does not keep up, they are dropped.
    """

    def __init__(self, options: TraceOptions) -> None:
        self._rate = options.sampling_rate
        name = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "headrace"}
        resource = Resource.create({**name, "process.pid": os.getpid()})  # which tells several processes of a server apart
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=options.endpoint, timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("headrace.serving")

    def begin(self, context: RequestContext) -> None:
        """Gives a request a timeline if it is to be traced."""
        parent = _PARENT.fullmatch(context.header("traceparent"))
        if int(parent[3], 16) & 1 if parent else random.random() < self._rate:
            context.timeline = Timeline()

    def ran(self, run: Run) -> None:
        """Notes what ran; a listener of the data plane."""
        timeline = run.context.timeline
        if timeline is not None:
            timeline.signature = ",".join(run.signatures)
            timeline.rows = max((int(value.shape[0]) for value in map(np.asarray, run.inputs.values()) if value.ndim), default=0)

    def answered(self, model: str, context: RequestContext, code: str, seconds: float) -> None:
        """Makes the spans of a request; a listener of the data plane."""
        timeline = context.timeline
        if timeline is None:
            return
        phases = timeline.finish()
        known = {"model": model, "version": context.version, "signature": timeline.signature, "protocol": context.protocol}
        attributes = {f"headrace.{name}": value for name, value in known.items() if value not in (None, "")}
        span = self._tracer.start_span(
            "headrace.request", _parent(context), SpanKind.SERVER, attributes | {"headrace.code": code}, start_time=timeline.started
        )
        if timeline.rows:
            span.set_attribute("headrace.rows", timeline.rows)
        if code != "OK":
            span.set_status(Status(StatusCode.ERROR, code))
        inside = trace.set_span_in_context(span)
        for phase in phases:
            part = self._tracer.start_span(phase.name, inside, attributes=attributes, start_time=phase.started)
            if phase.batch_rows:
                part.set_attribute("headrace.batch_rows", phase.batch_rows)
            part.end(phase.ended)
        span.end(timeline.started + round(seconds * 1e9))

    def close(self, timeout: float) -> None:
        """Sends what is left, or leaves it after `timeout` seconds: a collector that is not there must not hold up the end."""
        thread = threading.Thread(target=self._shut_down, name="traces-end", daemon=True)
        thread.start()
        thread.join(timeout)

    def _shut_down(self) -> None:
        with contextlib.suppress(Exception):  # the spans are lost, which OpenTelemetry has logged
            self._provider.shutdown()


def _parent(context: RequestContext) -> Context | None:
    found = _PARENT.fullmatch(context.header("traceparent"))
    if found is None:
        return None
    flags = TraceFlags(int(found[3], 16))
    return trace.set_span_in_context(NonRecordingSpan(SpanContext(int(found[1], 16), int(found[2], 16), True, flags)))
