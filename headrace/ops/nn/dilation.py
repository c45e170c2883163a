"""Grayscale morphology: dilation and erosion."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import REAL
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import Ints, get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.nn.layout import Pairs, padding_of, per_dimension, spatial


class _Geometry(NamedTuple):
    """Where the windows lie: strides, rates, padding and the output's height and width."""

    steps: tuple[int, ...]
    spread: tuple[int, ...]
    pads: Pairs
    out: tuple[int, ...]


def _geometry(x: tuple[int, ...], kernel: tuple[int, ...], strides: Ints, rates: Ints, padding: str) -> _Geometry:
    if len(x) != 4 or len(kernel) != 3 or x[3] != kernel[2]:
        raise InvalidArgumentError(
            f"dilation takes [batch, height, width, channels] and a filter [height, width, channels]; got shapes {list(x)}"
            f" and {list(kernel)}"
        )
    steps, spread = spatial(strides, "NHWC", "strides"), spatial(rates, "NHWC", "rates")
    pads = padding_of(padding, (), "NHWC", x[1:3], kernel[:2], steps, spread)
    reach = [(w - 1) * r + 1 for w, r in zip(kernel[:2], spread, strict=True)]
    out = ((s + sum(p) - r) // step + 1 for s, p, r, step in zip(x[1:3], pads, reach, steps, strict=True))
    return _Geometry(steps, spread, pads, tuple(out))


def _shape(x: tuple[int, ...], kernel: tuple[int, ...], *, strides: Ints, rates: Ints, padding: str, **_: Any) -> tuple[int, ...]:
    """A rule of its own, because the kernel loops over the filter, whose size may be unknown."""
    return (x[0], *_geometry(x, kernel, strides, rates, padding).out, x[3])


def _input_shape(x: tuple[int, ...], *_: Any, **__: Any) -> tuple[int, ...]:
    return x


def _filter_shape(_: Any, kernel: tuple[int, ...], *__: Any, **___: Any) -> tuple[int, ...]:
    return kernel


def _dilate(x: Any, kernel: Any, strides: Ints, rates: Ints, padding: str) -> Any:
    """The largest of x + kernel in each window; of equal ones the first counts for gradients."""
    steps, spread, pads, out = _geometry(x.shape, kernel.shape, strides, rates, padding)
    window, sizes = kernel.shape[:2], x.shape[1:3]
    floating = jnp.issubdtype(x.dtype, jnp.floating)
    lowest = np.array(-np.inf if floating else jnp.iinfo(x.dtype).min, x.dtype)
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)), constant_values=lowest)
    inside = jnp.pad(jnp.ones((1, *sizes, 1), bool), ((0, 0), *pads, (0, 0)))
    best = jnp.full((x.shape[0], *out, x.shape[3]), lowest, x.dtype)
    for i in range(window[0]):
        for j in range(window[1]):
            top, left = i * spread[0], j * spread[1]
            bottom, right = top + (out[0] - 1) * steps[0] + 1, left + (out[1] - 1) * steps[1] + 1
            place = np.s_[:, top : bottom : steps[0], left : right : steps[1]]
            candidate = padded[place] + kernel[i, j]
            best = jnp.where(inside[place] & (candidate > best), candidate, best)
    return best


@op("Dilation2D", "input: T, filter: T -> output: T", T=REAL, shape=_shape)
def dilation2d_op(input: Any, filter: Any, *, strides: Ints, rates: Ints, padding: str) -> Any:
    """The largest of input + filter in each window."""
    return _dilate(input, filter, strides, rates, padding)


@dilation2d_op.gradient
def _dilation_gradient(record: Any, grad: Any) -> Any:
    x, kernel = record.inputs
    return (
        dilation2d_backprop_input(x, kernel, grad, **record.attrs),
        dilation2d_backprop_filter(x, kernel, grad, **record.attrs),
    )


@op(
    "Dilation2DBackpropInput",
    "input: T, filter: T, out_backprop: T -> in_backprop: T",
    T=REAL,
    shape=_input_shape,
    differentiable=False,
)
def dilation2d_backprop_input(input: Any, filter: Any, out_backprop: Any, *, strides: Ints, rates: Ints, padding: str) -> Any:
    """The gradient of Dilation2D with respect to its input."""
    return _pull(input, filter, out_backprop, strides, rates, padding)[0]


@op(
    "Dilation2DBackpropFilter",
    "input: T, filter: T, out_backprop: T -> filter_backprop: T",
    T=REAL,
    shape=_filter_shape,
    differentiable=False,
)
def dilation2d_backprop_filter(input: Any, filter: Any, out_backprop: Any, *, strides: Ints, rates: Ints, padding: str) -> Any:
    """The gradient of Dilation2D with respect to its filter."""
    return _pull(input, filter, out_backprop, strides, rates, padding)[1]


def _pull(x: Any, kernel: Any, upstream: Any, strides: Ints, rates: Ints, padding: str) -> Any:
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise InvalidArgumentError(f"gradients of dilation are for floating tensors; got {x.dtype}; use tf.cast")
    return jax.vjp(lambda a, b: _dilate(a, b, strides, rates, padding), x, kernel)[1](upstream)


def dilation2d(
    input: Any, filters: Any, strides: Any, padding: str, data_format: str, dilations: Any, name: str | None = None
) -> Tensor:
    """The largest of input [batch, height, width, channels] + filters [height, width, channels] in each window.

    Raises:
        ValueError: the data format is not NHWC.
    """
    if data_format != "NHWC":
        raise ValueError(f"data_format must be NHWC; got {data_format!r}")
    steps, rates = per_dimension(strides, "NHWC"), per_dimension(dilations, "NHWC")
    return dilation2d_op(input, filters, strides=steps, rates=rates, padding=padding, name=name)


def erosion2d(
    value: Any, filters: Any, strides: Any, padding: str, data_format: str, dilations: Any, name: str | None = None
) -> Tensor:
    """The smallest of value - the mirrored filters in each window; see dilation2d."""
    mirrored = get("ReverseV2")(convert_to_tensor(filters), [0, 1])
    return get("Neg")(dilation2d(-convert_to_tensor(value), mirrored, strides, padding, data_format, dilations), name=name)
