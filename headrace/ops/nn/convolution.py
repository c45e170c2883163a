"""2-D convolution, its gradients, and what all convolutions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from headrace.core.dtypes import FLOATING, int32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Ints, OpDef, get, op
from headrace.dispatch.unsized import convolved, sized_by
from headrace.ops.nn import cpu_convolution
from headrace.ops.nn.layout import Pairs, check_layout, padding_of, spatial, spatial_sizes

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
    check_layout(data_format)
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


def check_backprop(expected: Any, given: Any) -> None:
    """Refuses a gradient that has not the shape of the convolution's output."""
    if expected.shape != given.shape:
        raise InvalidArgumentError(f"out_backprop has shape {given.shape}; the convolution's output has shape {expected.shape}")


def input_gradient(x: Any, kernel: Any, upstream: Any, how: Geometry) -> Any:
    """The gradient for an input of the shape and dtype of `x`."""

    def forward(value: Any) -> Any:
        return how.general(value, kernel)

    check_backprop(jax.eval_shape(forward, x), upstream)
    return jax.linear_transpose(forward, x)(upstream)[0]


def filter_gradient(x: Any, kernel: Any, upstream: Any, how: Geometry) -> Any:
    """The gradient for a filter of the shape and dtype of `kernel`."""

    def forward(value: Any) -> Any:
        return how.general(x, value)

    check_backprop(jax.eval_shape(forward, kernel), upstream)
    return jax.linear_transpose(forward, kernel)(upstream)[0]


def relate(forward: OpDef, of_input: OpDef, of_filter: OpDef) -> None:
    """Declares the gradients of a convolution and of its two gradients, each in terms of the other two."""

    @forward.gradient
    def _forward(record: Any, grad: Any) -> Any:
        images, filters = record.inputs
        shape = get("Shape")
        return of_input(shape(images), filters, grad, **record.attrs), of_filter(images, shape(filters), grad, **record.attrs)

    @of_input.gradient
    def _of_input(record: Any, grad: Any) -> Any:
        _, filters, upstream = record.inputs
        by_filter = of_filter(grad, get("Shape")(filters), upstream, **record.attrs)
        return None, by_filter, forward(grad, filters, **record.attrs)

    @of_filter.gradient
    def _of_filter(record: Any, grad: Any) -> Any:
        images, _, upstream = record.inputs
        by_input = of_input(get("Shape")(images), grad, upstream, **record.attrs)
        return by_input, None, forward(images, grad, **record.attrs)


@op("Conv2D", "input: T, filter: T -> output: T", T=CONV_TYPES, unsized=convolved)
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


@op(
    "Conv2DBackpropInput",
    "input_sizes: int32, filter: T, out_backprop: T -> output: T",
    T=CONV_TYPES,
    unsized=sized_by(0),
    static=("input_sizes",),
)
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
    return input_gradient(x, filter, out_backprop, how)


@op(
    "Conv2DBackpropFilter",
    "input: T, filter_sizes: int32, out_backprop: T -> output: T",
    T=FLOATING,
    unsized=sized_by(1),
    static=("filter_sizes",),
)
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
    if not _as_products(input, how):
        return filter_gradient(input, kernel, out_backprop, how)
    check_backprop(jax.eval_shape(how.general, input, kernel), out_backprop)

    def on_cpu(x: Any, upstream: Any) -> Any:
        return cpu_convolution.filter_gradient(x, upstream, kernel.shape[:2], how.steps, how.pads, how.spread)

    def general(x: Any, upstream: Any) -> Any:
        return filter_gradient(x, kernel, upstream, how)

    return jax.lax.platform_dependent(input, out_backprop, cpu=on_cpu, default=general)


relate(conv2d_op, conv2d_backprop_input, conv2d_backprop_filter)
