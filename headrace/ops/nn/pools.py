"""The public poolings of tf.nn."""

from __future__ import annotations

from typing import Any, NamedTuple

from headrace.core.dtypes import as_dtype, int64
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.nn.argmax_pooling import max_pool_with_argmax_op
from headrace.ops.nn.convolving import explicit_padding, flat_layout, per_width
from headrace.ops.nn.fractional_pooling import fractional_avg_pool_op, fractional_max_pool_op
from headrace.ops.nn.layout import per_dimension
from headrace.ops.nn.pooling import avg_pool3d_op, avg_pool_op, max_pool3d_op, max_pool_op


class MaxPoolWithArgmax(NamedTuple):
    """Largest values and their places."""

    output: Tensor
    argmax: Tensor


class FractionalMaxPool(NamedTuple):
    """Largest values, and the borders of their windows."""

    output: Tensor
    row_pooling_sequence: Tensor
    col_pooling_sequence: Tensor


class FractionalAvgPool(NamedTuple):
    """Means, and the borders of their windows."""

    output: Tensor
    row_pooling_sequence: Tensor
    col_pooling_sequence: Tensor


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


def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    output_dtype: Any = int64,
    include_batch_in_index: bool = False,
    name: str | None = None,
) -> MaxPoolWithArgmax:
    """The largest value of each window and where it stands.

    Args:
        input: [batch, height, width, channels].
        ksize: the window: one number, one a spatial dimension, or one a dimension.
        strides: how far windows are apart, likewise.
        padding: "VALID" or "SAME".
        data_format: "NHWC".
        output_dtype: int32 or int64, of the places.
        include_batch_in_index: places count from the first image on, else from the start of each image.
        name: a name for the node in a graph.

    Returns:
        A pair `(output, argmax)`.

    Raises:
        ValueError: the data format is another one.
    """
    if data_format != "NHWC":
        raise ValueError(f"max_pool_with_argmax takes data_format NHWC; got {data_format!r}")
    return MaxPoolWithArgmax(
        *max_pool_with_argmax_op.all(
            input,
            ksize=per_dimension(ksize, data_format),
            strides=per_dimension(strides, data_format),
            Targmax=as_dtype(output_dtype),
            padding=padding,
            include_batch_in_index=include_batch_in_index,
            name=name,
        )
    )


def _fractional(definition: Any, value: Any, ratio: Any, seed: int, **attrs: Any) -> Any:
    many = isinstance(ratio, list | tuple)
    entries = list(ratio) if many else [1.0, ratio, ratio, 1.0]
    if len(entries) != 4 or not all(isinstance(entry, int | float) and entry >= 1 for entry in entries):
        raise ValueError(f"pooling_ratio is a number of at least 1, or four of which the first and the last are 1; got {ratio!r}")
    if entries[0] != 1 or entries[-1] != 1:
        raise ValueError(f"the first and the last of four pooling ratios are 1; got {ratio!r}")
    seeds = {"seed": _FIRST_SEED, "seed2": seed} if seed else {}
    return definition.all(value, pooling_ratio=tuple(map(float, entries)), deterministic=bool(seed), **seeds, **attrs)


_FIRST_SEED = 87654321
"""TensorFlow's seed of a program that set none; the seed given is the second one."""


def fractional_max_pool(
    value: Any, pooling_ratio: Any, pseudo_random: bool = False, overlapping: bool = False, seed: int = 0, name: str | None = None
) -> FractionalMaxPool:
    """The largest value of each of windows of random sizes.

    Args:
        value: [batch, height, width, channels].
        pooling_ratio: how many times smaller height and width become: a number of at least 1, or one a dimension.
        pseudo_random: sizes vary less.
        overlapping: each window takes the first element of the next one, too.
        seed: other than 0, the same windows every time.
        name: a name for the node in a graph.

    Returns:
        `(output, row_pooling_sequence, col_pooling_sequence)`, the latter the borders of the windows.

    Raises:
        ValueError: a ratio is below 1, or asks for other batches or channels.
    """
    attrs = {"pseudo_random": pseudo_random, "overlapping": overlapping, "name": name}
    return FractionalMaxPool(*_fractional(fractional_max_pool_op, value, pooling_ratio, seed, **attrs))


def fractional_avg_pool(
    value: Any, pooling_ratio: Any, pseudo_random: bool = False, overlapping: bool = False, seed: int = 0, name: str | None = None
) -> FractionalAvgPool:
    """The mean of each of windows of random sizes; see `fractional_max_pool`, but the ratios are one a dimension."""
    attrs = {"pseudo_random": pseudo_random, "overlapping": overlapping, "name": name}
    return FractionalAvgPool(*_fractional(fractional_avg_pool_op, value, pooling_ratio, seed, **attrs))
