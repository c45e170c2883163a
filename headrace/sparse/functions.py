"""tf.sparse: between dense and sparse, arranging and combining."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.portable import static_value
from headrace.ops.sparse import arithmetic, arranging, conversion
from headrace.sparse.tensor import SparseTensor, as_sparse, int64_vector, rank_of


def from_dense(tensor: Any, name: str | None = None) -> SparseTensor:
    """The elements that are not 0 (or not empty strings) of a dense tensor."""
    x = convert_to_tensor(tensor)
    zero: Any = "" if x.dtype is dtypes.string else False if x.dtype.is_bool else 0
    indices = get("Where")(get("NotEqual")(x, zero))
    return SparseTensor(indices, get("GatherNd")(x, indices), get("Shape")(x, out_type=dtypes.int64))


def to_dense(sp_input: Any, default_value: Any = None, validate_indices: bool = True, name: str | None = None) -> Tensor:
    """The dense tensor, with `default_value` (0 or empty by default) at the places without a value."""
    x = as_sparse(sp_input, "to_dense")
    if default_value is None:
        default_value = "" if x.dtype is dtypes.string else False if x.dtype.is_bool else 0
    default = convert_to_tensor(default_value, x.dtype)
    dense = conversion.sparse_to_dense(x.indices, x.dense_shape, x.values, default, validate_indices=validate_indices, name=name)
    dense.set_shape(x.shape)
    return dense


def to_indicator(sp_input: Any, vocab_size: int, name: str | None = None) -> Tensor:
    """A boolean tensor that is True at each value of a row of an integer sparse tensor, of last dimension `vocab_size`."""
    x = as_sparse(sp_input, "to_indicator")
    rank = rank_of(x, "to_indicator")
    values = int64_vector(x.values)
    rows = get("Slice")(x.indices, [0, 0], [-1, rank - 1])
    indices = get("ConcatV2")([rows, get("ExpandDims")(values, -1)], 1)
    shape = get("ConcatV2")([get("Slice")(x.dense_shape, [0], [rank - 1]), np.array([vocab_size], np.int64)], 0)
    ordered = reorder(SparseTensor(indices, get("Fill")(get("Shape")(values), True), shape))
    return to_dense(ordered, False, validate_indices=False, name=name)


def reorder(sp_input: Any, name: str | None = None) -> SparseTensor:
    """The same elements with coordinates in row-major order."""
    x = as_sparse(sp_input, "reorder")
    indices, values = arranging.sparse_reorder.all(x.indices, x.values, x.dense_shape, name=name)
    return _like(x, indices, values)


def _like(x: SparseTensor, indices: Any, values: Any) -> SparseTensor:
    result = SparseTensor(indices, values, x.dense_shape)
    result.set_shape(x.shape)
    return result


def reshape(sp_input: Any, shape: Any, name: str | None = None) -> SparseTensor:
    """The same elements in another shape, of which one dimension may be -1."""
    x = as_sparse(sp_input, "reshape")
    indices, dense_shape = arranging.sparse_reshape.all(x.indices, x.dense_shape, int64_vector(shape), name=name)
    return SparseTensor(indices, x.values, dense_shape)


def expand_dims(sp_input: Any, axis: Any = None, name: str | None = None) -> SparseTensor:
    """With a dimension of size 1 at `axis` (the last by default)."""
    x = as_sparse(sp_input, "expand_dims")
    rank = rank_of(x, "expand_dims")
    place = -1 if axis is None else int(axis)
    if not -rank - 1 <= place <= rank:
        raise ValueError(f"axis {place} is out of range for a sparse tensor of rank {rank}; expected {-rank - 1} to {rank}")
    place = place + rank + 1 if place < 0 else place
    column = get("ZerosLike")(get("Slice")(get("ConcatV2")([x.indices, x.indices], 1), [0, 0], [-1, 1])) if rank else None
    if column is None:
        column = get("ExpandDims")(get("ZerosLike")(int64_vector(get("Shape")(x.values, out_type=dtypes.int64))), 0)
    left, right = get("Slice")(x.indices, [0, 0], [-1, place]), get("Slice")(x.indices, [0, place], [-1, -1])
    shape = get("ConcatV2")(
        [get("Slice")(x.dense_shape, [0], [place]), np.ones(1, np.int64), get("Slice")(x.dense_shape, [place], [-1])], 0
    )
    return SparseTensor(get("ConcatV2")([left, column, right], 1), x.values, shape)


def transpose(sp_input: Any, perm: Any = None, name: str | None = None) -> SparseTensor:
    """With its dimensions in the order `perm`, or reversed."""
    x = as_sparse(sp_input, "transpose")
    order = np.arange(rank_of(x, "transpose"))[::-1] if perm is None else perm
    order = np.asarray(order, np.int32) if not isinstance(order, Tensor) else order
    return reorder(SparseTensor(get("GatherV2")(x.indices, order, 1), x.values, get("GatherV2")(x.dense_shape, order, 0)))


def concat(axis: int, sp_inputs: Any, expand_nonconcat_dims: bool = False, name: str | None = None) -> SparseTensor:
    """Sparse tensors one after the other along `axis`; the other dimensions must agree, or are widened on request."""
    xs = [as_sparse(x, "concat") for x in sp_inputs]
    if not xs:
        raise ValueError("tf.sparse.concat needs at least one sparse tensor")
    shapes: list[Any] = [x.dense_shape for x in xs]
    rank = rank_of(xs[0], "concat")
    axis = int(axis)
    if expand_nonconcat_dims:
        axis = axis % rank
        widest = get("Max")(get("Pack")(shapes), [0])
        own = np.arange(rank) == axis
        shapes = [get("SelectV2")(own, shape, widest) for shape in shapes]
    parts = arranging.sparse_concat.all([x.indices for x in xs], [x.values for x in xs], shapes, concat_dim=axis, name=name)
    return SparseTensor(*parts)


def slice_(sp_input: Any, start: Any, size: Any, name: str | None = None) -> SparseTensor:
    """The part in a box of the given size from `start` on."""
    x = as_sparse(sp_input, "slice")
    return SparseTensor(
        *arranging.sparse_slice.all(x.indices, x.values, x.dense_shape, int64_vector(start), int64_vector(size), name=name)
    )


def split(sp_input: Any = None, num_split: int | None = None, axis: Any = None, name: str | None = None) -> list[SparseTensor]:
    """Parts along `axis`, the first of which are one longer where it does not divide evenly.

    Raises:
        ValueError: an argument is missing.
    """
    if sp_input is None or num_split is None or axis is None:
        raise ValueError("tf.sparse.split needs sp_input, num_split and axis")
    x = as_sparse(sp_input, "split")
    flat = arranging.sparse_split.all(int64_vector(axis), x.indices, x.values, x.dense_shape, num_split=num_split, name=name)
    return [SparseTensor(*flat[i::num_split]) for i in range(num_split)]


def retain(sp_input: Any, to_retain: Any) -> SparseTensor:
    """The elements for which the boolean vector `to_retain` holds."""
    x = as_sparse(sp_input, "retain")
    kept = convert_to_tensor(to_retain)
    if not kept.shape.is_compatible_with(x.values.shape):
        raise ValueError(f"to_retain must have one entry a value, {x.values.shape}; got {kept.shape}")
    places = get("Reshape")(get("Where")(kept), [-1])
    return _like(x, get("GatherV2")(x.indices, places, 0), get("GatherV2")(x.values, places, 0))


def reset_shape(sp_input: Any, new_shape: Any = None) -> SparseTensor:
    """The same elements in a larger shape, or without `new_shape` in the smallest that holds them.

    Raises:
        ValueError: the new shape is too small or of another rank.
    """
    x = as_sparse(sp_input, "reset_shape")
    if new_shape is None:
        greatest = get("Max")(get("ConcatV2")([x.indices, np.full((1, rank_of(x, "reset_shape")), -1)], 0), [0])
        return SparseTensor(x.indices, x.values, get("AddV2")(greatest, np.int64(1)))
    wanted = convert_to_tensor(int64_vector(new_shape))
    old, new = static_value(x.dense_shape), static_value(wanted)
    if old is not None and new is not None:
        if len(old) != len(new):
            raise ValueError(f"the new shape {new.tolist()} must have the rank of the old one, {old.tolist()}")
        if (new < old).any():
            raise InvalidArgumentError(f"the new shape {new.tolist()} must not be smaller than the old one, {old.tolist()}")
    return SparseTensor(x.indices, x.values, wanted)


def fill_empty_rows(sp_input: Any, default_value: Any, name: str | None = None) -> tuple[SparseTensor, Tensor]:
    """With `default_value` at column 0 of each row without values; and which rows those were."""
    x = as_sparse(sp_input, "fill_empty_rows")
    default = convert_to_tensor(default_value, x.dtype)
    indices, values, empty, _ = arranging.sparse_fill_empty_rows.all(x.indices, x.values, x.dense_shape, default, name=name)
    return _like(x, indices, values), empty


def add(a: Any, b: Any, threshold: Any = 0) -> Any:
    """The sum: sparse of two sparse tensors (without values of a magnitude below `threshold`), dense with a dense one.

    Raises:
        TypeError: both are dense.
    """
    if not isinstance(a, SparseTensor) and not isinstance(b, SparseTensor):
        raise TypeError("tf.sparse.add needs at least one SparseTensor; use tf.add for dense tensors")
    if isinstance(a, SparseTensor) and isinstance(b, SparseTensor):
        limit = convert_to_tensor(threshold, a.dtype.real_dtype if a.dtype.is_complex else a.dtype)
        return SparseTensor(
            *arithmetic.sparse_add.all(a.indices, a.values, a.dense_shape, b.indices, b.values, b.dense_shape, limit)
        )
    sparse, dense = (a, b) if isinstance(a, SparseTensor) else (b, a)
    return arithmetic.sparse_tensor_dense_add(
        sparse.indices, sparse.values, sparse.dense_shape, convert_to_tensor(dense, sparse.dtype)
    )


def _reduce(dense: Any, sparse: Any, function: str) -> Callable[..., Any]:
    def reduce(
        sp_input: Any, axis: Any = None, keepdims: Any = None, output_is_sparse: bool = False, name: str | None = None
    ) -> Any:
        x = as_sparse(sp_input, function)
        over = get("Range")(0, get("Size")(x.dense_shape), 1) if axis is None else convert_to_tensor(axis, dtypes.int32)
        parts = x.indices, x.values, x.dense_shape, over
        if output_is_sparse:
            return SparseTensor(*sparse.all(*parts, keep_dims=bool(keepdims), name=name))
        return dense(*parts, keep_dims=bool(keepdims), name=name)

    reduce.__name__ = reduce.__qualname__ = function
    reduce.__doc__ = f"{'The sum' if function == 'reduce_sum' else 'The greatest'} of the values over `axis`, or over all axes."
    return reduce


reduce_sum = _reduce(arithmetic.sparse_reduce_sum, arithmetic.sparse_reduce_sum_sparse, "reduce_sum")
reduce_max = _reduce(arithmetic.sparse_reduce_max, arithmetic.sparse_reduce_max_sparse, "reduce_max")


def maximum(sp_a: Any, sp_b: Any, name: str | None = None) -> SparseTensor:
    """The greater of two sparse tensors, elementwise; absent values are 0."""
    return _extreme(arithmetic.sparse_sparse_maximum, as_sparse(sp_a, "maximum"), as_sparse(sp_b, "maximum"), name)


def minimum(sp_a: Any, sp_b: Any, name: str | None = None) -> SparseTensor:
    """The smaller of two sparse tensors, elementwise; absent values are 0."""
    return _extreme(arithmetic.sparse_sparse_minimum, as_sparse(sp_a, "minimum"), as_sparse(sp_b, "minimum"), name)


def _extreme(definition: Any, a: SparseTensor, b: SparseTensor, name: str | None) -> SparseTensor:
    return _like(a, *definition.all(a.indices, a.values, a.dense_shape, b.indices, b.values, b.dense_shape, name=name))


def softmax(sp_input: Any, name: str | None = None) -> SparseTensor:
    """Softmax over the values in each row of the last dimension."""
    x = as_sparse(sp_input, "softmax")
    return x.with_values(arithmetic.sparse_softmax(x.indices, x.values, x.dense_shape, name=name))


def sparse_dense_matmul(sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None) -> Tensor:
    """The product of two matrices of which exactly one is sparse; either may be transposed and conjugated first."""
    if isinstance(b, SparseTensor):
        if isinstance(sp_a, SparseTensor):
            raise TypeError("tf.sparse.sparse_dense_matmul needs one dense matrix; make one of them dense with tf.sparse.to_dense")
        product = sparse_dense_matmul(b, sp_a, not adjoint_b, not adjoint_a)
        turned = get("Transpose")(product, [1, 0])
        return get("Conj")(turned) if turned.dtype.is_complex else turned
    a = as_sparse(sp_a, "sparse_dense_matmul")
    return conversion.sparse_tensor_dense_mat_mul(
        a.indices, a.values, a.dense_shape, b, adjoint_a=adjoint_a, adjoint_b=adjoint_b, name=name
    )


def eye(num_rows: int, num_columns: int | None = None, dtype: Any = dtypes.float32, name: str | None = None) -> SparseTensor:
    """Ones on the main diagonal."""
    columns = num_rows if num_columns is None else num_columns
    places = np.arange(min(num_rows, columns))
    ones = get("Cast")(np.ones(len(places), np.int32), DstT=dtypes.as_dtype(dtype))
    return SparseTensor(np.stack([places, places], 1), ones, np.array([num_rows, columns]))


def mask(a: Any, mask_indices: Any, name: str | None = None) -> Any:
    """IndexedSlices without the rows whose index is in `mask_indices`."""
    kept, places = get("ListDiff").all(a.indices, mask_indices, out_idx=dtypes.int32)
    return type(a)(get("GatherV2")(a.values, places, 0), kept, a.dense_shape)


def map_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> SparseTensor:
    """What `op` makes of the values; sparse tensors among its arguments must have the same coordinates and shape.

    Raises:
        ValueError: there is none, they differ, or the result has another number of values.
    """
    sparse = [a for a in (*args, *kwargs.values()) if isinstance(a, SparseTensor)]
    if not sparse:
        raise ValueError("map_values needs at least one SparseTensor among its arguments")
    for other in sparse[1:]:
        for first, second in ((sparse[0].indices, other.indices), (sparse[0].dense_shape, other.dense_shape)):
            left, right = static_value(first), static_value(second)
            if left is not None and right is not None and not np.array_equal(left, right):
                raise InvalidArgumentError("map_values needs sparse tensors with the same coordinates and shape")
    plain = [a.values if isinstance(a, SparseTensor) else a for a in args]
    named = {k: a.values if isinstance(a, SparseTensor) else a for k, a in kwargs.items()}
    values = convert_to_tensor(op(*plain, **named))
    if not values.shape.is_compatible_with(sparse[0].values.shape):
        raise ValueError(f"map_values needs as many results as values, {sparse[0].values.shape}; got {values.shape}")
    return sparse[0].with_values(values)


def is_sparse(tensor: Any) -> bool:
    """True for a SparseTensor."""
    return isinstance(tensor, SparseTensor)
