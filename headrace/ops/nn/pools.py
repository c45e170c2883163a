"""The public poolings of tf.nn."""

from __future__ import annotations

from typing import Any

from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.nn.convolving import explicit_padding, flat_layout, per_width
from headrace.ops.nn.layout import per_dimension
from headrace.ops.nn.pooling import avg_pool3d_op, avg_pool_op, max_pool3d_op, max_pool_op


def max_pool2d(input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None) -> Tensor:
    """The largest value of each window of [batch, height, width, channels]; `padding` may be pairs, one a dimension."""
    return max_pool_op(
        input,
        ksize=per_dimension(ksize, data_format),
        strides=per_dimension(strides, data_format),
        data_format=data_format,
        name=name,
        **explicit_padding(padding),
    )


def avg_pool2d(input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NHWC", name: str | None = None) -> Tensor:
    """The mean of each window of [batch, height, width, channels]."""
    return avg_pool_op(
        input,
        ksize=per_dimension(ksize, data_format),
        strides=per_dimension(strides, data_format),
        padding=padding,
        data_format=data_format,
        name=name,
    )


def max_pool3d(input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NDHWC", name: str | None = None) -> Tensor:
    """The largest value of each window of [batch, depth, height, width, channels]."""
    return max_pool3d_op(
        input,
        ksize=per_dimension(ksize, data_format),
        strides=per_dimension(strides, data_format),
        padding=padding,
        data_format=data_format,
        name=name,
    )


def avg_pool3d(input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NDHWC", name: str | None = None) -> Tensor:
    """The mean of each window of [batch, depth, height, width, channels]."""
    return avg_pool3d_op(
        input,
        ksize=per_dimension(ksize, data_format),
        strides=per_dimension(strides, data_format),
        padding=padding,
        data_format=data_format,
        name=name,
    )


def _pool1d(op: Any, input: Any, ksize: Any, strides: Any, padding: Any, data_format: str, name: str | None) -> Tensor:
    layout, axis = flat_layout(data_format)
    y = op(
        get("ExpandDims")(input, axis),
        ksize=per_width(ksize, layout),
        strides=per_width(strides, layout),
        padding=padding,
        data_format=layout,
    )
    return get("Squeeze")(y, squeeze_dims=(axis,), name=name)


def max_pool1d(input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NWC", name: str | None = None) -> Tensor:
    """The largest value of each window of [batch, width, channels]."""
    return _pool1d(max_pool_op, input, ksize, strides, padding, data_format, name)


def avg_pool1d(input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NWC", name: str | None = None) -> Tensor:
    """The mean of each window of [batch, width, channels]."""
    return _pool1d(avg_pool_op, input, ksize, strides, padding, data_format, name)


_MAX = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}
_AVG = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
_LAYOUTS = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def _dispatch(table: Any, input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None, name: str | None) -> Tensor:
    x = convert_to_tensor(input)
    rank = len(data_format) if data_format is not None else x.shape.rank
    if rank is None or not 3 <= rank <= 5:
        raise InvalidArgumentError(
            f"pooling takes tensors with one to three spatial dimensions; got shape {x.shape} and data_format {data_format!r}"
        )
    y: Tensor = table[rank - 2](x, ksize, strides, padding, data_format or _LAYOUTS[rank - 2], name)
    return y


def max_pool(input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None, name: str | None = None) -> Tensor:
    """The largest value of each window, in one to three spatial dimensions."""
    return _dispatch(_MAX, input, ksize, strides, padding, data_format, name)


def avg_pool(input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None, name: str | None = None) -> Tensor:
    """The mean of each window, in one to three spatial dimensions."""
    return _dispatch(_AVG, input, ksize, strides, padding, data_format, name)


def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Pooling of `pooling_type` "MAX" or "AVG" over windows of `window_shape`.

    Raises:
        InvalidArgumentError: the type is neither.
        UnimplementedError: the dilations are not all 1.
    """
    if pooling_type not in ("MAX", "AVG"):
        raise InvalidArgumentError(f"pooling_type must be MAX or AVG; got {pooling_type!r}")
    if dilations is not None and set([dilations] if isinstance(dilations, int) else dilations) != {1}:
        raise UnimplementedError(f"tf.nn.pool takes dilations of 1 only; got {dilations}")
    table = _MAX if pooling_type == "MAX" else _AVG
    return _dispatch(table, input, window_shape, 1 if strides is None else strides, padding, data_format, name)
