"""Flags of traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from headrace.core.errors import InvalidArgumentError

if TYPE_CHECKING:
    from headrace.serving.traces.otlp import Tracer

_FLAGS = (
    click.option("--otlp_traces_endpoint", help="URL that a collector takes traces at: OTLP over HTTP. Needs headrace[otel]."),
    click.option("--trace_sampling_rate", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="Of requests."),
)


def trace_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the flags."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


def tracer(flags: dict[str, Any]) -> Tracer | None:
    """What traces requests; None when the flags ask for nothing.

    Raises:
        InvalidArgumentError: OpenTelemetry is not installed, or the endpoint is no URL.
    """
    endpoint = flags["otlp_traces_endpoint"]
    if endpoint is None:
        return None
    try:
        from headrace.serving.traces.otlp import TraceOptions, Tracer  # noqa: PLC0415  an optional extra
    except ModuleNotFoundError as error:
        raise InvalidArgumentError(f"traces need OpenTelemetry ({error}); install it with: pip install 'headrace[otel]'") from None
    return Tracer(TraceOptions(endpoint, flags["trace_sampling_rate"]))
