"""What the kernels of this family share: kernels for numpy and JAX alike, axes, and sizes that inference made up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.infer import SIZES, SMALLEST_TRIAL, constant_value
from headrace.dispatch.opdef import Kernel, OpDef, get, op
from headrace.dispatch.tensor import EagerTensor, GraphTensor, Tensor

Dims = tuple[int, ...]


def namespace(*arrays: Any) -> Any:
    """numpy when every array is a numpy array, else jax.numpy."""
    return np if all(isinstance(a, np.ndarray | np.generic) for a in arrays) else jnp


def portable_op(name: str, spec: str, **options: Any) -> Callable[[Kernel], OpDef]:
    """`@op` for a kernel that serves numpy arrays too (strings included): it is the op's host version as well."""

    def declare(kernel: Kernel) -> OpDef:
        return op(name, spec, host=kernel, **options)(kernel)

    return declare


def scalar(value: Any) -> int:
    """The only element of a static input, as an int.

    Raises:
        InvalidArgumentError: it has none or several.
    """
    if value.size != 1:
        raise InvalidArgumentError(f"expected a single integer, got an array of shape {value.shape}")
    return int(value.reshape(()))


def integers(value: Any) -> Dims:
    """A static input (a scalar or a vector) as ints."""
    return tuple(int(item) for item in np.asarray(value).ravel())


def resolve_axis(axis: Any, rank: int, what: str = "axis") -> int:
    """`axis` counted from the front.

    Raises:
        InvalidArgumentError: there is no such axis.
    """
    position = int(axis)
    if not -rank <= position < rank:
        raise InvalidArgumentError(f"{what} {position} is out of range for {rank} dimensions; expected {-rank} to {rank - 1}")
    return position % rank


def is_trial(size: int) -> bool:
    """True when a size seems to come from what shape inference puts in place of an unknown dimension.

    Sizes derived from such a one count too: multiples, quotients, and sums with a few elements.
    """
    if size < SMALLEST_TRIAL:
        return False
    for trial in SIZES:
        big, small = max(size, trial), min(size, trial)
        rest = big % small
        if min(rest, small - rest) <= 256 * max(1, size // trial):
            return True
    return False


def has_trial(*shapes: Sequence[int]) -> bool:
    """True when any dimension seems to stand for an unknown one."""
    return any(is_trial(d) for shape in shapes for d in shape)


def merged(shapes: Sequence[Dims], skip: int | None = None) -> list[int]:
    """The common shape of equal shapes; a known dimension replaces a trial size. Axis `skip` is not compared.

    Raises:
        InvalidArgumentError: two shapes differ.
    """
    result = list(shapes[0])
    for shape in shapes[1:]:
        if len(shape) != len(result):
            raise InvalidArgumentError(f"shapes {shapes[0]} and {shape} differ in rank; expected equal ranks")
        for axis, (a, b) in enumerate(zip(result, shape, strict=True)):
            if a == b or axis == skip:
                continue
            if not (is_trial(a) or is_trial(b)):
                raise InvalidArgumentError(f"shapes {shapes[0]} and {shape} differ in dimension {axis}; expected equal sizes")
            result[axis] = b if is_trial(a) else a
    return result


def shape_vector(tensor: Tensor) -> Any:
    """The shape as an int vector: a numpy array when it is known, else a tensor."""
    if tensor.shape.is_fully_defined():
        dims = tensor.shape.concrete()
        return np.array(dims, np.int32 if math.prod(dims) < 2**31 else np.int64)
    return get("Shape")(tensor)


def static_value(tensor: Any) -> np.ndarray[Any, Any] | None:
    """The content of a tensor or plain value as a numpy array; None when it is not known yet."""
    if isinstance(tensor, GraphTensor):
        return constant_value(tensor.value)
    if isinstance(tensor, EagerTensor):
        return np.asarray(tensor.array)
    return np.asarray(tensor)


def get_static_value(tensor: Any, partial: bool = False) -> np.ndarray[Any, Any] | None:
    """The content of a tensor or plain value as a numpy array; None when it is not known yet.

    Args:
        tensor: anything that is a tensor or becomes one.
        partial: accepted for TensorFlow's signature; what is known in part is not known here.
    """
    return static_value(tensor)


def eager_value(tensor: Any) -> np.ndarray[Any, Any] | None:
    """The content of an eager tensor or plain value; None inside a graph."""
    return None if isinstance(tensor, GraphTensor) else static_value(tensor)
