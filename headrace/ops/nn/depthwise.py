"""Depthwise convolution and its gradients: each channel has filters of its own, [height, width, in, multiplier]."""

from __future__ import annotations

from typing import Any

import jax

from headrace.core.dtypes import FLOATING
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Ints, op
from headrace.dispatch.unsized import convolved_by_channel, sized_by
from headrace.ops.nn.convolution import convolve, filter_gradient, geometry, input_gradient, relate


def _grouped_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the same filter for a convolution in groups of one channel."""
    if len(shape) != 4:
        raise InvalidArgumentError(f"a depthwise filter has shape [height, width, in, multiplier]; got {list(shape)}")
    height, width, channels, multiplier = shape
    return height, width, 1, channels * multiplier


def _check_channels(channels: int, shape: tuple[int, ...]) -> None:
    if shape[2] != channels:
        raise InvalidArgumentError(f"the input has {channels} channels; the depthwise filter of shape {list(shape)} has {shape[2]}")


@op("DepthwiseConv2dNative", "input: T, filter: T -> output: T", T=FLOATING, unsized=convolved_by_channel)
def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    *,
    strides: Ints,
    padding: str,
    explicit_paddings: Ints = (),
    data_format: str = "NHWC",
    dilations: Ints = (1, 1, 1, 1),
) -> Any:
    """Convolves each channel with its own filters [height, width, in, multiplier]."""
    kernel = filter.reshape(_grouped_shape(filter.shape))
    _check_channels(input.shape[data_format.index("C")], filter.shape)
    return convolve(input, kernel, strides, padding, explicit_paddings, data_format, dilations)


@op(
    "DepthwiseConv2dNativeBackpropInput",
    "input_sizes: int32, filter: T, out_backprop: T -> output: T",
    T=FLOATING,
    unsized=sized_by(0),
    static=("input_sizes",),
)
def depthwise_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    *,
    strides: Ints,
    padding: str,
    explicit_paddings: Ints = (),
    data_format: str = "NHWC",
    dilations: Ints = (1, 1, 1, 1),
) -> Any:
    """The gradient of DepthwiseConv2dNative with respect to its input."""
    x = jax.ShapeDtypeStruct(tuple(int(s) for s in input_sizes), filter.dtype)
    kernel = filter.reshape(_grouped_shape(filter.shape))
    _check_channels(x.shape[data_format.index("C")], filter.shape)
    return input_gradient(x, kernel, out_backprop, geometry(x, kernel, strides, padding, explicit_paddings, data_format, dilations))


@op(
    "DepthwiseConv2dNativeBackpropFilter",
    "input: T, filter_sizes: int32, out_backprop: T -> output: T",
    T=FLOATING,
    unsized=sized_by(1),
    static=("filter_sizes",),
)
def depthwise_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    *,
    strides: Ints,
    padding: str,
    explicit_paddings: Ints = (),
    data_format: str = "NHWC",
    dilations: Ints = (1, 1, 1, 1),
) -> Any:
    """The gradient of DepthwiseConv2dNative with respect to its filter."""
    sizes = tuple(int(s) for s in filter_sizes)
    kernel = jax.ShapeDtypeStruct(_grouped_shape(sizes), input.dtype)
    _check_channels(input.shape[data_format.index("C")], sizes)
    how = geometry(input, kernel, strides, padding, explicit_paddings, data_format, dilations)
    return filter_gradient(input, kernel, out_backprop, how).reshape(sizes)


relate(depthwise_conv2d_native, depthwise_backprop_input, depthwise_backprop_filter)
