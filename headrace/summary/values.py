"""tf.summary.write, and the summaries of numbers and text."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.identity import stop_gradient
from headrace.ops.host.assertions import assert_scalar, assert_type
from headrace.ops.math.functions import cast
from headrace.summary import metadata as plugins
from headrace.summary.metadata import summary_metadata
from headrace.summary.recording import recorded, state, summary_scope

_NO_STEP = (
    "No step set: give the argument `step`, or a default by tf.summary.experimental.set_step() or writer.as_default(step=...)"
)


def write(tag: Any, tensor: Any, step: Any = None, metadata: Any = None, name: str | None = None) -> Tensor:
    """Writes a tensor to the default writer, in a graph each time it runs.

    Args:
        tag: a string scalar, under which TensorBoard shows it.
        tensor: anything that makes a tensor, or a function that returns that and is called where summaries are written.
        step: an int64 scalar; by default the one that is set.
        metadata: a SummaryMetadata message (also another library's), or its bytes.
        name: for the node.

    Returns:
        A bool scalar: whether it was written, which needs a default writer and the condition of `record_if`.

    Raises:
        ValueError: there is a writer and no step, or the step is no scalar or a tensor of another dtype than int64.
        TypeError: the step is no integer, or the tag no string.
        ResourceExhaustedError: the disk is full.
    """
    step = None if step is None else _checked(step)
    serialized = metadata.SerializeToString() if hasattr(metadata, "SerializeToString") else metadata or b""

    def record() -> None:
        assert state.writer is not None
        value = convert_to_tensor(tensor() if callable(tensor) else tensor)
        get("WriteSummary").all(state.writer.handle, _step_for(step), value, tag, serialized, name=name or "write_summary")

    return recorded(record)


def write_raw_pb(tensor: Any, step: Any = None, name: str | None = None) -> Tensor:
    """Writes a serialized Summary message to the default writer, as it is.

    Args:
        tensor: a string scalar.
        step: an int64 scalar; by default the one that is set.
        name: for the node.

    Returns:
        A bool scalar: whether it was written.

    Raises:
        ValueError: there is a writer and no step.
        DataLossError: the bytes are no Summary.
    """
    step = None if step is None else _checked(step)
    if state.writer is None:
        return convert_to_tensor(False)
    step = _step_for(step)

    def record() -> None:
        assert state.writer is not None
        get("WriteRawProtoSummary").all(state.writer.handle, step, tensor, name=name or "write_raw_pb")

    return recorded(record)


def _checked(step: Any) -> Tensor:
    tensor = convert_to_tensor(step, dtypes.int64)
    if tensor.shape.rank not in (None, 0):
        raise ValueError(f"step must be a scalar; got shape {tensor.shape}")
    return tensor


def _step_for(step: Tensor | None) -> Tensor:
    """The step, or else the default one."""
    if step is not None:
        return step
    if state.step is None:
        raise ValueError(_NO_STEP)
    return _checked(state.step)


def scalar(name: str | None, data: Any, step: Any = None, description: str | None = None) -> Tensor:
    """Writes a number.

    Args:
        name: of the summary; its tag is that below the name scopes in force.
        data: a scalar that can be cast to float32.
        step: an int64 scalar; by default the one that is set.
        description: Markdown.

    Returns:
        A bool scalar: whether it was written, which needs a default writer and the condition of `record_if`.

    Raises:
        ValueError: it is no scalar, or there is a writer and no step.
    """
    with summary_scope(name, "scalar_summary") as (tag, _):
        assert_scalar(data)
        value = cast(data, dtypes.float32)
        return write(tag, value, step, summary_metadata(plugins.SCALARS, plugins.ScalarData(), description))


def histogram(name: str | None, data: Any, step: Any = None, buckets: Any = None, description: str | None = None) -> Tensor:
    """Writes how the elements of a tensor are spread.

    Args:
        name: of the summary.
        data: numbers of any shape.
        step: an int64 scalar; by default the one that is set.
        buckets: an int32 scalar, how many intervals of equal width to count in; 30 by default.
        description: Markdown.

    Returns:
        A bool scalar: whether it was written; see `scalar`.

    Raises:
        TypeError, ValueError: `buckets` is no integer, or no scalar.
    """
    data = stop_gradient(convert_to_tensor(data))
    count: Any = 30 if buckets is None else buckets

    def counted() -> Tensor:
        assert_scalar(count)
        assert_type(count, dtypes.int32)
        return get("_HistogramBuckets")(cast(data, dtypes.float64), count)

    with summary_scope(name, "histogram_summary") as (tag, _):
        return write(tag, counted, step, summary_metadata(plugins.HISTOGRAMS, plugins.HistogramData(), description))


def text(name: str | None, data: Any, step: Any = None, description: str | None = None) -> Tensor:
    """Writes text, which TensorBoard reads as Markdown; a vector or matrix of strings is shown as a table.

    Args:
        name: of the summary.
        data: strings of any shape, UTF-8.
        step: an int64 scalar; by default the one that is set.
        description: Markdown.

    Returns:
        A bool scalar: whether it was written; see `scalar`.

    Raises:
        TypeError: the data is no string.
    """
    with summary_scope(name, "text_summary") as (tag, _):
        assert_type(data, dtypes.string)
        return write(tag, data, step, summary_metadata(plugins.TEXT, plugins.TextData(), description))
