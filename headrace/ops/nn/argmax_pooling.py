"""Max pooling that tells where each largest value stands, and second gradients of max pooling."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INDEX, REAL, DType, int64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Ints, op
from headrace.ops.nn.layout import Pairs
from headrace.ops.nn.pooling import lowest, window_of


def _with_companion(x: Any, companion: Any, window: Ints, steps: Ints, pads: Pairs) -> tuple[Any, Any]:
    """The largest value of each window, and the element of `companion` at the first place where it stands."""
    least = lowest(x.dtype)
    inside = np.pad(np.ones([1 if pair == (0, 0) else size for size, pair in zip(x.shape, pads, strict=True)], bool), pads)
    x = jnp.pad(x, pads, constant_values=least)
    companion = jnp.pad(companion, [pair if size > 1 else (0, 0) for size, pair in zip(companion.shape, pads, strict=True)])
    sizes = [(size - width) // step + 1 for size, width, step in zip(x.shape, window, steps, strict=True)]
    best, chosen, seen = jnp.full(sizes, least), None, np.zeros((), bool)
    for tap in itertools.product(*map(range, window)):
        value, other, valid = (_taken(array, tap, steps, sizes) for array in (x, companion, inside))
        better = (value > best) | (valid & ~seen)
        best, seen = jnp.where(better, value, best), seen | valid
        chosen = other if chosen is None else jnp.where(better, other, chosen)
    return best, chosen


def _taken(array: Any, tap: Ints, steps: Ints, sizes: list[int]) -> Any:
    """The element at place `tap` of every window; dimensions of size 1 stay as they are."""
    return array[
        tuple(
            slice(None) if length == 1 else slice(start, start + (size - 1) * step + 1, step)
            for length, start, step, size in zip(array.shape, tap, steps, sizes, strict=True)
        )
    ]


def _numbers(shape: tuple[int, ...], include_batch: bool, dtype: Any) -> Any:
    """The place of every element in its flat image, or in the flat batch."""
    places = jnp.arange(int(np.prod(shape)), dtype=dtype).reshape(shape)
    return places if include_batch else places[:1]


@op("MaxPoolWithArgmax", "input: T -> output: T, argmax: Targmax", T=REAL, Targmax=INDEX)
def max_pool_with_argmax_op(
    input: Any, *, ksize: Ints, strides: Ints, Targmax: DType = int64, padding: str, include_batch_in_index: bool = False
) -> Any:
    """The largest value of each window of [batch, height, width, channels], and its place in the flat image or batch."""
    window, steps, pads = window_of(input, ksize, strides, padding, (), "NHWC")
    places = _numbers(input.shape, include_batch_in_index, Targmax.np_dtype)
    best, where = _with_companion(input, jnp.broadcast_to(places, input.shape), window, steps, pads)
    return best, where


@max_pool_with_argmax_op.gradient
def _max_pool_with_argmax_gradient(record: Any, grad: Any, _: Any) -> Any:
    attrs = {name: value for name, value in record.attrs.items() if name != "Targmax"}
    return None if grad is None else max_pool_grad_with_argmax(record.inputs[0], grad, record.outputs[1], **attrs)


def _in_batch(argmax: Any, image: tuple[int, ...], include_batch: bool) -> Any:
    """Places in the flat batch."""
    if include_batch:
        return argmax
    starts = np.arange(argmax.shape[0]).astype(argmax.dtype) * np.prod(image[1:]).astype(argmax.dtype)
    return argmax + starts.reshape(-1, *[1] * (argmax.ndim - 1))


def _check_places(grad: Any, argmax: Any) -> None:
    if grad.shape != argmax.shape:
        raise InvalidArgumentError(f"argmax has one place an output; got shape {argmax.shape} for outputs {grad.shape}")


@op("MaxPoolGradWithArgmax", "input: T, grad: T, argmax: Targmax -> output: T", T=REAL, Targmax=INDEX)
def max_pool_grad_with_argmax(
    input: Any, grad: Any, argmax: Any, *, ksize: Ints, strides: Ints, padding: str, include_batch_in_index: bool = False
) -> Any:
    """Sends each window's gradient to the place of its largest value."""
    _check_places(grad, argmax)
    places = _in_batch(argmax, input.shape, include_batch_in_index)
    return jnp.zeros(input.size, grad.dtype).at[places.reshape(-1)].add(grad.reshape(-1)).reshape(input.shape)


@op("MaxPoolGradGradWithArgmax", "input: T, grad: T, argmax: Targmax -> output: T", T=REAL, Targmax=INDEX)
def max_pool_grad_grad_with_argmax(
    input: Any, grad: Any, argmax: Any, *, ksize: Ints, strides: Ints, padding: str, include_batch_in_index: bool = False
) -> Any:
    """The elements of `grad`, shaped like the input, at the places of the largest values."""
    _check_places(input, grad)
    return grad.reshape(-1)[_in_batch(argmax, input.shape, include_batch_in_index)]


def _grad_grad(x: Any, grad: Any, ksize: Ints, strides: Ints, padding: str, data_format: str) -> Any:
    if grad.shape != x.shape:
        raise InvalidArgumentError(f"the second gradient has the input's shape {x.shape}; got {grad.shape}")
    return _with_companion(jax.lax.stop_gradient(x), grad, *window_of(x, ksize, strides, padding, (), data_format))[1]


@op("MaxPoolGradGrad", "orig_input: T, orig_output: T, grad: T -> output: T", T=REAL)
def max_pool_grad_grad(
    orig_input: Any, orig_output: Any, grad: Any, *, ksize: Ints, strides: Ints, padding: str, data_format: str = "NHWC"
) -> Any:
    """The elements of `grad` at the first largest value of each window of the input."""
    return _grad_grad(orig_input, grad, ksize, strides, padding, data_format)


@op(
    "MaxPoolGradGradV2",
    "orig_input: T, orig_output: T, grad: T, ksize: int32, strides: int32 -> output: T",
    T=REAL,
    static=("ksize", "strides"),
)
def max_pool_grad_grad_v2(
    orig_input: Any, orig_output: Any, grad: Any, ksize: Any, strides: Any, *, padding: str, data_format: str = "NHWC"
) -> Any:
    """The same with window and strides as inputs."""
    return _grad_grad(orig_input, grad, tuple(map(int, ksize)), tuple(map(int, strides)), padding, data_format)


@op("MaxPool3DGradGrad", "orig_input: T, orig_output: T, grad: T -> output: T", T=REAL)
def max_pool3d_grad_grad(
    orig_input: Any, orig_output: Any, grad: Any, *, ksize: Ints, strides: Ints, padding: str, data_format: str = "NDHWC"
) -> Any:
    """The same in three dimensions."""
    return _grad_grad(orig_input, grad, ksize, strides, padding, data_format)
