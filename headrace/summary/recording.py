"""Who writes, at which step, and whether: the state of the current thread."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headrace.core import dtypes
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import EagerTensor, Tensor
from headrace.state.module import name_scope
from headrace.trace.control.branching import cond

if TYPE_CHECKING:
    from headrace.summary.writers import FileWriter

_NOT_IN_SCOPES = re.compile(r"[^-_/.A-Za-z0-9]")


class _State(threading.local):
    """What differs from thread to thread."""

    def __init__(self) -> None:
        self.writer: FileWriter | None = None
        self.step: Any = None
        self.condition: Any = True


state = _State()


def get_step() -> Any:
    """The default step of summaries in this thread, None where there is none."""
    return state.step


def set_step(step: Any) -> None:
    """Sets the default step of summaries in this thread.

    Args:
        step: an int64 scalar: a Python integer, a tensor, or a variable, which is read each time; None for none.
    """
    state.step = step


@contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """Summaries inside are written where `condition` holds.

    Args:
        condition: a bool, a bool scalar tensor, or a function that returns one and is called for each summary.
    """
    before = state.condition
    state.condition = condition
    try:
        yield
    finally:
        state.condition = before


def should_record_summaries() -> Tensor:
    """A bool scalar: whether there is a writer and the condition of `record_if` holds."""
    return convert_to_tensor(_decision())


def _decision() -> bool | Tensor:
    """True or False where that is known, else a bool scalar of the graph.

    Raises:
        TypeError: the condition is no bool.
    """
    if state.writer is None:
        return False
    condition = state.condition() if callable(state.condition) else state.condition
    if isinstance(condition, bool):
        return condition
    tensor = convert_to_tensor(True if condition is None else condition, dtypes.bool_)
    return bool(tensor) if isinstance(tensor, EagerTensor) else tensor


def recorded(record: Callable[[], None]) -> Tensor:
    """Calls `record` where summaries are to be written, in a graph each time it runs; returns whether it did."""

    def written() -> Tensor:
        record()
        return convert_to_tensor(True)

    return cond(_decision(), written, lambda: convert_to_tensor(False))  # type: ignore[no-any-return]


@contextmanager
def summary_scope(name: str | None, default_name: str = "summary", values: Any = None) -> Iterator[tuple[str, str]]:
    """A name scope for the ops of one summary.

    Args:
        name: of the summary.
        default_name: for a summary without a name.
        values: taken for compatibility.

    Returns:
        The summary's tag, which is its name below the name scopes in force, and the scope for its ops, which has only
        characters that are allowed there.
    """
    name = name or default_name
    outside = context.current_name_scope()
    # A name of characters that are all taken out counts as missing, as in TensorFlow.
    with name_scope(f"{outside}/" * bool(outside) + (_NOT_IN_SCOPES.sub("", name) or default_name).rstrip("/") + "/") as scope:
        yield f"{outside}/{name}" if outside else name, scope
