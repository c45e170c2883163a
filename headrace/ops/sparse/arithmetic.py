"""Sums, extremes and softmax of sparse tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core.dtypes import INDEX, NUMERIC, REAL, DType, float16, float32, float64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import OpDef, get, op
from headrace.ops.sparse import coordinates

_SPARSE = "output_indices: int64, output_values: T"
_A = "a_indices: int64, a_values: T, a_shape: int64"
_B = "b_indices: int64, b_values: T, b_shape: int64"


def _same_shape(a_shape: Any, b_shape: Any) -> tuple[int, ...]:
    if a_shape.shape != b_shape.shape or (a_shape != b_shape).any():
        raise InvalidArgumentError(f"both sparse tensors must have one shape; got {a_shape.tolist()} and {b_shape.tolist()}")
    return tuple(int(d) for d in a_shape)


def _united(a: Any, b: Any, dims: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """The ordered flat positions of either, and the places of those of each among them."""
    first, second = coordinates.flat(a, dims), coordinates.flat(b, dims)
    union = np.unique(np.concatenate([first, second]))
    return union, np.searchsorted(union, first), np.searchsorted(union, second)


@op(
    "SparseAdd",
    f"{_A}, {_B}, thresh: Treal -> sum_indices: int64, sum_values: T, sum_shape: int64",
    T=NUMERIC,
    Treal=REAL,
    host_only=True,
    shape=lambda a, av, sh, b, bv, bs, th: [(None, a[1]), (None,), sh],
)
def sparse_add(a: Any, a_values: Any, a_shape: Any, b: Any, b_values: Any, b_shape: Any, thresh: Any) -> Any:
    """The sum of two sparse tensors without values of a magnitude below `thresh`, but for those after the end of either."""
    dims = _same_shape(a_shape, b_shape)
    coordinates.check(a, a_values, a_shape)
    coordinates.check(b, b_values, b_shape)
    union, first, second = _united(a, b, dims)
    total = np.zeros(len(union), a_values.dtype)
    np.add.at(total, first, a_values)
    np.add.at(total, second, b_values)
    ends = min(union[places[-1]] if len(places) else -1 for places in (first, second))
    kept = (np.abs(total) >= thresh) | (union > ends)
    return coordinates.unflat(union[kept], dims), total[kept], a_shape


@op(
    "SparseAddGrad",
    "backprop_val_grad: T, a_indices: int64, b_indices: int64, sum_indices: int64 -> a_val_grad: T, b_val_grad: T",
    T=NUMERIC,
    host_only=True,
    differentiable=False,
    shape=lambda grad, a, b, total: [(a[0],), (b[0],)],
)
def sparse_add_grad(grad: Any, a: Any, b: Any, sum_indices: Any) -> Any:
    """The gradient of SparseAdd: that of the sum at each coordinate, 0 where it was left out."""
    found = {tuple(row): g for row, g in zip(sum_indices.tolist(), grad, strict=True)}
    return tuple(np.array([found.get(tuple(row), 0) for row in rows.tolist()], grad.dtype) for rows in (a, b))


@sparse_add.gradient
def _add_gradient(record: Any, _: Any, grad: Any, __: Any) -> Any:
    of_a, of_b = sparse_add_grad.all(grad, record.inputs[0], record.inputs[3], record.outputs[0])
    return None, of_a, None, None, of_b, None, None


@op(
    "SparseTensorDenseAdd",
    "a_indices: Tindices, a_values: T, a_shape: Tindices, b: T -> output: T",
    T=NUMERIC,
    Tindices=INDEX,
    host_only=True,
    shape=lambda indices, values, shape, b: b,
)
def sparse_tensor_dense_add(indices: Any, values: Any, shape: Any, b: Any) -> Any:
    """The sum of a sparse and a dense tensor of one shape, dense."""
    dims = coordinates.check(indices, values, shape)
    if dims != b.shape:
        raise InvalidArgumentError(f"both tensors must have one shape; got {list(dims)} and {list(b.shape)}")
    out = np.array(b)
    np.add.at(out, tuple(indices.T), values)
    return out


@sparse_tensor_dense_add.gradient
def _dense_add_gradient(record: Any, grad: Any) -> Any:
    return None, get("GatherNd")(grad, record.inputs[0]), None, grad


def _kept_axes(shape: Any, reduction_axes: Any) -> tuple[tuple[int, ...], list[int]]:
    dims = tuple(int(d) for d in shape)
    over = coordinates.axes(reduction_axes, len(dims))
    return dims, [i for i in range(len(dims)) if i not in over]


def _reduced(indices: Any, values: Any, shape: Any, axes: Any, reduction: np.ufunc) -> tuple[Any, Any, tuple[int, ...], list[int]]:
    """The reduced values at the flat positions that hold any, with the kept dimensions and axes."""
    coordinates.check(indices, values, shape)
    dims, kept = _kept_axes(shape, axes)
    left = tuple(dims[i] for i in kept)
    positions = coordinates.flat(indices[:, kept], left)
    places = np.argsort(positions, kind="stable")
    found, starts = np.unique(positions[places], return_index=True)
    reduced = reduction.reduceat(values[places], starts).astype(values.dtype) if len(found) else values[:0]
    return found, reduced, left, kept


def _declare_reductions(name: str, reduction: np.ufunc, doc: str, types: Any, *, differentiable: bool) -> tuple[OpDef, OpDef]:
    def dense(indices: Any, values: Any, shape: Any, axes: Any, *, keep_dims: bool = False) -> Any:
        found, reduced, left, kept = _reduced(indices, values, shape, axes, reduction)
        out = np.zeros(left, values.dtype)
        out.reshape(-1)[found] = reduced
        return out.reshape([d if i in kept else 1 for i, d in enumerate(shape.tolist())]) if keep_dims else out

    def sparse(indices: Any, values: Any, shape: Any, axes: Any, *, keep_dims: bool = False) -> Any:
        found, reduced, left, kept = _reduced(indices, values, shape, axes, reduction)
        rows = coordinates.unflat(found, left)
        if not keep_dims:
            return rows, reduced, np.array(left, np.int64)
        wide = np.zeros((len(rows), len(shape)), np.int64)
        wide[:, kept] = rows
        return wide, reduced, np.array([d if i in kept else 1 for i, d in enumerate(shape.tolist())], np.int64)

    inputs = "input_indices: int64, input_values: T, input_shape: int64, reduction_axes: int32"
    dense.__doc__ = f"{doc} over the axes, dense; 0 where there are no values."
    sparse.__doc__ = f"{doc} over the axes, sparse."
    for kernel in (dense, sparse):
        kernel.__annotations__["keep_dims"] = "bool"
    return (
        op(
            name,
            f"{inputs} -> output: T",
            T=types,
            host_only=True,
            known=("input_shape", "reduction_axes"),
            shape=_dense_reduced,
            differentiable=differentiable,
        )(dense),
        op(f"{name}Sparse", f"{inputs} -> {_SPARSE}, output_shape: int64", T=types, host_only=True, differentiable=False)(sparse),
    )


def _dense_reduced(indices: Any, values: Any, shape: Any, axes: Any, *, keep_dims: bool = False) -> Any:
    """What is known of the shape: the sizes where the sparse shape is known, else the rank."""
    rank = len(shape) if shape is not None else indices[1]
    if axes is None:
        return None
    dims, kept = _kept_axes(np.full(rank, -1) if shape is None else shape, axes)
    every = [None if d < 0 else d for d in dims]
    return tuple(every[i] if i in kept else 1 for i in range(rank)) if keep_dims else tuple(every[i] for i in kept)


sparse_reduce_sum, sparse_reduce_sum_sparse = _declare_reductions(
    "SparseReduceSum", np.add, "The sum of the values", NUMERIC, differentiable=True
)
sparse_reduce_max, sparse_reduce_max_sparse = _declare_reductions(
    "SparseReduceMax", np.maximum, "The greatest of the values", REAL, differentiable=False
)


@sparse_reduce_sum.gradient
def _reduce_sum_gradient(record: Any, grad: Any) -> Any:
    indices, _, shape, axes = record.inputs
    if not record.attrs["keep_dims"]:
        ones = get("Cast")(get("GreaterEqual")(shape, 0), DstT=shape.dtype)
        rank = get("Size")(shape)
        over = get("FloorMod")(get("AddV2")(get("Reshape")(axes, [-1]), rank), rank)
        kept = get("TensorScatterUpdate")(shape, get("ExpandDims")(over, -1), get("GatherV2")(ones, over, 0))
        grad = get("Reshape")(grad, kept)
    return None, get("GatherNd")(get("BroadcastTo")(grad, shape), indices), None, None


@op(
    "SparseSoftmax",
    "sp_indices: int64, sp_values: T, sp_shape: int64 -> output: T",
    T=(float16, float32, float64),
    host_only=True,
    shape=lambda indices, values, shape: values,
)
def sparse_softmax(indices: Any, values: Any, shape: Any) -> Any:
    """Softmax over the values in each row of the last dimension; places without a value count for nothing."""
    dims = coordinates.check(indices, values, shape)
    if len(dims) < 2:
        raise InvalidArgumentError(f"a sparse softmax needs a rank of at least 2; got {len(dims)}")
    _, rows = np.unique(coordinates.flat(indices[:, :-1], dims[:-1]), return_inverse=True)
    greatest = np.full(rows.max(initial=-1) + 1, -np.inf, values.dtype)
    np.maximum.at(greatest, rows, values)
    powers = np.exp(values - greatest[rows])
    totals = np.zeros_like(greatest)
    np.add.at(totals, rows, powers)
    return powers / totals[rows]


@sparse_softmax.gradient
def _softmax_gradient(record: Any, grad: Any) -> Any:
    indices, _, shape = record.inputs
    y = record.outputs[0]
    weighted = get("Mul")(y, grad)
    last = get("Sub")(get("Size")(shape), 1)
    sums = sparse_reduce_sum(indices, weighted, shape, get("Reshape")(last, [1]), keep_dims=True)
    own = get("GatherNd")(get("BroadcastTo")(sums, shape), indices)
    return None, get("Mul")(get("Sub")(grad, own), y), None


def _declare_extreme(name: str, choose: Callable[..., Any], allowed: tuple[DType, ...], doc: str) -> OpDef:
    @op(
        name,
        f"{_A}, {_B} -> {_SPARSE}",
        T=allowed,
        host_only=True,
        shape=lambda a, av, sh, b, bv, bs: [(None, a[1]), (None,)],
    )
    def extreme(a: Any, a_values: Any, a_shape: Any, b: Any, b_values: Any, b_shape: Any) -> Any:
        dims = _same_shape(a_shape, b_shape)
        union, first, second = _united(a, b, dims)
        left, right = np.zeros(len(union), a_values.dtype), np.zeros(len(union), a_values.dtype)
        left[first], right[second] = a_values, b_values
        return coordinates.unflat(union, dims), choose(left, right)

    @extreme.gradient
    def rule(record: Any, _: Any, grad: Any) -> Any:
        a, a_values, _, b, b_values, _ = record.inputs
        return None, _chosen(record, grad, a, a_values), None, None, _chosen(record, grad, b, b_values), None

    extreme.__doc__ = doc
    return extreme


def _chosen(record: Any, grad: Any, indices: Any, values: Any) -> Any:
    """The gradient at the coordinates whose own value is the result."""
    shape = record.inputs[2]
    at = [get("GatherNd")(get("ScatterNd")(record.outputs[0], x, shape), indices) for x in (grad, record.outputs[1])]
    return get("SelectV2")(get("Equal")(at[1], values), at[0], get("ZerosLike")(values))


sparse_sparse_maximum = _declare_extreme(
    "SparseSparseMaximum",
    np.maximum,
    REAL,
    "The greater value of two sparse tensors at each coordinate of either; absent ones are 0.",
)
sparse_sparse_minimum = _declare_extreme(
    "SparseSparseMinimum",
    np.minimum,
    NUMERIC,
    "The smaller value of two sparse tensors at each coordinate of either; absent ones are 0.",
)
