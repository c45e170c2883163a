"""Constants, placeholders and ops that pass values through."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING, DType
from headrace.core.errors import InvalidArgumentError, NoGradientError
from headrace.core.shapes import UNKNOWN, TensorShape
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.portable import Dims, eager_value, is_trial, portable_op


@portable_op("Const", "-> output: dtype")
def const(*, value: np.ndarray, dtype: DType) -> Any:
    """A constant."""
    return value if value.dtype == dtype.np_dtype or value.dtype.kind == "O" else value.astype(dtype.np_dtype)


def _placeholder_shape(*, dtype: DType, shape: TensorShape) -> Any:
    return shape.concrete() if shape.is_fully_defined() else None


@op("Placeholder", "-> output: dtype", shape=_placeholder_shape)
def placeholder(*, dtype: DType, shape: TensorShape = UNKNOWN) -> Any:
    """An input of an imported graph; the importer turns it into a graph input, so it is never run."""
    raise InvalidArgumentError(f"a placeholder ({dtype.name}, shape {shape}) has no value; call the imported function")


@portable_op("PlaceholderWithDefault", "input: dtype -> output: dtype")
def placeholder_with_default(input: Any, *, shape: TensorShape) -> Any:
    """The input, where nothing is fed instead."""
    return input


@portable_op("Identity", "input: T -> output: T")
def identity(input: Any) -> Any:
    """The input."""
    return input


@portable_op("Snapshot", "input: T -> output: T")
def snapshot(input: Any) -> Any:
    """The input."""
    return input


@portable_op("GuaranteeConst", "input: T -> output: T", stateful=True)
def guarantee_const(input: Any) -> Any:
    """The input, which the caller promises never to change."""
    return input


@portable_op("IdentityN", "input: T[] -> output: T[]")
def identity_n(input: tuple[Any, ...]) -> Any:
    """The inputs."""
    return input


def identity_tensors(input: Any, name: str | None = None) -> list[Tensor]:
    """The tensors of a list, as new tensors."""
    return list(identity_n.all(list(input), name=name))


def _opaque_branch(*arrays: Any) -> Any:
    """The arrays, by way of a branch that XLA cannot decide: its CPU back end drops barriers before it merges computations."""
    source = next((a for a in arrays if a.size), None)
    if source is None:
        return arrays
    bits = jax.lax.bitcast_convert_type(source.reshape(-1)[0].astype(jnp.float32), jnp.int32)
    return jax.lax.cond((bits & 1) <= 1, lambda *given: given, lambda *given: tuple(map(jnp.zeros_like, given)), *arrays)


def _barrier(*arrays: Any) -> Any:
    return jax.lax.optimization_barrier(arrays)


@op("XlaOptimizationBarrier", "input: T[] -> output: T[]")
def optimization_barrier(input: tuple[Any, ...]) -> Any:
    """The inputs; the compiler moves no computation across and merges none with what came before."""
    return jax.lax.platform_dependent(*input, cpu=_opaque_branch, default=_barrier)


@optimization_barrier.gradient
def _barrier_gradient(record: Any, *gradients: Any) -> Any:
    return list(gradients)


@portable_op("StopGradient", "input: T -> output: T", differentiable=False)
def stop_gradient(input: Any) -> Any:
    """The input, through which no gradient flows."""
    return input


@portable_op("PreventGradient", "input: T -> output: T")
def prevent_gradient(input: Any, *, message: str = "") -> Any:
    """The input; asking for a gradient through it is an error."""
    return input


@placeholder_with_default.gradient
@identity.gradient
@snapshot.gradient
@guarantee_const.gradient
def _pass_gradient(record: Any, grad: Any) -> Any:
    return grad


@identity_n.gradient
def _identity_n_gradient(record: Any, *grads: Any) -> Any:
    return list(grads)


@prevent_gradient.gradient
def _prevent_gradient_gradient(record: Any, grad: Any) -> Any:
    reason = record.attrs["message"] or "no reason was given"
    raise NoGradientError(f"a gradient was asked for where it is explicitly prevented: {reason}")


def _ensured_shape(input: Dims, *, shape: TensorShape) -> Dims:
    if shape.rank is None:
        return input
    if shape.rank != len(input):
        raise InvalidArgumentError(f"the tensor has shape {input}; expected {shape}")
    return tuple(_ensured_dim(d, s, input, shape) for d, s in zip(input, shape, strict=True))


def _ensured_dim(dim: int, wanted: int | None, input: Dims, shape: TensorShape) -> int:
    if wanted is None or wanted == dim:
        return dim
    if is_trial(dim):
        return wanted
    raise InvalidArgumentError(f"the tensor has shape {input}; expected {shape}")


@portable_op("EnsureShape", "input: T -> output: T", shape=_ensured_shape)
def ensure_shape_op(input: Any, *, shape: TensorShape) -> Any:
    """The input, checked to have a shape compatible with `shape`."""
    if not shape.is_compatible_with(input.shape):
        raise InvalidArgumentError(f"the tensor has shape {TensorShape(input.shape)}; expected {shape}")
    return input


@ensure_shape_op.gradient
def _ensure_shape_gradient(record: Any, grad: Any) -> Any:
    return grad


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """`x`, checked when it is computed (and, where possible, before) to have a shape compatible with `shape`.

    Raises:
        InvalidArgumentError: it has another shape.
    """
    checked = ensure_shape_op(x, shape=shape, name=name)
    checked.set_shape(shape)
    return checked


@portable_op("CheckNumerics", "tensor: T -> output: T", T=FLOATING, stateful=True)
def check_numerics_op(tensor: Any, *, message: str) -> Any:
    """The input, checked to be free of NaN and infinity; a graph is cut here, so that the check sees the values."""
    if isinstance(tensor, np.ndarray):
        _refuse_bad_values(tensor, message)
    return tensor


@check_numerics_op.gradient
def _check_numerics_gradient(record: Any, grad: Any) -> Any:
    return check_numerics(grad, "the gradient of CheckNumerics has bad values: " + record.attrs["message"])


def _refuse_bad_values(array: Any, message: str) -> None:
    wide = np.asarray(array).astype(np.float64)
    found = [name for name, present in (("Inf", np.isinf(wide).any()), ("NaN", np.isnan(wide).any())) if present]
    if found:
        raise InvalidArgumentError(f"{message} : Tensor had {' and '.join(found)} values")


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """`tensor`, checked to be free of NaN and infinity. Compiled code passes it through unchecked.

    Raises:
        InvalidArgumentError: eagerly, when it is not.
    """
    tensor = convert_to_tensor(tensor)
    values = eager_value(tensor)
    if values is not None and not bool(jnp.isfinite(tensor.array).all()):
        _refuse_bad_values(values, message)
    return check_numerics_op(tensor, message=message, name=name)
