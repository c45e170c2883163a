"""Pooling and its gradients."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING, REAL, bfloat16, float16, float32, int8, int16, int32, int64, uint8, uint16
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Ints, get, op
from headrace.dispatch.unsized import sized_by
from headrace.ops.nn.layout import Pairs, check_layout, padding_of, spatial_sizes


def window_of(x: Any, ksize: Ints, strides: Ints, padding: str, explicit: Ints, data_format: str) -> tuple[Ints, Ints, Pairs]:
    """Window, strides and padding, one entry a dimension."""
    check_layout(data_format)
    if x.ndim != len(data_format) or len(ksize) != x.ndim or len(strides) != x.ndim:
        raise InvalidArgumentError(
            f"pooling in {data_format} takes {len(data_format)} dimensions and as many ksize and strides; got shape"
            f" {tuple(x.shape)}, ksize {list(ksize)}, strides {list(strides)}"
        )
    inner = [i for i, letter in enumerate(data_format) if letter not in "NC"]
    pairs = iter(
        padding_of(
            padding,
            explicit,
            data_format,
            spatial_sizes(x.shape, data_format),
            [ksize[i] for i in inner],
            [strides[i] for i in inner],
            [1] * len(inner),
        )
    )
    return tuple(ksize), tuple(strides), [next(pairs) if i in inner else (0, 0) for i in range(x.ndim)]


def lowest(dtype: Any) -> Any:
    """The least value of a numpy dtype, where there are infinities the negative one."""
    return np.array(-np.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min, dtype)


def _max_pool(x: Any, ksize: Ints, strides: Ints, padding: str, explicit: Ints, data_format: str) -> Any:
    window, steps, pads = window_of(x, ksize, strides, padding, explicit, data_format)
    return jax.lax.reduce_window(x, lowest(x.dtype), jax.lax.max, window, steps, pads)


@op("MaxPool", "input: T -> output: T", T=(*FLOATING, int8, int16, int32, int64, uint8, uint16))
def max_pool_op(
    input: Any, *, ksize: Ints, strides: Ints, padding: str, explicit_paddings: Ints = (), data_format: str = "NHWC"
) -> Any:
    """The largest value of each window."""
    return _max_pool(input, ksize, strides, padding, explicit_paddings, data_format)


@max_pool_op.gradient
def _max_pool_gradient(record: Any, grad: Any) -> Any:
    return max_pool_grad(record.inputs[0], record.outputs[0], grad, **record.attrs)


@op("MaxPoolGrad", "orig_input: T, orig_output: T, grad: T -> output: T", T=REAL)
def max_pool_grad(
    orig_input: Any,
    orig_output: Any,
    grad: Any,
    *,
    ksize: Ints,
    strides: Ints,
    padding: str,
    explicit_paddings: Ints = (),
    data_format: str = "NHWC",
) -> Any:
    """Sends each window's gradient to its first largest value."""
    return _max_pool_grad(orig_input, orig_output, grad, ksize, strides, padding, explicit_paddings, data_format)


def _max_pool_grad(x: Any, y: Any, grad: Any, ksize: Ints, strides: Ints, padding: str, explicit: Ints, data_format: str) -> Any:
    window, steps, pads = window_of(x, ksize, strides, padding, explicit, data_format)
    if window == steps and not any(any(p) for p in pads) and all(s % w == 0 for s, w in zip(x.shape, window, strict=True)):
        return _tiled_max_grad(x, y, grad, window)
    _, pull = jax.vjp(lambda value: _max_pool(value, ksize, strides, padding, explicit, data_format), x)
    return pull(grad)[0]


def _tiled_max_grad(x: Any, y: Any, grad: Any, window: Sequence[int]) -> Any:
    """The gradient where windows tile the input: XLA's general form scatters and is some thirty times slower on a CPU."""
    split: list[int] = []
    for size, width in zip(x.shape, window, strict=True):
        split += [size // width, width]
    inner = tuple(range(1, 2 * x.ndim, 2))
    tiles = x.reshape(split)
    taps = list(itertools.product(*map(range, window)))
    first = jnp.full(y.shape, len(taps) - 1, jnp.int32)
    for number, tap in reversed(list(enumerate(taps[:-1]))):
        place = tuple(part for index in tap for part in (slice(None), index))
        first = jnp.where(tiles[place] == y, np.int32(number), first)
    numbers = jnp.arange(len(taps), dtype=jnp.int32).reshape([split[a] if a in inner else 1 for a in range(2 * x.ndim)])
    chosen = jnp.where(numbers == jnp.expand_dims(first, inner), jnp.expand_dims(grad, inner), jnp.zeros((), grad.dtype))
    return chosen.reshape(x.shape)


def _avg_pool(x: Any, ksize: Ints, strides: Ints, padding: str, data_format: str) -> Any:
    window, steps, pads = window_of(x, ksize, strides, padding, (), data_format)
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    zero = np.zeros((), wide.dtype)
    total = jax.lax.reduce_window(wide, zero, jax.lax.add, window, steps, pads)
    if padding == "VALID":
        return (total / np.asarray(np.prod(window), wide.dtype)).astype(x.dtype)
    ones = jnp.ones([1 if letter in "NC" else size for letter, size in zip(data_format, x.shape, strict=True)], wide.dtype)
    return (total / jax.lax.reduce_window(ones, zero, jax.lax.add, window, steps, pads)).astype(x.dtype)


@op("AvgPool", "value: T -> output: T", T=FLOATING)
def avg_pool_op(value: Any, *, ksize: Ints, strides: Ints, padding: str, data_format: str = "NHWC") -> Any:
    """The mean of each window; padding does not count."""
    return _avg_pool(value, ksize, strides, padding, data_format)


@avg_pool_op.gradient
def _avg_pool_gradient(record: Any, grad: Any) -> Any:
    return avg_pool_grad(get("Shape")(record.inputs[0]), grad, **record.attrs)


@op("AvgPoolGrad", "orig_input_shape: int32, grad: T -> output: T", T=FLOATING, unsized=sized_by(0), static=("orig_input_shape",))
def avg_pool_grad(orig_input_shape: Any, grad: Any, *, ksize: Ints, strides: Ints, padding: str, data_format: str = "NHWC") -> Any:
    """The gradient of AvgPool."""
    return _avg_pool_grad(orig_input_shape, grad, ksize, strides, padding, data_format)


def _avg_pool_grad(sizes: Any, grad: Any, ksize: Ints, strides: Ints, padding: str, data_format: str) -> Any:
    x = jax.ShapeDtypeStruct(tuple(int(s) for s in sizes), grad.dtype)
    return jax.linear_transpose(lambda v: _avg_pool(v, ksize, strides, padding, data_format), x)(grad)[0]


@avg_pool_grad.gradient
def _avg_pool_grad_gradient(record: Any, grad: Any) -> Any:
    return None, avg_pool_op(grad, **record.attrs)


# The same with window and strides as inputs.


def _ints(values: Any) -> Ints:
    return tuple(int(v) for v in values)


@op(
    "MaxPoolV2",
    "input: T, ksize: int32, strides: int32 -> output: T",
    T=(*FLOATING, int8, int16, int32, int64, uint8, uint16),
    static=("ksize", "strides"),
)
def max_pool_v2(input: Any, ksize: Any, strides: Any, *, padding: str, data_format: str = "NHWC") -> Any:
    """The largest value of each window."""
    return _max_pool(input, _ints(ksize), _ints(strides), padding, (), data_format)


@max_pool_v2.gradient
def _max_pool_v2_gradient(record: Any, grad: Any) -> Any:
    x, ksize, strides = record.inputs
    return max_pool_grad_v2(x, record.outputs[0], grad, ksize, strides, **record.attrs), None, None


@op(
    "MaxPoolGradV2",
    "orig_input: T, orig_output: T, grad: T, ksize: int32, strides: int32 -> output: T",
    T=REAL,
    static=("ksize", "strides"),
)
def max_pool_grad_v2(
    orig_input: Any,
    orig_output: Any,
    grad: Any,
    ksize: Any,
    strides: Any,
    *,
    padding: str,
    data_format: str = "NHWC",
) -> Any:
    """Sends each window's gradient to its first largest value."""
    return _max_pool_grad(orig_input, orig_output, grad, _ints(ksize), _ints(strides), padding, (), data_format)


# Three spatial dimensions.

NARROW = (float16, bfloat16, float32)


@op("MaxPool3D", "input: T -> output: T", T=NARROW)
def max_pool3d_op(input: Any, *, ksize: Ints, strides: Ints, padding: str, data_format: str = "NDHWC") -> Any:
    """The largest value of each window."""
    return _max_pool(input, ksize, strides, padding, (), data_format)


@max_pool3d_op.gradient
def _max_pool3d_gradient(record: Any, grad: Any) -> Any:
    return max_pool3d_grad(record.inputs[0], record.outputs[0], grad, **record.attrs)


@op("MaxPool3DGrad", "orig_input: TInput, orig_output: TInput, grad: T -> output: T", T=NARROW, TInput=NARROW)
def max_pool3d_grad(
    orig_input: Any,
    orig_output: Any,
    grad: Any,
    *,
    ksize: Ints,
    strides: Ints,
    padding: str,
    data_format: str = "NDHWC",
) -> Any:
    """Sends each window's gradient to its first largest value."""
    return _max_pool_grad(orig_input, orig_output, grad, ksize, strides, padding, (), data_format)


@op("AvgPool3D", "input: T -> output: T", T=FLOATING)
def avg_pool3d_op(input: Any, *, ksize: Ints, strides: Ints, padding: str, data_format: str = "NDHWC") -> Any:
    """The mean of each window; padding does not count."""
    return _avg_pool(input, ksize, strides, padding, data_format)


@avg_pool3d_op.gradient
def _avg_pool3d_gradient(record: Any, grad: Any) -> Any:
    return avg_pool3d_grad(get("Shape")(record.inputs[0]), grad, **record.attrs)


@op("AvgPool3DGrad", "orig_input_shape: int32, grad: T -> output: T", T=FLOATING, unsized=sized_by(0), static=("orig_input_shape",))
def avg_pool3d_grad(
    orig_input_shape: Any, grad: Any, *, ksize: Ints, strides: Ints, padding: str, data_format: str = "NDHWC"
) -> Any:
    """The gradient of AvgPool3D."""
    return _avg_pool_grad(orig_input_shape, grad, ksize, strides, padding, data_format)


@avg_pool3d_grad.gradient
def _avg_pool3d_grad_gradient(record: Any, grad: Any) -> Any:
    return None, avg_pool3d_op(grad, **record.attrs)
