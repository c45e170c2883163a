"""Summary writers: what `tf.summary.scalar` and its like write to."""

from __future__ import annotations

import os
import weakref
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import ResourceTensor
from headrace.files.systems import local
from headrace.ops.summary.writing import EventSink
from headrace.summary.events import EventFile
from headrace.summary.recording import state


class SummaryWriter:
    """Where summaries go; `create_file_writer` and `create_noop_writer` make one."""

    def set_as_default(self, step: Any = None) -> None:
        """Makes it the writer of this thread from now on, and `step`, unless None, the default step."""
        raise NotImplementedError

    def as_default(self, step: Any = None) -> AbstractContextManager[SummaryWriter | None]:
        """Makes it the writer of this thread inside a `with` statement, at whose end it is flushed."""
        raise NotImplementedError

    def init(self) -> None:
        """Nothing: a writer is ready when it is made."""
        raise NotImplementedError

    def flush(self) -> None:
        """Hands everything written so far to the operating system, in a graph each time it runs."""
        raise NotImplementedError

    def close(self) -> None:
        """Flushes, and takes no more."""
        raise NotImplementedError


class NoopWriter(SummaryWriter):
    """A writer that changes nothing: what was the default stays it."""

    def set_as_default(self, step: Any = None) -> None:
        """Nothing."""

    def as_default(self, step: Any = None) -> AbstractContextManager[SummaryWriter | None]:
        """A `with` statement without effect."""
        return nullcontext()

    def init(self) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _FileSink(EventSink):
    """An event file behind a handle; it is closed with the last writer and function that hold it, or with the process."""

    __slots__ = ("file",)

    def __init__(self, file: EventFile) -> None:
        super().__init__(f"events {file.path}")
        self.file = file
        weakref.finalize(self, file.close)

    def write(self, event: Any, *, shared: bool = False) -> None:
        """Takes an Event message; see EventFile.write."""
        self.file.write(event)

    def flush(self) -> None:
        """See EventFile.flush."""
        self.file.flush()

    def close(self) -> None:
        """See EventFile.close."""
        self.file.close()


class _InCharge(AbstractContextManager["SummaryWriter | None"]):
    """A file writer that is the default one inside a `with` statement."""

    def __init__(self, writer: FileWriter, step: Any) -> None:
        self._writer, self._step = writer, step

    def __enter__(self) -> SummaryWriter:
        self._before = state.writer, state.step
        state.writer = self._writer
        if self._step is not None:
            state.step = self._step
        return self._writer

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        state.writer = self._before[0]
        if self._step is not None:
            state.step = self._before[1]
        self._writer.flush()


class FileWriter(SummaryWriter):
    """Writes an event file.

    Attributes:
        handle: the resource that the ops take.
    """

    def __init__(self, file: EventFile) -> None:
        self.handle = ResourceTensor(_FileSink(file))
        self._closed = False

    def set_as_default(self, step: Any = None) -> None:
        """Makes it the writer of this thread from now on, and `step`, unless None, the default step.

        Raises:
            RuntimeError: it is closed.
        """
        self._check_open()
        state.writer = self
        if step is not None:
            state.step = step

    def as_default(self, step: Any = None) -> AbstractContextManager[SummaryWriter | None]:
        """Makes it the writer of this thread inside a `with` statement, at whose end it is flushed.

        Args:
            step: the default step meanwhile; None leaves it.

        Raises:
            RuntimeError: it is closed.
        """
        self._check_open()
        return _InCharge(self, step)

    def init(self) -> None:
        """Nothing: a writer is ready when it is made.

        Raises:
            RuntimeError: it is closed.
        """
        self._check_open()

    def flush(self) -> None:
        """Hands everything written so far to the operating system, in a graph each time it runs.

        Raises:
            ResourceExhaustedError: the disk is full.
        """
        get("FlushSummaryWriter").all(self.handle)

    def close(self) -> None:
        """Flushes, and takes no more; in a graph each time it runs."""
        get("CloseSummaryWriter").all(self.handle)
        self._closed = self._closed or context.executing_eagerly()

    def _check_open(self) -> None:
        if self._closed and context.executing_eagerly():
            raise RuntimeError(f"SummaryWriter {self!r} is already closed; create another one")

    def __repr__(self) -> str:
        return f"<SummaryWriter of {self.handle.array.file.path!r}>"  # type: ignore[attr-defined]


def create_file_writer(
    logdir: Any,
    max_queue: Any = None,
    flush_millis: Any = None,
    filename_suffix: Any = None,
    name: str | None = None,
    experimental_trackable: bool = False,
    experimental_mesh: Any = None,
) -> SummaryWriter:
    """A writer of a new event file in a folder, which TensorBoard is given.

    Args:
        logdir: the folder, made if missing; of this machine.
        max_queue: how many summaries may wait in memory; 10 by default.
        flush_millis: how long they may, looked at when another comes; two minutes by default.
        filename_suffix: the end of the file's name, ".v2" by default.
        name: taken for compatibility.
        experimental_trackable: taken for compatibility.
        experimental_mesh: None.

    Raises:
        ValueError: there is no logdir, or there is a mesh.
        InvalidArgumentError: an argument is no scalar.
        FailedPreconditionError, PermissionDeniedError, ResourceExhaustedError: the file cannot be made.
    """
    if logdir is None:
        raise ValueError("logdir is None; give the folder that TensorBoard is to show")
    if experimental_mesh is not None:
        raise ValueError("experimental_mesh is not supported; leave it out")
    folder = local(_argument("logdir", os.fspath(logdir) if isinstance(logdir, os.PathLike) else logdir, dtypes.string))
    queue = int(_argument("max_queue", 10 if max_queue is None else max_queue, dtypes.int32))
    millis = int(_argument("flush_millis", 120_000 if flush_millis is None else flush_millis, dtypes.int32))
    suffix = os.fsdecode(_argument("filename_suffix", ".v2" if filename_suffix is None else filename_suffix, dtypes.string))
    if "/" in suffix or "\0" in suffix:
        raise InvalidArgumentError(f"filename_suffix is the end of a file's name; got {suffix!r}")
    return FileWriter(EventFile(folder, queue, millis, suffix))


def _argument(what: str, value: Any, dtype: dtypes.DType) -> Any:
    with context.init_scope():
        array = convert_to_tensor(value, dtype).__array__()  # type: ignore[attr-defined]
    if array.ndim:
        raise InvalidArgumentError(f"{what} must be a scalar; got shape {list(array.shape)}")
    return array.item()


def create_noop_writer() -> SummaryWriter:
    """A writer that changes nothing: summaries go where they went before."""
    return NoopWriter()


def flush(writer: SummaryWriter | None = None, name: str | None = None) -> None:
    """Hands what a writer, by default that of this thread, wrote so far to the operating system.

    Raises:
        ValueError: it is no writer.
    """
    chosen = state.writer if writer is None else writer
    if chosen is None:
        return
    if not isinstance(chosen, SummaryWriter):
        raise ValueError(f"flush takes a SummaryWriter; got {chosen!r}")
    chosen.flush()
