"""Python functions as ops: they are called each time the program gets there."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import numpy as np

from headrace.core import dtypes, nest
from headrace.core.errors import InvalidArgumentError, NotFoundError
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor, to_numpy
from headrace.dispatch.opdef import DTypes, op

_log = logging.getLogger(__name__)
_numbers = itertools.count()


class Token(str):
    """The name of a Python function in a graph, which keeps the function alive as long as the graph."""

    function: Callable[..., Any]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Token:
        """A fresh token."""
        token = cls(f"pyfunc_{next(_numbers)}")
        token.function = function
        return token


def _called(token: str, inputs: Sequence[Any], types: DTypes) -> tuple[Any, ...]:
    if not isinstance(token, Token):
        raise NotFoundError(
            f"the Python function {token!r} is not part of this process; a saved graph cannot hold Python functions"
        )
    with context.init_scope():
        result = token.function(*inputs)
        flat = [] if result is None else list(result) if isinstance(result, list | tuple) else [result]
        if len(flat) != len(types):
            raise InvalidArgumentError(f"{token} returned {len(flat)} values; Tout asks for {len(types)}", op="PyFunc")
        return tuple(_array(value, dtype) for value, dtype in zip(flat, types, strict=True))


def _array(value: Any, dtype: dtypes.DType) -> np.ndarray[Any, Any]:
    array, found = to_numpy(np.asarray(value)) if hasattr(value, "__array__") else to_numpy(value, None, dtype)
    if found is not dtype:
        raise InvalidArgumentError(f"a Python function returned {found.name}; Tout asks for {dtype.name}; cast it", op="PyFunc")
    return array


@op("PyFunc", "input: Tin[] -> output: Tout[]", stateful=True, host_only=True, differentiable=False)
def py_func_op(input: tuple[Any, ...], *, token: str, Tout: DTypes) -> Any:
    """Calls a Python function on numpy arrays."""
    return _called(token, input, Tout)


@op("PyFuncStateless", "input: Tin[] -> output: Tout[]", host_only=True, differentiable=False)
def py_func_stateless(input: tuple[Any, ...], *, token: str, Tout: DTypes) -> Any:
    """Calls a Python function without effects on numpy arrays."""
    return _called(token, input, Tout)


@op("EagerPyFunc", "input: Tin[] -> output: Tout[]", stateful=True, host_only=True)
def eager_py_func(input: tuple[Any, ...], *, token: str, is_async: bool = False, Tout: DTypes) -> Any:
    """Calls a Python function on eager tensors; autodiff/py_function.py has the gradient."""
    return _called(token, input, Tout)


def decorator(call: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator of functions of tensors; `call(function, tensors)` calls one."""

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        return wraps(func)(lambda *args: call(func, args))

    return decorate


def numpy_function(
    func: Callable[..., Any] | None = None, inp: Any = None, Tout: Any = None, stateful: bool = True, name: str | None = None
) -> Any:
    """Calls a Python function on numpy arrays, in a graph each time it runs. No gradient passes through it.

    Args:
        func: takes numpy arrays (bytes for scalar strings) and returns arrays. Left out, what is returned is a decorator.
        inp: its arguments, as tensors.
        Tout: the dtype of each result, or one dtype for a single result.
        stateful: False lets the optimizer drop, merge or precompute calls.
        name: the node's name.

    Returns:
        A tensor, or a list of them where `Tout` is a list.
    """
    if func is None:
        return decorator(partial(numpy_function, Tout=Tout, stateful=stateful, name=name))
    several = isinstance(Tout, list | tuple)
    types = tuple(map(dtypes.as_dtype, Tout if several else [Tout]))
    target = py_func_op if stateful else py_func_stateless
    given = [convert_to_tensor(value) for value in nest.flatten(inp)]
    results = target.all(given, token=Token.of(lambda *a: func(*map(_plain, a))), Tout=types, name=name)
    place = results[0].value.node.source or "" if results and not context.executing_eagerly() else ""  # type: ignore[attr-defined]
    for tape in context.state().tapes:
        tape.record_custom(given, results, partial(_no_gradient, len(given), place))
    return list(results) if several else results[0]


def _no_gradient(count: int, place: str, *gradients: Any) -> list[None]:
    where = f" (from {place})" if place else ""
    _log.warning("no gradient passes through tf.numpy_function%s; use tf.py_function or tf.custom_gradient", where)
    return [None] * count


def _plain(array: Any) -> Any:
    return array.item() if array.dtype.kind == "O" and array.ndim == 0 else array
