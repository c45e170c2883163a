"""if, conditional expressions, and, or, not, ==, assert: as Python, or over a symbolic tensor as a tf.cond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core import nest
from headrace.core.spec import CompositeTensor
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.ops.host.assertions import assert_true
from headrace.ops.math.comparison import logical_not
from headrace.trace.autograph.staging import at_user, condition, is_symbolic, is_tensor_like, leaves, same_value
from headrace.trace.autograph.variables import Undefined, UndefinedReturnValue
from headrace.trace.control.branching import cond
from headrace.trace.control.leaves import as_variable
from headrace.trace.control.tensor_array import TensorArray

State = tuple[Any, ...]


def if_stmt(
    test: Any,
    body: Callable[[], None],
    orelse: Callable[[], None],
    get_state: Callable[[], State],
    set_state: Callable[[State], None],
    symbol_names: tuple[str, ...],
    nouts: int,
) -> None:
    """An if statement. The first `nouts` variables of the state are used after it."""
    if not is_symbolic(test):
        if test:
            body()
        else:
            orelse()
        return
    predicate = condition(test, "an if statement")
    before = get_state()
    results: list[State] = []
    places = at_user()

    def branch(statements: Callable[[], None]) -> list[Any]:
        set_state(before)
        statements()
        results.append(get_state()[:nouts])
        if len(results) > 1:
            _compare(results[0], results[1], symbol_names, places)
        return [as_variable(leaf) for leaf in leaves(results[-1]) if is_tensor_like(leaf)]

    def main() -> list[Any]:
        return branch(body)

    def other() -> list[Any]:
        return branch(orelse)

    merged = iter(cond(predicate, main, other))
    first, second = leaves(results[0]), leaves(results[1])
    chosen = []
    for one, two in zip(first, second, strict=True):
        value = next(merged) if is_tensor_like(one) else one
        chosen.append(one if same_value(one, two) else value)
    set_state((*nest.pack_sequence_as(results[0], chosen), *before[nouts:]))


def _compare(main: State, other: State, names: tuple[str, ...], place: str) -> None:
    for name, one, two in zip(names, main, other, strict=False):
        for value, missing, branch in ((one, two, "else"), (two, one, "main")):
            if isinstance(missing, UndefinedReturnValue) and not isinstance(value, UndefinedReturnValue):
                raise ValueError(f"the {branch} branch must also have a return statement{place}")
            if isinstance(missing, Undefined) and not isinstance(value, Undefined):
                raise ValueError(f"'{name}' must also be initialized in the {branch} branch{place}")
        if isinstance(one, Undefined | UndefinedReturnValue):
            continue
        try:
            nest.assert_same_structure(one, two)
        except (TypeError, ValueError) as error:
            raise TypeError(f"'{name}' must have the same nested structure in the main and else branches{place}: {error}") from None
        for left, right in zip(leaves(one), leaves(two), strict=True):
            _compare_leaf(name, left, right, place)


def _compare_leaf(name: str, left: Any, right: Any, place: str) -> None:
    if same_value(left, right):
        return
    for value, branch in ((left, "main"), (right, "else")):
        if value is None:
            raise ValueError(f"'{name}' is None at the end of the {branch} branch{place}, but not at the end of the other one")
    if not (is_tensor_like(left) and is_tensor_like(right)):
        raise TypeError(
            f"'{name}' is {left!r} after the main branch and {right!r} after the else branch{place}; the branches of a condition on"
            " a tensor can only differ in tensors and numbers"
        )
    one, two = (
        v.dtype if isinstance(v, Tensor | TensorArray | CompositeTensor) else convert_to_tensor(v).dtype for v in (left, right)
    )
    if one is not two:
        raise TypeError(f"'{name}' has dtype {one.name} in the main branch, but dtype {two.name} in the else branch{place}")


def if_exp(test: Any, if_true: Callable[[], Any], if_false: Callable[[], Any], text: str) -> Any:
    """A conditional expression; `text` is the source of its condition."""
    if is_symbolic(test):
        return cond(condition(test, f"`... if {text} else ...`"), if_true, if_false)
    return if_true() if test else if_false()


def and_(left: Callable[[], Any], right: Callable[[], Any]) -> Any:
    """`and`: the right side is evaluated only when the left is true."""
    value = left()
    if is_symbolic(value):
        first = condition(value, "`and`")
        return cond(first, lambda: condition(right(), "`and`"), lambda: first)
    return value and right()


def or_(left: Callable[[], Any], right: Callable[[], Any]) -> Any:
    """`or`: the right side is evaluated only when the left is false."""
    value = left()
    if is_symbolic(value):
        first = condition(value, "`or`")
        return cond(first, lambda: first, lambda: condition(right(), "`or`"))
    return value or right()


def assert_stmt(test: Any, message: Callable[[], Any]) -> None:
    """An assert statement: tf.debugging.Assert when the condition is a symbolic tensor."""
    if is_symbolic(test):
        text = message()
        place = at_user()
        assert_true(condition(test, "an assert statement"), [f"assertion failed{place}" if text is None else text])
    elif not test:
        text = message()
        raise AssertionError(*([] if text is None else [text]))


def not_(value: Any) -> Any:
    """`not`."""
    return logical_not(value) if is_symbolic(value) else not value
