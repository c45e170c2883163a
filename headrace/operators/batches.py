"""Shapes, dtypes and sizes of what linear operators work on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape, broadcast_static_shape
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor


def common_dtype(operators: Sequence[Any]) -> DType:
    """The dtype of operators that are put together.

    Raises:
        ValueError: there is none.
        TypeError: they differ.
    """
    if not operators:
        raise ValueError("expected a list of one operator or more")
    kinds = {operator.dtype for operator in operators}
    if len(kinds) > 1:
        raise TypeError(f"the operators must be of one dtype; got {', '.join(f'{o.name}: {o.dtype.name}' for o in operators)}")
    found: DType = operators[0].dtype
    return found


def logarithm_of_size(x: Tensor) -> Tensor:
    """log |x| of each element, of the dtype of x."""
    if x.dtype.is_complex:
        return get("Cast")(get("Log")(get("ComplexAbs")(x, Tout=x.dtype.real_dtype)), DstT=x.dtype)
    return get("Log")(get("Abs")(x))


def broadcast_batches(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two tensors of matrices with equal batch dimensions."""
    if a.shape[:-2] == b.shape[:-2] and a.shape[:-2].is_fully_defined():
        return a, b
    if a.shape.is_fully_defined() and b.shape.is_fully_defined():
        static = list(broadcast_static_shape(a.shape[:-2], b.shape[:-2]).concrete())
        return (get("BroadcastTo")(t, [*static, *t.shape.concrete()[-2:]]) for t in (a, b))  # type: ignore[return-value]
    shapes = [get("Shape")(t) for t in (a, b)]
    batch = get("BroadcastArgs")(shapes[0][:-2], shapes[1][:-2])
    return tuple(get("BroadcastTo")(t, get("ConcatV2")([batch, s[-2:]], 0)) for t, s in zip((a, b), shapes, strict=True))  # type: ignore[return-value]


def check_rows(shape: TensorShape, x: Tensor, rows: int | None) -> None:
    """Raises ValueError where an operator of some shape cannot act on x, which needs `rows` rows."""
    if x.shape.rank is None:
        return
    if x.shape.rank < 2:
        raise ValueError(f"expected a matrix [..., {rows}, r]; got shape {x.shape}; use matvec or solvevec for vectors")
    if None not in (x.shape[-2], rows) and x.shape[-2] != rows:
        raise ValueError(f"expected a matrix of {rows} rows for an operator of shape {shape}; got shape {x.shape}")


def every_axis(shape: TensorShape) -> list[int]:
    """The numbers of all dimensions."""
    return list(range(len(shape)))
