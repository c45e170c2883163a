"""What decides between Python and graph control flow, and how values go through the latter."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

import numpy as np

from headrace.core import dtypes, nest
from headrace.core.spec import CompositeTensor
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.ops.array.shaping import reshape
from headrace.state.variable import Variable
from headrace.trace.control.tensor_array import TensorArray

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def is_symbolic(value: Any) -> bool:
    """True for what has no value while the graph is built: Python cannot branch on it."""
    if isinstance(value, CompositeTensor):
        return any(isinstance(tensor, GraphTensor) for tensor in value.type_spec.components(value))
    return isinstance(value, GraphTensor) or (isinstance(value, Variable) and not context.executing_eagerly())


def is_tensor_like(value: Any) -> bool:
    """True for values that can go through a graph's control flow."""
    return isinstance(
        value, Tensor | CompositeTensor | TensorArray | Variable | bool | int | float | complex | np.ndarray | np.generic
    )


def same_value(first: Any, second: Any) -> bool:
    """True when a variable surely holds the same in both cases: one object, or equal Python numbers of one type."""
    if first is second:
        return True
    return type(first) is type(second) and isinstance(first, bool | int | float | str) and bool(first == second)


def condition(value: Any, what: str) -> Tensor:
    """A scalar boolean tensor of a condition.

    Raises:
        ValueError: it is of another dtype, or has several elements.
    """
    tensor = convert_to_tensor(value)
    if tensor.dtype is not dtypes.bool_:
        raise ValueError(
            f"the condition of {what}{at_user()} is a tensor of dtype {tensor.dtype.name}; expected a bool scalar. Compare it, use"
            " tf.cast, or `is not None`"
        )
    if tensor.shape.rank is not None and len(tensor.shape) and any(d not in (None, 1) for d in tensor.shape):
        raise ValueError(f"the condition of {what}{at_user()} has shape {tensor.shape}; expected a bool scalar. Use tf.reduce_any")
    return tensor if tensor.shape.rank == 0 else reshape(tensor, [])


def leaves(value: Any) -> list[Any]:
    """The leaves of a structure."""
    return list(nest.flatten(value))


def at_user() -> str:
    """` (at file:line)` of the innermost frame outside of Headrace, for messages."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_PACKAGE + os.sep):
            return f" (at {frame.f_code.co_filename}:{frame.f_lineno})"
        frame = frame.f_back
    return ""
