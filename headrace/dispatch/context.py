"""The state of the current thread: the executor in charge, active tapes, device and name scopes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from headrace.core.dtypes import DType
    from headrace.dispatch.opdef import Attrs, OpDef
    from headrace.dispatch.tensor import EagerTensor, Tensor
    from headrace.ir.graph import Graph


class Executor(Protocol):
    """Runs ops: now (eager) or later (by recording a graph)."""

    is_eager: bool

    def run(self, op: OpDef, args: Sequence[Any], attrs: Attrs, name: str | None) -> tuple[Tensor, ...]:
        """Runs one op on `args` (one a declared input; a sequence for a list input), and records it on the active tapes."""

    def call(self, graph: Graph, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Calls a graph as a function. Nothing is recorded on tapes: the caller does that."""

    def constant(self, value: Any, dtype: DType, name: str | None = None) -> Tensor:
        """A tensor of the numpy array `value`, which has the representation of `dtype`."""

    def initial_value(self, value: Any, dtype: DType | None) -> EagerTensor:
        """The first value of a variable that is being created: `value`, or what it returns when it is a function."""

    def adopt(self, tensor: Tensor) -> Tensor:
        """The tensor by which this executor knows `tensor` (inside a graph: the captured input)."""


class Recorder(Protocol):
    """A tape, as the executors see it."""

    def record(self, op: OpDef, attrs: Attrs, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Notes that `op` made `outputs` of `inputs`."""

    def record_custom(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], rule: Callable[..., Any]) -> None:
        """Notes a step whose gradient is `rule`."""

    def watches(self, tensors: Sequence[Tensor]) -> bool:
        """True when a step that has these inputs concerns the tape."""

    def watch_variable(self, variable: Any) -> None:
        """Notes that a trainable variable was read."""


class ThreadState(threading.local):
    """What differs from thread to thread."""

    default_executor: Executor

    def __init__(self) -> None:
        self.executor: Executor = self.default_executor
        self.tapes: tuple[Recorder, ...] = ()
        self.device: str = ""
        self.name_scope: str = ""
        self.observer: Callable[[Graph], None] | None = None
        """Told of each graph that a function runs (see summary/graphs.py)."""


_threads: list[ThreadState] = []


def install(executor: Executor) -> None:
    """Makes `executor` the one that every thread begins with. Called once, by the runtime."""
    ThreadState.default_executor = executor
    _threads[:] = [ThreadState()]


def state() -> ThreadState:
    """The state of the current thread."""
    return _threads[0]


def executing_eagerly() -> bool:
    """True outside of graph building."""
    return _threads[0].executor.is_eager


def inside_function() -> bool:
    """True while a function is traced."""
    return not executing_eagerly()


def current_name_scope() -> str:
    """The name scope in force, without the slash at its end."""
    return _threads[0].name_scope.rstrip("/")


@contextmanager
def using(executor: Executor, *, tapes: Sequence[Recorder] | None = None) -> Iterator[None]:
    """Puts `executor` in charge; `tapes`, when given, replace the active ones meanwhile."""
    current = _threads[0]
    before = current.executor, current.tapes
    current.executor = executor
    if tapes is not None:
        current.tapes = tuple(tapes)
    try:
        yield
    finally:
        current.executor, current.tapes = before


@contextmanager
def init_scope() -> Iterator[None]:
    """Leaves every graph under construction and every tape: ops inside run at once."""
    current = _threads[0]
    before = current.name_scope
    current.name_scope = ""
    try:
        with using(ThreadState.default_executor, tapes=()):
            yield
    finally:
        current.name_scope = before


@contextmanager
def paused_tapes() -> Iterator[None]:
    """Records nothing meanwhile."""
    current = _threads[0]
    before, current.tapes = current.tapes, ()
    try:
        yield
    finally:
        current.tapes = before
