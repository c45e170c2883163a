"""Ops that make tensors out of sizes and single values."""

from __future__ import annotations

import builtins
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import COMPLEX, FLOATING, INDEX, INTEGERS, DType, bfloat16, bool_, float16, float32, float64
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.shapes import TensorShape
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get, op
from headrace.dispatch.overriding import dispatches
from headrace.dispatch.tensor import EagerTensor, Tensor
from headrace.dispatch.unsized import one_dimension, sized_by
from headrace.ops.array.portable import Dims, integers, namespace, portable_op, resolve_axis, scalar, static_value

VIEW_FROM = 4096
"""Constant arrays of this many elements or more are kept as one element repeated by a stride of 0."""
HOST_ZEROS = 1 << 20
"""Up to this many elements, an eager constant array is copied from the host: cheaper than compiling a kernel for its shape."""


def _sizes(dims: Any) -> Dims:
    sizes = integers(dims)
    if min(sizes, default=0) < 0:
        raise InvalidArgumentError(f"{list(sizes)} is no shape; expected sizes of 0 or more")
    return sizes


@portable_op("Fill", "dims: index_type, value: T -> output: T", index_type=INDEX, unsized=sized_by(0), static=("dims",))
def fill(dims: Any, value: Any) -> Any:
    """A tensor of shape `dims` in which every element is `value`."""
    sizes = _sizes(dims)
    if value.ndim:
        raise InvalidArgumentError(f"the value must be a scalar; got shape {value.shape}")
    if namespace(value) is jnp:
        return jnp.broadcast_to(value, sizes)
    repeated = np.broadcast_to(value, sizes)
    return repeated if math.prod(sizes) >= VIEW_FROM else repeated.copy()


@fill.gradient
def _fill_gradient(record: Any, grad: Any) -> Any:
    return None, get("Sum")(grad, get("Range")(0, get("Rank")(grad), 1), keep_dims=False)


def _filled_like(x: Any, element: int) -> Any:
    if x.dtype.kind == "O":
        return np.full(x.shape, b"", object)
    return namespace(x).full(x.shape, element, x.dtype)


@op("Empty", "shape: int32 -> output: dtype", unsized=sized_by(0), static=("shape",), stateful=True, differentiable=False)
def empty(shape: Any, *, dtype: DType, init: bool = False) -> Any:
    """A tensor whose elements do not matter: zeros."""
    if dtype is dtypes.string:
        raise UnimplementedError("Empty makes no strings; use Fill with an empty string")
    return jnp.zeros(_sizes(shape), dtype.np_dtype)


@portable_op("ZerosLike", "x: T -> y: T", differentiable=False)
def zeros_like_op(x: Any) -> Any:
    """Zeros (empty strings) of the input's shape and dtype."""
    return _filled_like(x, 0)


@portable_op("OnesLike", "x: T -> y: T", T=(*FLOATING, *INTEGERS, *COMPLEX, bool_), differentiable=False)
def ones_like_op(x: Any) -> Any:
    """Ones of the input's shape and dtype."""
    return _filled_like(x, 1)


def range_length(start: Any, limit: Any, delta: Any) -> int:
    """The number of steps of `delta` from `start` before `limit`.

    Raises:
        InvalidArgumentError: `delta` is 0 or leads away from `limit`.
    """
    whole = start.dtype.kind in "iu"
    first, last, step = (v.reshape(()).item() for v in (start, limit, delta))
    if step == 0:
        raise InvalidArgumentError("range needs a delta other than 0")
    if (last - first) * step < 0:
        raise InvalidArgumentError(f"range from {first} never reaches {last} in steps of {step}")
    # The quotient is rounded to the dtype, as TensorFlow does: from 0.1 to 1.1 by 0.1 are 10 steps in float32.
    return int(-((first - last) // step)) if whole else math.ceil(abs(((limit - start) / delta).reshape(()).item()))


@portable_op(
    "Range",
    "start: Tidx, limit: Tidx, delta: Tidx -> output: Tidx",
    Tidx=tuple(d for d in (*FLOATING, *INTEGERS) if d is not dtypes.uint8),
    unsized=one_dimension,
    static=("start", "limit", "delta"),
    differentiable=False,
)
def range_op(start: Any, limit: Any, delta: Any) -> Any:
    """The values start, start + delta, ... before `limit`."""
    count = range_length(start, limit, delta)
    wide = start.dtype if start.dtype.kind in "iu" or start.dtype.itemsize == 8 else np.dtype(np.float32)
    steps = np.arange(count, dtype=wide)
    return (start.reshape(()).astype(wide) + steps * delta.reshape(()).astype(wide)).astype(start.dtype)


@op("LinSpace", "start: T, stop: T, num: Tidx -> output: T", T=FLOATING, Tidx=INDEX, unsized=one_dimension, static=("num",))
def lin_space(start: Any, stop: Any, num: Any) -> Any:
    """`num` values at equal distances from `start` to `stop`, both included."""
    count = scalar(num)
    if count < 1:
        raise InvalidArgumentError(f"linspace needs at least one value; got num={count}")
    if count == 1:
        return start.reshape((1,))
    step = (stop - start) / (count - 1)
    index = jnp.arange(count)
    return jnp.where(index == count - 1, stop, start + step * index.astype(start.dtype)).astype(start.dtype)


def _one_more(indices: Any, *_: Any, axis: int = -1, **__: Any) -> list[Any]:
    """The indices' dimensions and a new one at `axis`."""
    sizes: list[int | None] = list(indices.shape)
    sizes.insert(len(sizes) if axis == -1 else axis, None)
    return [sizes]


@op(
    "OneHot",
    "indices: TI, depth: int32, on_value: T, off_value: T -> output: T",
    TI=(dtypes.uint8, dtypes.int8, dtypes.int32, dtypes.int64),
    unsized=_one_more,
    static=("depth",),
    differentiable=False,
)
def one_hot_op(indices: Any, depth: Any, on_value: Any, off_value: Any, *, axis: int = -1) -> Any:
    """`on_value` along a new axis at each index and `off_value` elsewhere (everywhere for indices out of range)."""
    size = scalar(depth)
    if size < 0:
        raise InvalidArgumentError(f"depth must be 0 or more; got {size}")
    position = resolve_axis(axis, indices.ndim + 1)
    row = jnp.arange(size, dtype=jnp.int64).reshape((size, *[1] * (indices.ndim - position)))
    chosen = jnp.expand_dims(jnp.asarray(indices).astype(jnp.int64), position) == row
    return jnp.where(chosen, on_value, off_value)


@dispatches
def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """A tensor with a new axis along which each index is marked.

    Args:
        indices: integers, any shape; those out of range mark nothing.
        depth: the size of the new axis.
        on_value: what marks an index, 1 by default.
        off_value: what stands elsewhere, 0 by default.
        axis: where the new axis goes, last by default.
        dtype: the dtype of the result: that of `on_value` or `off_value`, or float32.
        name: a name for the node in a graph.
    """
    given = next((getattr(v, "dtype", None) for v in (on_value, off_value) if v is not None), None)
    if dtype is not None:
        chosen = dtypes.as_dtype(dtype)
    elif given is not None:
        chosen = dtypes.as_dtype(given)
    else:
        plain = on_value if on_value is not None else off_value
        chosen = float32 if plain is None else convert_to_tensor(plain).dtype
    on = convert_to_tensor(_unit(chosen, 1) if on_value is None else on_value, chosen)
    off = convert_to_tensor(_unit(chosen, 0) if off_value is None else off_value, chosen)
    return one_hot_op(indices, depth, on, off, axis=-1 if axis is None else axis, name=name)


def _unit(dtype: DType, element: int) -> Any:
    return bool(element) if dtype.is_bool else element


def _constant(shape: Any, element: int, dtype: Any, name: str | None) -> Tensor:
    chosen = dtypes.as_dtype(dtype)
    value = np.full((), b"" if chosen is dtypes.string else element, chosen.np_dtype)
    sizes = _known_sizes(shape)
    executor = context.state().executor
    if sizes is not None and executor.is_eager and math.prod(sizes) <= HOST_ZEROS:
        return executor.constant(np.full(sizes, value, chosen.np_dtype), chosen, name)
    dims = shape if sizes is None else np.array(sizes, np.int32 if max(sizes, default=0) < 2**31 else np.int64)
    return fill(dims, executor.constant(value, chosen), name=name)


def _known_sizes(shape: Any) -> Dims | None:
    """The sizes as ints where they are at hand, else None."""
    if isinstance(shape, TensorShape):
        return shape.concrete()
    if isinstance(shape, EagerTensor):
        return _sizes(shape.array)
    if isinstance(shape, np.ndarray | int | np.integer):
        return _sizes(shape)
    if isinstance(shape, list | tuple) and all(isinstance(d, int | np.integer | EagerTensor) for d in shape):
        return _sizes([int(d) for d in shape])
    return None


def zeros(shape: Any, dtype: Any = float32, name: str | None = None, layout: Any = None) -> Tensor:
    """A tensor of zeros (False, empty strings). `shape` may be a tensor; `layout` is accepted and ignored."""
    return _constant(shape, 0, dtype, name)


def ones(shape: Any, dtype: Any = float32, name: str | None = None, layout: Any = None) -> Tensor:
    """A tensor of ones (True). `shape` may be a tensor; `layout` is accepted and ignored."""
    return _constant(shape, 1, dtype, name)


def _like(input: Any, element: int, dtype: Any, name: str | None) -> Tensor:
    tensor = convert_to_tensor(input)
    chosen = tensor.dtype if dtype is None else dtypes.as_dtype(dtype)
    if tensor.shape.is_fully_defined():
        return _constant(tensor.shape, element, chosen, name)
    if chosen is tensor.dtype:
        return (ones_like_op if element else zeros_like_op)(tensor, name=name)
    return _constant(get("Shape")(tensor), element, chosen, name)


@dispatches
def zeros_like(input: Any, dtype: Any = None, name: str | None = None, layout: Any = None) -> Tensor:
    """Zeros of the shape (and, unless given, the dtype) of `input`; `layout` is accepted and ignored."""
    return _like(input, 0, dtype, name)


@dispatches
def ones_like(input: Any, dtype: Any = None, name: str | None = None, layout: Any = None) -> Tensor:
    """Ones of the shape (and, unless given, the dtype) of `input`; `layout` is accepted and ignored."""
    return _like(input, 1, dtype, name)


_RANGE_ORDER = (dtypes.int32, dtypes.int64, float16, bfloat16, float32, float64)


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None) -> Tensor:
    """The values start, start + delta, ... before `limit`; `range(limit)` starts at 0.

    Args:
        start, limit, delta: scalars.
        dtype: the dtype of the result; by default the widest of the arguments'.
        name: a name for the node in a graph.
    """
    if limit is None:
        start, limit = 0, start
    parts = (start, limit, delta)
    chosen = _range_dtype(parts) if dtype is None else dtypes.as_dtype(dtype)
    return range_op(*[_as(p, chosen) for p in parts], name=name)


def _range_dtype(parts: tuple[Any, ...]) -> DType:
    """The widest dtype of the parts; a plain int follows the others."""
    typed = [convert_to_tensor(p).dtype for p in parts if not isinstance(p, int)]
    found = typed or [convert_to_tensor(p).dtype for p in parts]
    return max(found, key=_rank_of)


def _rank_of(dtype: DType) -> int:
    return _RANGE_ORDER.index(dtype) if dtype in _RANGE_ORDER else -1


def _as(value: Any, dtype: DType) -> Tensor:
    if isinstance(value, Tensor) or hasattr(value, "dtype"):
        tensor = convert_to_tensor(value)
        return tensor if tensor.dtype is dtype else get("Cast")(tensor, DstT=dtype)
    return convert_to_tensor(value, dtype)


def linspace(start: Any, stop: Any, num: Any, name: str | None = None, axis: int = 0) -> Tensor:
    """`num` values at equal distances from `start` to `stop`, both included.

    Args:
        start, stop: floating scalars, or tensors of one shape.
        num: the number of values.
        name: a name for the node in a graph.
        axis: where the new axis goes when `start` has dimensions.
    """
    start = convert_to_tensor(start)
    if start.dtype.is_integer:
        start = get("Cast")(start, DstT=float64)
    stop = _as(stop, start.dtype)
    if static_value(convert_to_tensor(num)) == 0:
        position = resolve_axis(axis, len(start.shape) + 1)
        dims = get("Shape")(start)
        return get("Fill")(get("ConcatV2")([dims[:position], [0], dims[position:]], 0), _as(0, start.dtype), name=name)
    if start.shape.rank == 0:
        return lin_space(start, stop, num, name=name)
    weights = lin_space(convert_to_tensor(0.0, start.dtype), convert_to_tensor(1.0, start.dtype), num)
    position = resolve_axis(axis, len(start.shape) + 1)
    weights = get("Reshape")(weights, [-1, *[1] * (len(start.shape) - position)])
    low, high = (get("ExpandDims")(t, position) for t in (start, stop))
    return get("AddV2")(low, get("Mul")(get("Sub")(high, low), weights), name=name)


def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = float32, name: str | None = None) -> Tensor:
    """Identity matrices.

    Args:
        num_rows: the number of rows.
        num_columns: the number of columns; as many as rows by default.
        batch_shape: the dimensions before the last two.
        dtype: the dtype of the result.
        name: a name for the node in a graph.
    """
    chosen = dtypes.as_dtype(dtype)
    columns = num_rows if num_columns is None else num_columns
    if context.executing_eagerly() and _are_ints(num_rows, columns, batch_shape):
        leading = () if batch_shape is None else _known_sizes(batch_shape) or ()
        one = np.eye(int(num_rows), int(columns), dtype=chosen.np_dtype)
        return context.state().executor.constant(np.broadcast_to(one, (*leading, *one.shape)).copy(), chosen, name)
    rows = get("ExpandDims")(range(num_rows), 1)
    matrix = get("Cast")(get("Equal")(rows, range(columns)), DstT=chosen, name=name)
    if batch_shape is None:
        return matrix
    whole = get("ConcatV2")([convert_to_tensor(batch_shape, dtypes.int32), get("Shape")(matrix)], 0)
    return get("BroadcastTo")(matrix, whole, name=name)


def _are_ints(*values: Any) -> bool:
    return all(v is None or _known_sizes(v) is not None for v in values)


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Tensor]:
    """The coordinates of the points of a grid, one tensor an axis.

    Args:
        args: the coordinates along each axis, vectors.
        indexing: `"xy"` puts the second axis first, as images do; `"ij"` keeps the order.
        name: accepted for TensorFlow's signature.

    Raises:
        ValueError: `indexing` is neither.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing must be 'xy' or 'ij'; got {indexing!r}")
    vectors = [get("Reshape")(convert_to_tensor(a), [-1]) for a in args]
    order = list(builtins.range(len(vectors)))
    if indexing == "xy":
        order[:2] = order[:2][::-1]
    shape = [get("Size")(vectors[axis]) for axis in order]
    target = get("Pack")(shape) if shape else None
    grids = []
    for axis, vector in zip(order, builtins.range(len(order)), strict=True):
        flat = get("Reshape")(vectors[axis], [-1, *[1] * (len(order) - 1 - vector)])
        grids.append((axis, get("BroadcastTo")(flat, target)))
    return [grid for _, grid in sorted(grids, key=lambda pair: pair[0])]


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = bool_, name: str | None = None) -> Tensor:
    """For each length, a row that is True (1) in its first `length` places, of `maxlen` (the largest length by default)."""
    lengths = convert_to_tensor(lengths)
    if maxlen is None:
        maxlen = get("Max")(lengths, get("Range")(0, get("Rank")(lengths), 1), keep_dims=False)
    row = range(_as(0, lengths.dtype), _as(maxlen, lengths.dtype), _as(1, lengths.dtype))
    mask = get("Less")(row, get("ExpandDims")(lengths, -1), name=name)
    chosen = dtypes.as_dtype(dtype)
    return mask if chosen is bool_ else get("Cast")(mask, DstT=chosen)
