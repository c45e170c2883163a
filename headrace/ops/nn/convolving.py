"""The public convolutions of tf.nn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.nn.convolution import conv2d_backprop_input, conv2d_op
from headrace.ops.nn.convolution3d import conv3d_backprop_input, conv3d_op
from headrace.ops.nn.depthwise import depthwise_backprop_filter, depthwise_backprop_input, depthwise_conv2d_native
from headrace.ops.nn.layout import per_dimension


def explicit_padding(padding: Any) -> dict[str, Any]:
    """The attributes of a public padding argument: "SAME", "VALID", or pairs of numbers, one pair a dimension."""
    if isinstance(padding, str):
        return {"padding": padding}
    return {"padding": "EXPLICIT", "explicit_paddings": tuple(int(p) for pair in padding for p in pair)}


def _over_batches(images: Any, rank: int, run: Callable[[Tensor], Tensor]) -> Tensor:
    """Runs on inputs with more batch dimensions than one by folding these into one."""
    x = convert_to_tensor(images)
    given = x.shape.rank
    if given is None or given <= rank:
        return run(x)
    shape, reshape, concat = get("Shape"), get("Reshape"), get("ConcatV2")
    extra = given - rank + 1
    sizes = shape(x)
    y = run(reshape(x, concat([[-1], sizes[extra:]], 0)))
    return reshape(y, concat([sizes[:extra], shape(y)[1:]], 0))


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
        input: [batch..., height, width, in] (NCHW: channels second).
        filters: [height, width, in / groups, out].
        strides: one number, one a spatial dimension, or one a dimension.
        padding: "SAME", "VALID", or pairs of numbers, one pair a dimension.
        data_format: "NHWC" or "NCHW".
        dilations: as `strides`.
        name: a name for the node in a graph.
    """
    attrs = {
        "strides": per_dimension(strides, data_format),
        "data_format": data_format,
        "dilations": per_dimension(1 if dilations is None else dilations, data_format),
        **explicit_padding(padding),
    }
    return _over_batches(input, 4, lambda x: conv2d_op(x, filters, name=name, **attrs))


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
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
        data_format=data_format,
        dilations=per_dimension(1 if dilations is None else dilations, data_format),
        name=name,
        **explicit_padding(padding),
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
    """3-D convolution of [batch..., depth, height, width, in] with filters [depth, height, width, in, out]."""
    attrs = {
        "strides": per_dimension(strides, data_format),
        "padding": padding,
        "data_format": data_format,
        "dilations": per_dimension(1 if dilations is None else dilations, data_format),
    }
    return _over_batches(input, 5, lambda x: conv3d_op(x, filters, name=name, **attrs))


def conv3d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of a 3-D convolution: filters [depth, height, width, out, in] and the full shape of the output."""
    return conv3d_backprop_input(
        output_shape,
        filters,
        input,
        strides=per_dimension(strides, data_format),
        padding=padding,
        data_format=data_format,
        dilations=per_dimension(1 if dilations is None else dilations, data_format),
        name=name,
    )


def flat_layout(data_format: str | None) -> tuple[str, int]:
    """The 2-D layout that a 1-D one becomes when a height of 1 is put in, and where it is put in.

    Raises:
        InvalidArgumentError: the layout is neither NWC nor NCW.
    """
    if data_format in (None, "NWC", "NHWC"):
        return "NHWC", 1
    if data_format in ("NCW", "NCHW"):
        return "NCHW", 2
    raise InvalidArgumentError(f"data_format must be NWC or NCW; got {data_format!r}")


def per_width(value: int | Sequence[int], data_format: str) -> tuple[int, ...]:
    """A 1-D argument (one number, or one a dimension) as one number a dimension of the 2-D layout."""
    layout = "NWC" if data_format == "NHWC" else "NCW"
    entries = per_dimension(value, layout)
    axis = data_format.index("H")
    return (*entries[:axis], 1, *entries[axis:])


def flat_padding(padding: Any, height_axis: int) -> Any:
    """Pairs of a 1-D padding with a pair for the height put in."""
    if isinstance(padding, str):
        return padding
    pairs = [list(pair) for pair in padding]
    pairs.insert(height_axis, [0, 0])
    return pairs


def conv1d(
    input: Any,
    filters: Any,
    stride: Any,
    padding: Any,
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """1-D convolution of [batch..., width, in] (NCW: channels second) with filters [width, in, out]."""
    layout, axis = flat_layout(data_format)
    expand = get("ExpandDims")
    attrs = {
        "strides": per_width(stride, layout),
        "data_format": layout,
        "dilations": per_width(1 if dilations is None else dilations, layout),
        **explicit_padding(flat_padding(padding, axis)),
    }
    kernel = expand(filters, 0)

    def run(x: Tensor) -> Tensor:
        return get("Squeeze")(conv2d_op(expand(x, axis), kernel, **attrs), squeeze_dims=(axis,), name=name)

    return _over_batches(input, 3, run)


def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of a 1-D convolution: filters [width, out, in] and the full shape of the output."""
    layout, axis = flat_layout(data_format)
    expand = get("ExpandDims")
    sizes = convert_to_tensor(output_shape)
    y = conv2d_backprop_input(
        get("ConcatV2")([sizes[:axis], [1], sizes[axis:]], 0),
        expand(filters, 0),
        expand(input, axis),
        strides=per_width(strides, layout),
        data_format=layout,
        dilations=per_width(1 if dilations is None else dilations, layout),
        **explicit_padding(flat_padding(padding, axis)),
    )
    return get("Squeeze")(y, squeeze_dims=(axis,), name=name)


def _spatial_rank(filters: Any) -> int:
    rank = convert_to_tensor(filters).shape.rank
    if rank is None or not 3 <= rank <= 5:
        raise InvalidArgumentError(f"filters have one to three spatial dimensions, then in and out; got {rank} dimensions in all")
    return rank - 2


_LAYOUTS = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def convolution(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Convolution in one to three dimensions, as the rank of `filters` says; see conv1d, conv2d and conv3d."""
    rank = _spatial_rank(filters)
    run: Any = {1: conv1d, 2: conv2d, 3: conv3d}[rank]
    steps = 1 if strides is None else strides
    y: Tensor = run(input, filters, steps, padding, data_format or _LAYOUTS[rank], dilations, name)
    return y


def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of a convolution in one to three dimensions, as the rank of `filters` says."""
    rank = _spatial_rank(filters)
    run: Any = {1: conv1d_transpose, 2: conv2d_transpose, 3: conv3d_transpose}[rank]
    y: Tensor = run(input, filters, output_shape, strides, padding, data_format or _LAYOUTS[rank], dilations, name)
    return y


def atrous_conv2d(value: Any, filters: Any, rate: int, padding: Any, name: str | None = None) -> Tensor:
    """2-D convolution (NHWC) with filters whose taps are `rate` apart."""
    return conv2d(value, filters, 1, padding, dilations=rate, name=name)


def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: int, padding: Any, name: str | None = None
) -> Tensor:
    """The transpose of `atrous_conv2d`: filters [height, width, out, in] and the full shape of the output."""
    return conv2d_transpose(value, filters, output_shape, 1, padding, dilations=rate, name=name)


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
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
        data_format=layout,
        dilations=per_dimension(1 if dilations is None else dilations, layout),
        name=name,
        **explicit_padding(padding),
    )


def depthwise_conv2d_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Sequence[int] = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """The gradient of depthwise_conv2d for its input."""
    attrs = {"strides": tuple(strides), "data_format": data_format, "dilations": tuple(dilations), **explicit_padding(padding)}
    return depthwise_backprop_input(input_sizes, filter, out_backprop, name=name, **attrs)


def depthwise_conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Sequence[int] = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """The gradient of depthwise_conv2d for its filter."""
    attrs = {"strides": tuple(strides), "data_format": data_format, "dilations": tuple(dilations), **explicit_padding(padding)}
    return depthwise_backprop_filter(input, filter_sizes, out_backprop, name=name, **attrs)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """A depthwise convolution, then a convolution with `pointwise_filter` [1, 1, in * multiplier, out]."""
    layout = data_format or "NHWC"
    deep = depthwise_conv2d(input, depthwise_filter, strides, padding, layout, dilations)
    return conv2d_op(deep, pointwise_filter, strides=(1, 1, 1, 1), padding="VALID", data_format=layout, name=name)
