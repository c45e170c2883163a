"""Python's builtin functions, over symbolic tensors."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import Any

from headrace.core import dtypes
from headrace.ops.array.creation import range as tensor_range
from headrace.ops.array.shaping import shape
from headrace.ops.host.printing import print_function
from headrace.ops.math.functions import abs as tensor_abs
from headrace.ops.math.functions import cast
from headrace.trace.autograph.staging import is_symbolic


def _abs(x: Any) -> Any:
    return tensor_abs(x)


def _float(x: Any) -> Any:
    return cast(x, dtypes.float32)


def _int(x: Any) -> Any:
    return cast(x, dtypes.int32)


def _len(x: Any) -> Any:
    if x.shape.rank == 0:
        raise ValueError("len() needs a tensor of rank 1 or more; this one is a scalar")
    known = x.shape[0] if x.shape.rank else None
    return shape(x)[0] if known is None else known


def _range(*limits: Any) -> Any:
    return tensor_range(*limits)


def _print(*values: Any, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False) -> None:
    """Prints each time the program gets there, where Python prints."""
    stream = sys.stdout if file is None else file
    print_function(*values, output_stream=stream, sep=" " if sep is None else sep, end="\n" if end is None else end)


_OVERLOADS: dict[Any, Callable[..., Any]] = {
    builtins.abs: _abs,
    builtins.float: _float,
    builtins.int: _int,
    builtins.len: _len,
    builtins.print: _print,
    builtins.range: _range,
}


def overload(function: Any, args: tuple[Any, ...]) -> Any:
    """What to call instead of a builtin with these arguments: itself unless one is a symbolic tensor."""
    try:
        found = _OVERLOADS.get(function)
    except TypeError:  # not hashable
        return function
    return found if found is not None and any(map(is_symbolic, args)) else function
