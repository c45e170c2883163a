"""Between sparse and dense: SparseToDense, products with dense matrices, arithmetic with dense tensors."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INDEX, NUMERIC
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op
from headrace.dispatch.unsized import sized_by
from headrace.ops.sparse import coordinates


def _as_rows(sparse_indices: Any) -> Any:
    if sparse_indices.ndim > 2:
        raise InvalidArgumentError(f"sparse_indices must have rank 0, 1 or 2; got shape {list(sparse_indices.shape)}")
    return sparse_indices.reshape(-1, 1) if sparse_indices.ndim < 2 else sparse_indices


def _to_dense_on_host(indices: Any, shape: Any, values: Any, default: Any, *, validate_indices: bool = True) -> Any:
    indices, values, default = map(np.asarray, (indices, values, default))
    rows = _as_rows(indices)
    if default.ndim:
        raise InvalidArgumentError(f"default_value must be a scalar; got shape {list(default.shape)}")
    every = np.broadcast_to(values, (len(rows),)) if not values.ndim else values
    dims = coordinates.check(rows, every, np.asarray(shape))
    if validate_indices:
        coordinates.check_order(rows)
    return coordinates.dense(rows, every, dims, default[()])


def _dense_shape(indices: Any, shape: Any, values: Any, default: Any, **_: Any) -> tuple[int, ...]:
    return tuple(int(d) for d in shape)


@op(
    "SparseToDense",
    "sparse_indices: Tindices, output_shape: Tindices, sparse_values: T, default_value: T -> dense: T",
    Tindices=INDEX,
    unsized=sized_by(1),
    static=("output_shape",),
    shape=_dense_shape,
    host=_to_dense_on_host,
    eager=_to_dense_on_host,
)
def sparse_to_dense(indices: Any, shape: Any, values: Any, default: Any, *, validate_indices: bool = True) -> Any:
    """The dense tensor with `sparse_values` (a vector, or one for all) at the coordinates and `default_value` elsewhere."""
    rows = _as_rows(indices)
    full = jnp.full(tuple(int(d) for d in shape), default, values.dtype)
    return full.at[tuple(rows.T)].set(values, mode="drop")


@sparse_to_dense.gradient
def _sparse_to_dense_gradient(record: Any, grad: Any) -> Any:
    indices, _, values, _ = record.inputs
    rows = get("Reshape")(indices, [-1, 1]) if len(indices.shape) < 2 else indices
    of_values = get("GatherNd")(grad, rows)
    of_default = get("Sub")(_total(grad), _total(of_values))
    return None, None, of_values if len(values.shape) else _total(of_values), of_default


def _total(x: Any) -> Any:
    return get("Sum")(get("Reshape")(x, [-1]), [0])


def _product_shape(indices: Any, values: Any, shape: Any, b: Any, *, adjoint_a: bool, adjoint_b: bool) -> tuple[int, ...]:
    rows, inner = (int(d) for d in (shape[::-1] if adjoint_a else shape))
    if len(b) != 2:
        raise InvalidArgumentError(f"the dense factor must be a matrix; got shape {list(b)}")
    height, width = b[::-1] if adjoint_b else b
    if height != inner:
        raise InvalidArgumentError(
            f"cannot multiply a [{rows}, {inner}] matrix by a [{height}, {width}] one: {inner} and {height} differ"
        )
    return rows, width


@op(
    "SparseTensorDenseMatMul",
    "a_indices: Tindices, a_values: T, a_shape: int64, b: T -> product: T",
    Tindices=INDEX,
    static=("a_shape",),
    shape=_product_shape,
)
def sparse_tensor_dense_mat_mul(
    indices: Any, values: Any, shape: Any, b: Any, *, adjoint_a: bool = False, adjoint_b: bool = False
) -> Any:
    """The product of a sparse matrix and a dense one; either may be transposed and conjugated first."""
    rows, _ = _product_shape(indices.shape, values.shape, shape, b.shape, adjoint_a=adjoint_a, adjoint_b=adjoint_b)
    if indices.ndim != 2 or indices.shape[1] != 2:
        raise InvalidArgumentError(f"a_indices must have the shape [n, 2]; got {list(indices.shape)}")
    b = jnp.conj(b).T if adjoint_b else b
    row, column = (indices[:, 1], indices[:, 0]) if adjoint_a else (indices[:, 0], indices[:, 1])
    factors = (jnp.conj(values) if adjoint_a else values)[:, None]
    picked = jnp.take(b, column, axis=0, mode="fill", fill_value=0)
    return jnp.zeros((rows, b.shape[1]), b.dtype).at[row].add(factors * picked, mode="drop")


@sparse_tensor_dense_mat_mul.gradient
def _mat_mul_gradient(record: Any, grad: Any) -> Any:
    indices, values, shape, b = record.inputs
    adjoint_a, adjoint_b = record.attrs["adjoint_a"], record.attrs["adjoint_b"]
    of_b = sparse_tensor_dense_mat_mul(indices, values, shape, grad, adjoint_a=not adjoint_a)
    if adjoint_b:
        of_b = _adjoint(of_b)
    row, column = get("Unpack").all(indices, num=2, axis=1)
    if adjoint_a:
        row, column = column, row
    right = _adjoint(b) if adjoint_b else b
    products = get("Mul")(get("GatherV2")(grad, row, 0), _conjugate(get("GatherV2")(right, column, 0)))
    of_values = get("Sum")(products, [1])
    return None, _conjugate(of_values) if adjoint_a else of_values, None, of_b


def _conjugate(x: Any) -> Any:
    return get("Conj")(x) if x.dtype.is_complex else x


def _adjoint(x: Any) -> Any:
    return _conjugate(get("Transpose")(x, [1, 0]))


def _one_value_each(indices: Any, values: Any, shape: Any, dense: Any, **_: Any) -> Any:
    return values


def _at_coordinates(indices: Any, shape: Any, dense: Any) -> Any:
    """The elements of `dense`, broadcast to the sparse shape, at the coordinates."""
    dims = tuple(int(d) for d in shape)
    if dense.ndim > len(dims):
        raise InvalidArgumentError(f"the dense operand has rank {dense.ndim}, the sparse one {len(dims)}; it must not have more")
    try:
        wide = np.broadcast_to(dense, dims)
    except ValueError:
        raise InvalidArgumentError(
            f"the dense operand of shape {list(dense.shape)} does not broadcast to the sparse shape {list(dims)}"
        ) from None
    return wide[tuple(indices.T)]


_CWISE = "sp_indices: int64, sp_values: T, sp_shape: int64, dense: T -> output: T"


@op("SparseDenseCwiseMul", _CWISE, T=NUMERIC, host_only=True, shape=_one_value_each)
def sparse_dense_cwise_mul(indices: Any, values: Any, shape: Any, dense: Any) -> Any:
    """The values times the elements of `dense` (broadcast) at their coordinates."""
    return values * _at_coordinates(indices, shape, dense)


@op("SparseDenseCwiseDiv", _CWISE, T=NUMERIC, host_only=True, shape=_one_value_each)
def sparse_dense_cwise_div(indices: Any, values: Any, shape: Any, dense: Any) -> Any:
    """The values by the elements of `dense` (broadcast) at their coordinates."""
    return get("RealDiv").kernel(values, _at_coordinates(indices, shape, dense))


@op("SparseDenseCwiseAdd", _CWISE, T=NUMERIC, host_only=True, differentiable=False, shape=_one_value_each)
def sparse_dense_cwise_add(indices: Any, values: Any, shape: Any, dense: Any) -> Any:
    """The values plus the elements of `dense` (broadcast) at their coordinates."""
    return values + _at_coordinates(indices, shape, dense)


def _cwise_gradient(record: Any, grad: Any, *, divide: bool) -> Any:
    indices, values, shape, dense = record.inputs
    wide = get("GatherNd")(get("BroadcastTo")(dense, shape), indices)
    if not divide:
        return None, get("Mul")(grad, wide), None, _summed_to(get("Mul")(grad, values), indices, shape, dense)
    slope = get("Neg")(get("RealDiv")(get("Mul")(grad, values), get("Square")(wide)))
    return None, get("RealDiv")(grad, wide), None, _summed_to(slope, indices, shape, dense)


def _summed_to(of_values: Any, indices: Any, shape: Any, dense: Any) -> Any:
    """Gradients at the coordinates as one of the shape of `dense`, which was broadcast."""
    whole = get("ScatterNd")(indices, of_values, shape)
    own, wide = get("Shape")(dense), get("Cast")(shape, DstT=get("Shape")(dense).dtype)
    _, over = get("BroadcastGradientArgs").all(wide, own)
    return get("Reshape")(get("Sum")(whole, over), own)


sparse_dense_cwise_mul.gradient(lambda record, grad: _cwise_gradient(record, grad, divide=False))
sparse_dense_cwise_div.gradient(lambda record, grad: _cwise_gradient(record, grad, divide=True))
