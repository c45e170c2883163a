"""Ops that write to a summary writer, which stands behind a handle."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from headrace.core.dtypes import bool_
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import SCALAR
from headrace.dispatch.opdef import op
from headrace.dispatch.resource import Resource
from headrace.proto.messages import Event, Summary, SummaryMetadata, parse
from headrace.proto.tensors import to_proto

_EFFECT: dict[str, Any] = {"host_only": True, "stateful": True, "differentiable": False}
"""What all of these ops are."""


class EventSink(Resource):
    """What takes the events: a resource, so that a function captures it as it captures a variable."""

    __slots__ = ("__weakref__",)

    def __init__(self, name: str) -> None:
        super().__init__(name, bool_, SCALAR)

    def write(self, event: Any, *, shared: bool = False) -> None:
        """Takes an Event message; it may wait in memory."""
        raise NotImplementedError

    def flush(self) -> None:
        """Hands everything written so far to the operating system."""
        raise NotImplementedError

    def close(self) -> None:
        """Flushes and finishes the file."""
        raise NotImplementedError


def _sink(handle: Any) -> EventSink:
    """The sink of a handle, which the eager executor wraps in an array."""
    found = handle.item() if isinstance(handle, np.ndarray) else handle
    if not isinstance(found, EventSink):
        raise InvalidArgumentError(f"the handle is of {getattr(found, 'name', found)!r}, which is no summary writer")
    return found


def _write(writer: Any, step: Any, what: dict[str, Any]) -> tuple[()]:
    if step.ndim:
        raise InvalidArgumentError(f"step must be a scalar; got shape {list(step.shape)}")
    _sink(writer).write(Event(wall_time=time.time(), step=int(step), **what))
    return ()


@op(
    "WriteSummary",
    "writer: resource, step: int64, tensor: T, tag: string, summary_metadata: string -> ",
    **_EFFECT,
)
def write_summary(writer: Any, step: Any, tensor: Any, tag: Any, summary_metadata: Any) -> tuple[()]:
    """Writes a tensor under a tag, with the plugin that shows it in the metadata."""
    value = Summary.Value(tag=_text(tag, "tag"), tensor=to_proto(tensor))
    metadata = _scalar(summary_metadata, "summary_metadata")
    if metadata:
        value.metadata.CopyFrom(parse(SummaryMetadata, metadata, "summary_metadata"))
    return _write(writer, step, {"summary": Summary(value=[value])})


@op(
    "WriteRawProtoSummary", "writer: resource, step: int64, tensor: string -> ", host_only=True, stateful=True, differentiable=False
)
def write_raw_proto_summary(writer: Any, step: Any, tensor: Any) -> tuple[()]:
    """Writes the values of serialized Summary messages as one event."""
    summary = Summary()
    for data in tensor.ravel().tolist():
        summary.MergeFrom(parse(Summary, data, "the tensor"))
    return _write(writer, step, {"summary": summary})


@op("WriteGraphSummary", "writer: resource, step: int64, tensor: string -> ", **_EFFECT)
def write_graph_summary(writer: Any, step: Any, tensor: Any) -> tuple[()]:
    """Writes a serialized GraphDef."""
    return _write(writer, step, {"graph_def": _scalar(tensor, "tensor")})


@op("FlushSummaryWriter", "writer: resource -> ", **_EFFECT)
def flush_summary_writer(writer: Any) -> tuple[()]:
    """Hands everything written so far to the operating system."""
    _sink(writer).flush()
    return ()


@op("CloseSummaryWriter", "writer: resource -> ", **_EFFECT)
def close_summary_writer(writer: Any) -> tuple[()]:
    """Flushes and finishes the file."""
    _sink(writer).close()
    return ()


def _scalar(value: Any, what: str) -> bytes:
    if value.ndim:
        raise InvalidArgumentError(f"{what} must be a scalar string; got shape {list(value.shape)}")
    return bytes(value.item())


def _text(value: Any, what: str) -> str:
    data = _scalar(value, what)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidArgumentError(f"{what} must be UTF-8; got {data!r}") from None
