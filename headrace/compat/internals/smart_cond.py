"""tf.__internal__.smart_cond: a branch that is taken at once where its condition is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.ops.array.portable import get_static_value
from headrace.state.variable import Variable
from headrace.trace.control.branching import cond


def smart_cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: str | None = None) -> Any:
    """What one of two functions returns: called at once where the condition is known, else by `tf.cond`.

    Args:
        pred: a boolean scalar, a Python bool, or 0 or 1.
        true_fn: a function without arguments.
        false_fn: likewise, with a result of the same structure.
        name: of the node.

    Raises:
        TypeError: a function cannot be called.
    """
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError(f"smart_cond needs two functions; got {true_fn!r} and {false_fn!r}")
    known = smart_constant_value(pred)
    if known is None:
        return cond(pred, true_fn, false_fn, name=name)
    return true_fn() if known else false_fn()


def smart_constant_value(pred: Any) -> bool | None:
    """The condition as a Python bool, None where only the function's run will tell.

    Raises:
        TypeError: it is no boolean.
    """
    if isinstance(pred, bool) or (isinstance(pred, int) and pred in (0, 1)):
        return bool(pred)
    if isinstance(pred, Variable):
        return None
    value = get_static_value(pred)
    return None if value is None else bool(value)
