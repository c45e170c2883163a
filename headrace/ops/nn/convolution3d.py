"""3-D convolution and its gradients."""

from __future__ import annotations

from typing import Any

import jax

from headrace.core.dtypes import FLOATING, INDEX
from headrace.dispatch.opdef import Ints, op
from headrace.dispatch.unsized import convolved, sized_by
from headrace.ops.nn.convolution import convolve, filter_gradient, geometry, input_gradient, relate


@op("Conv3D", "input: T, filter: T -> output: T", T=FLOATING, unsized=convolved)
def conv3d_op(
    input: Any,
    filter: Any,
    *,
    strides: Ints,
    padding: str,
    data_format: str = "NDHWC",
    dilations: Ints = (1, 1, 1, 1, 1),
) -> Any:
    """3-D convolution with filters [depth, height, width, in, out]."""
    return convolve(input, filter, strides, padding, (), data_format, dilations)


@op(
    "Conv3DBackpropInputV2",
    "input_sizes: Tshape, filter: T, out_backprop: T -> output: T",
    T=FLOATING,
    Tshape=INDEX,
    unsized=sized_by(0),
    static=("input_sizes",),
)
def conv3d_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    *,
    strides: Ints,
    padding: str,
    data_format: str = "NDHWC",
    dilations: Ints = (1, 1, 1, 1, 1),
) -> Any:
    """The gradient of Conv3D with respect to its input; also the transposed convolution."""
    x = jax.ShapeDtypeStruct(tuple(int(s) for s in input_sizes), filter.dtype)
    return input_gradient(x, filter, out_backprop, geometry(x, filter, strides, padding, (), data_format, dilations))


@op(
    "Conv3DBackpropFilterV2",
    "input: T, filter_sizes: int32, out_backprop: T -> output: T",
    T=FLOATING,
    unsized=sized_by(1),
    static=("filter_sizes",),
)
def conv3d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    *,
    strides: Ints,
    padding: str,
    data_format: str = "NDHWC",
    dilations: Ints = (1, 1, 1, 1, 1),
) -> Any:
    """The gradient of Conv3D with respect to its filter."""
    kernel = jax.ShapeDtypeStruct(tuple(int(s) for s in filter_sizes), input.dtype)
    return filter_gradient(input, kernel, out_backprop, geometry(input, kernel, strides, padding, (), data_format, dilations))


relate(conv3d_op, conv3d_backprop_input, conv3d_backprop_filter)
