"""Convolutions and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from headrace.core.dtypes import FLOATING, NUMERIC, int32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Ints, get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.nn import cpu_convolution
from headrace.ops.nn.layout import Pairs, padding_of, per_dimension, spatial, spatial_sizes

CONV_TYPES = (*FLOATING, int32)


class Geometry(NamedTuple):
    """How a filter moves over an input: spatial steps, padding, dilations; layouts; groups of channels."""

    steps: tuple[int, ...]
    pads: Pairs
    spread: tuple[int, ...]
    data_format: str
    groups: int

    def general(self, x: Any, kernel: Any) -> Any:
        """The convolution by XLA."""
        filter_format = self.data_format.replace("N", "").replace("C", "") + "IO"
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            self.steps,
            self.pads,
            rhs_dilation=self.spread,
            dimension_numbers=(self.data_format, filter_format, self.data_format),
            feature_group_count=self.groups,
        )


def geometry(
    x: Any,
    kernel: Any,
    strides: Sequence[int],
    padding: str,
    explicit: Sequence[int],
    data_format: str,
    dilations: Sequence[int],
) -> Geometry:
    """The geometry of a convolution of x (in `data_format`) with a kernel [window..., in/groups, out].

    Raises:
        InvalidArgumentError: ranks, channels, strides or padding do not fit.
    """
    if len(x.shape) != len(data_format) or len(kernel.shape) != len(data_format):
        raise InvalidArgumentError(
            f"a convolution in {data_format} takes an input and a filter of {len(data_format)} dimensions; got shapes"
            f" {tuple(x.shape)} and {tuple(kernel.shape)}"
        )
    channels = x.shape[data_format.index("C")]
    if kernel.shape[-2] == 0 or channels % kernel.shape[-2]:
        raise InvalidArgumentError(
            f"the input has {channels} channels, which the filter's {kernel.shape[-2]} input channels do not divide (shapes"
            f" {tuple(x.shape)} and {tuple(kernel.shape)})"
        )
    steps, spread = spatial(strides, data_format, "strides"), spatial(dilations, data_format, "dilations")
    pads = padding_of(padding, explicit, data_format, spatial_sizes(x.shape, data_format), kernel.shape[:-2], steps, spread)
    return Geometry(steps, pads, spread, data_format, channels // kernel.shape[-2])


def convolve(
    x: Any,
    kernel: Any,
    strides: Sequence[int],
    padding: str,
    explicit: Sequence[int],
    data_format: str,
    dilations: Sequence[int],
) -> Any:
    """The convolution of x (in `data_format`) with a kernel [window..., in/groups, out]."""
    how = geometry(x, kernel, strides, padding, explicit, data_format, dilations)
    if not _as_products(x, how) or x.shape[-1] > cpu_convolution.FEW_CHANNELS:
        return how.general(x, kernel)
    out = jax.eval_shape(how.general, x, kernel).shape[1:3]

    def on_cpu(x: Any, kernel: Any) -> Any:
        return cpu_convolution.forward(x, kernel, out, how.steps, how.pads, how.spread)

    return jax.lax.platform_dependent(x, kernel, cpu=on_cpu, default=how.general)


def _as_products(x: Any, how: Geometry) -> bool:
    """True where cpu_convolution applies: 2-D, channels last, no groups, 32 bits or more."""
    return how.data_format == "NHWC" and how.groups == 1 and x.dtype in (jnp.float32, jnp.float64) and min(x.shape) > 0


@op("Conv2D", "input: T, filter: T -> output: T", T=CONV_TYPES)
def conv2d_op(
    input: Any,
    filter: Any,
    *,
    strides: Ints,
    use_cudnn_on_gpu: bool = True,
    padding: str,
    explicit_paddings: Ints = (),
    data_format: str = "NHWC",
    dilations: Ints = (1, 1, 1, 1),
) -> Any:
    """2-D convolution of an image batch with filters [height, width, in, out]."""
    return convolve(input, filter, strides, padding, explicit_paddings, data_format, dilations)


@conv2d_op.gradient
def _conv2d_gradient(record: Any, grad: Any) -> Any:
    images, filters = record.inputs
    shape = get("Shape")
    return (
        conv2d_backprop_input(shape(images), filters, grad, **record.attrs),
        conv2d_backprop_filter(images, shape(filters), grad, **record.attrs),
    )


@op("Conv2DBackpropInput", "input_sizes: int32, filter: T, out_backprop: T -> output: T", T=CONV_TYPES, static=("input_sizes",))
def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    *,
    strides: Ints,
    use_cudnn_on_gpu: bool = True,
    padding: str,
    explicit_paddings: Ints = (),
    data_format: str = "NHWC",
    dilations: Ints = (1, 1, 1, 1),
) -> Any:
    """The gradient of Conv2D with respect to its input; also the transposed convolution."""
    sizes = [int(s) for s in input_sizes]
    if len(sizes) == 2:
        sizes = [out_backprop.shape[0], *sizes, filter.shape[2]]
        sizes = sizes if data_format == "NHWC" else [sizes[0], sizes[3], sizes[1], sizes[2]]
    x = jax.ShapeDtypeStruct(tuple(sizes), filter.dtype)
    how = geometry(x, filter, strides, padding, explicit_paddings, data_format, dilations)

    def forward(value: Any) -> Any:
        return how.general(value, filter)

    _check_backprop(jax.eval_shape(forward, x), out_backprop)
    return jax.linear_transpose(forward, x)(out_backprop)[0]


@op("Conv2DBackpropFilter", "input: T, filter_sizes: int32, out_backprop: T -> output: T", T=FLOATING, static=("filter_sizes",))
def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    *,
    strides: Ints,
    use_cudnn_on_gpu: bool = True,
    padding: str,
    explicit_paddings: Ints = (),
    data_format: str = "NHWC",
    dilations: Ints = (1, 1, 1, 1),
) -> Any:
    """The gradient of Conv2D with respect to its filter."""
    kernel = jax.ShapeDtypeStruct(tuple(int(s) for s in filter_sizes), input.dtype)
    how = geometry(input, kernel, strides, padding, explicit_paddings, data_format, dilations)
    _check_backprop(jax.eval_shape(how.general, input, kernel), out_backprop)

    def general(x: Any, upstream: Any) -> Any:
        return jax.linear_transpose(lambda value: how.general(x, value), kernel)(upstream)[0]

    def on_cpu(x: Any, upstream: Any) -> Any:
        return cpu_convolution.filter_gradient(x, upstream, kernel.shape[:2], how.steps, how.pads, how.spread)

    if not _as_products(input, how):
        return general(input, out_backprop)
    return jax.lax.platform_dependent(input, out_backprop, cpu=on_cpu, default=general)


def _check_backprop(expected: Any, given: Any) -> None:
    if expected.shape != given.shape:
        raise InvalidArgumentError(f"out_backprop has shape {given.shape}; the convolution's output has shape {expected.shape}")


@conv2d_backprop_input.gradient
def _backprop_input_gradient(record: Any, grad: Any) -> Any:
    _, filters, upstream = record.inputs
    return (
        None,
        conv2d_backprop_filter(grad, get("Shape")(filters), upstream, **record.attrs),
        conv2d_op(grad, filters, **record.attrs),
    )


@conv2d_backprop_filter.gradient
def _backprop_filter_gradient(record: Any, grad: Any) -> Any:
    images, _, upstream = record.inputs
    return (
        conv2d_backprop_input(get("Shape")(images), grad, upstream, **record.attrs),
        None,
        conv2d_op(images, grad, **record.attrs),
    )


@op("DepthwiseConv2dNative", "input: T, filter: T -> output: T", T=FLOATING)
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
    height, width, channels, multiplier = filter.shape
    kernel = filter.reshape(height, width, 1, channels * multiplier)
    return convolve(input, kernel, strides, padding, explicit_paddings, data_format, dilations)


@op("Conv3D", "input: T, filter: T -> output: T", T=FLOATING)
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


@op("BiasAdd", "value: T, bias: T -> output: T", T=NUMERIC)
def bias_add_op(value: Any, bias: Any, *, data_format: str = "NHWC") -> Any:
    """Adds a bias [channels] along the channel axis."""
    if bias.ndim != 1 or bias.shape[0] != value.shape[1 if data_format == "NCHW" else -1]:
        raise InvalidArgumentError(
            f"bias must be a vector of one entry a channel; got shape {bias.shape} for a value of {value.shape}"
        )
    if data_format == "NCHW":
        return value + bias.reshape((-1,) + (1,) * (value.ndim - 2))
    return value + bias


@bias_add_op.gradient
def _bias_add_gradient(record: Any, grad: Any) -> Any:
    return grad, bias_add_grad(grad, data_format=record.attrs["data_format"])


@op("BiasAddGrad", "out_backprop: T -> output: T", T=NUMERIC)
def bias_add_grad(out_backprop: Any, *, data_format: str = "NHWC") -> Any:
    """The sum over everything but the channel axis."""
    channel = 1 if data_format == "NCHW" else out_backprop.ndim - 1
    return jnp.sum(out_backprop, tuple(i for i in range(out_backprop.ndim) if i != channel), dtype=out_backprop.dtype)


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Tensor:
    """Adds a bias along the channel axis; `data_format` is `N...C` (default) or `NC...`."""
    layout = "NCHW" if data_format is not None and data_format.startswith("NC") else "NHWC"
    return bias_add_op(value, bias, data_format=layout, name=name)


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """2-D convolution.

    Args:
        input: [batch, height, width, in] (NCHW: channels second).
        filters: [height, width, in / groups, out].
        strides, dilations: one number, one a spatial dimension, or one a dimension.
        padding: "SAME", "VALID", or pairs of numbers, one pair a dimension.
    """
    explicit: list[int] = [] if isinstance(padding, str) else [int(p) for pair in padding for p in pair]
    return conv2d_op(
        input,
        filters,
        strides=per_dimension(strides, data_format),
        padding="EXPLICIT" if explicit else padding,
        explicit_paddings=explicit,
        data_format=data_format,
        dilations=per_dimension(1 if dilations is None else dilations, data_format),
        name=name,
    )


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of a convolution: filters [height, width, out, in] and the full shape of the output."""
    return conv2d_backprop_input(
        output_shape,
        filters,
        input,
        strides=per_dimension(strides, data_format),
        padding=padding,
        data_format=data_format,
        dilations=per_dimension(1 if dilations is None else dilations, data_format),
        name=name,
    )


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Convolves each channel with filters [height, width, in, multiplier]; `dilations` may be two numbers."""
    layout = data_format or "NHWC"
    return depthwise_conv2d_native(
        input,
        filter,
        strides=per_dimension(strides, layout),
        padding=padding,
        data_format=layout,
        dilations=per_dimension(1 if dilations is None else dilations, layout),
        name=name,
    )


def conv3d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """3-D convolution with filters [depth, height, width, in, out]."""
    return conv3d_op(
        input,
        filters,
        strides=per_dimension(strides, data_format),
        padding=padding,
        data_format=data_format,
        dilations=per_dimension(1 if dilations is None else dilations, data_format),
        name=name,
    )
