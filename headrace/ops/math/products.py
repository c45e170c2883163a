"""Matrix products."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import COMPLEX, FLOATING, INDEX, DType, int8, int16, uint8, uint16, uint32, uint64
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.infer import SMALLEST_TRIAL, elementwise
from headrace.dispatch.opdef import get, op
from headrace.ops.math.broadcasting import reduce_to

WIDE = (*FLOATING, *INDEX, *COMPLEX)
UNSIGNED = (uint8, uint16, uint32, uint64)
BATCH = "x: T, y: T -> output: T"


def _check_inner(a: tuple[int, ...], b: tuple[int, ...], inner: tuple[int, int]) -> None:
    if inner[0] != inner[1] and max(inner) < SMALLEST_TRIAL:
        raise InvalidArgumentError(
            f"matrix sizes do not fit: {TensorShape(a)} times {TensorShape(b)} contracts {inner[0]} with {inner[1]}; transpose one"
            " or check the shapes"
        )


def _matmul_shape(a: tuple[int, ...], b: tuple[int, ...], transpose_a: bool, transpose_b: bool, **_: Any) -> tuple[int, ...]:
    if len(a) != 2 or len(b) != 2:
        raise InvalidArgumentError(f"MatMul takes matrices; got shapes {TensorShape(a)} and {TensorShape(b)}; use tf.linalg.matmul")
    (rows, left), (right, columns) = (a[::-1] if transpose_a else a), (b[::-1] if transpose_b else b)
    _check_inner(a, b, (left, right))
    return rows, columns


@op("MatMul", "a: T, b: T -> product: T", T=(*WIDE, *UNSIGNED), shape=_matmul_shape)
def matmul_op(
    a: Any, b: Any, *, transpose_a: bool = False, transpose_b: bool = False, grad_a: bool = False, grad_b: bool = False
) -> Any:
    """The product of two matrices, each transposed on request."""
    _matmul_shape(a.shape, b.shape, transpose_a, transpose_b)
    return jnp.matmul(a.T if transpose_a else a, b.T if transpose_b else b)


@matmul_op.gradient
def _matmul_gradient(record: Any, grad: Any) -> Any:
    a, b = record.inputs
    if a.dtype.is_complex:
        a, b = get("Conj")(a), get("Conj")(b)
    flipped_a, flipped_b = record.attrs["transpose_a"], record.attrs["transpose_b"]
    if flipped_a:
        of_a = matmul_op(b, grad, transpose_a=flipped_b, transpose_b=True)
    else:
        of_a = matmul_op(grad, b, transpose_b=not flipped_b)
    if flipped_b:
        of_b = matmul_op(grad, a, transpose_a=True, transpose_b=flipped_a)
    else:
        of_b = matmul_op(a, grad, transpose_a=not flipped_a)
    return of_a, of_b


def _batch_shape(x: tuple[int, ...], y: tuple[int, ...], adj_x: bool, adj_y: bool, **_: Any) -> tuple[int, ...]:
    if len(x) < 2 or len(y) < 2:
        raise InvalidArgumentError(f"a batch product takes tensors of rank 2 or more; got {TensorShape(x)} and {TensorShape(y)}")
    (rows, left), (right, columns) = (x[:-3:-1] if adj_x else x[-2:]), (y[:-3:-1] if adj_y else y[-2:])
    _check_inner(x, y, (left, right))
    return (*elementwise(x[:-2], y[:-2]), rows, columns)


def _batch_product(x: Any, y: Any, adj_x: bool, adj_y: bool, dtype: Any = None) -> Any:
    _batch_shape(x.shape, y.shape, adj_x, adj_y)
    left = jnp.conj(jnp.swapaxes(x, -1, -2)) if adj_x else x
    right = jnp.conj(jnp.swapaxes(y, -1, -2)) if adj_y else y
    return jnp.matmul(left, right, preferred_element_type=dtype)


@op("BatchMatMul", BATCH, T=WIDE, shape=_batch_shape)
def batch_matmul_v1(x: Any, y: Any, *, adj_x: bool = False, adj_y: bool = False, grad_x: bool = False, grad_y: bool = False) -> Any:
    """Products of the matrices in the last two axes, each adjoint on request."""
    return _batch_product(x, y, adj_x, adj_y)


@op("BatchMatMulV2", BATCH, T=(*WIDE, int16, *UNSIGNED), shape=_batch_shape)
def batch_matmul(x: Any, y: Any, *, adj_x: bool = False, adj_y: bool = False, grad_x: bool = False, grad_y: bool = False) -> Any:
    """Products of the matrices in the last two axes, each adjoint on request; the other axes broadcast."""
    return _batch_product(x, y, adj_x, adj_y)


@batch_matmul.gradient
def _batch_matmul_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs
    adjoint_x, adjoint_y = record.attrs["adj_x"], record.attrs["adj_y"]
    if adjoint_x:
        of_x = batch_matmul(y, grad, adj_x=adjoint_y, adj_y=True)
    else:
        of_x = batch_matmul(grad, y, adj_y=not adjoint_y)
    if adjoint_y:
        of_y = batch_matmul(grad, x, adj_x=True, adj_y=adjoint_x)
    else:
        of_y = batch_matmul(x, grad, adj_x=not adjoint_x)
    return reduce_to(of_x, x), reduce_to(of_y, y)


batch_matmul_v1.gradient(_batch_matmul_gradient)

MIXED = (*WIDE, uint8, int8, int16)


@op("BatchMatMulV3", "x: Ta, y: Tb -> output: Tout", Ta=MIXED, Tb=MIXED, Tout=(*WIDE, int16), shape=_batch_shape)
def batch_matmul_v3(
    x: Any,
    y: Any,
    *,
    Tout: DType,
    adj_x: bool = False,
    adj_y: bool = False,
    grad_x: bool = False,
    grad_y: bool = False,
) -> Any:
    """The same as BatchMatMulV2 for inputs of two dtypes, with the output's dtype given."""
    return _batch_product(x.astype(Tout.np_dtype), y.astype(Tout.np_dtype), adj_x, adj_y)


@op("Einsum", "inputs: N*T -> output: T")
def einsum_op(inputs: Any, *, equation: str) -> Any:
    """Sums of products over named axes, such as `ij,jk->ik`."""
    return jnp.einsum(equation, *inputs)


@einsum_op.gradient
def _einsum_gradient(record: Any, grad: Any) -> Any:
    equation = record.attrs["equation"].replace(" ", "")
    terms, _, output = equation.partition("->")
    labels = terms.split(",")
    if len(labels) == 2 and _is_plain(labels, output):
        x, y = record.inputs
        if x.dtype.is_complex:
            x, y = get("Conj")(x), get("Conj")(y)
        of_x = einsum_op([grad, y], equation=f"{output},{labels[1]}->{labels[0]}")
        return of_x, einsum_op([grad, x], equation=f"{output},{labels[0]}->{labels[1]}")
    return get("_VJPEinsum").all(list(record.inputs), grad, equation=equation)


def _is_plain(labels: list[str], output: str) -> bool:
    """True when each axis is named once in a term, occurs in another one, and nothing broadcasts."""
    whole = [*labels, output]
    if any("." in term or len(set(term)) < len(term) for term in whole):
        return False
    return all(sum(label in term for term in whole) >= 2 for label in set("".join(whole)))
