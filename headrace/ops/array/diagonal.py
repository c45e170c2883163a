"""Diagonals of matrices and their kin."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import COMPLEX, FLOATING, INDEX, int32, int64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor
from headrace.dispatch.unsized import same_shape
from headrace.ops.array.portable import Dims, integers, scalar

ALIGNMENTS = ("LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT")


class _Band:
    """The diagonals `low` to `high` of matrices of shape (rows, columns), stored one a row, the highest first.

    Attributes:
        longest: the length of a stored row.
        offsets: where each diagonal begins in its row, which is longer than it.
        lengths: the length of each diagonal.
    """

    def __init__(self, k: Any, rows: int, columns: int, align: str) -> None:
        self.low, self.high = bounds(k)
        if align not in ALIGNMENTS:
            raise InvalidArgumentError(f"align must be one of {', '.join(ALIGNMENTS)}; got {align!r}")
        if not (-rows < self.low and self.high < columns) and self.low != 0 != self.high:
            raise InvalidArgumentError(f"diagonals {self.low} to {self.high} are outside of a matrix of shape ({rows}, {columns})")
        above, below = align.split("_")
        diagonals = list(range(self.high, self.low - 1, -1))
        self.lengths = [_length(d, rows, columns) for d in diagonals]
        self.longest = min(rows + min(self.high, 0), columns - max(self.low, 0))
        self.offsets = [
            self.longest - length if (above if d >= 0 else below) == "RIGHT" else 0
            for d, length in zip(diagonals, self.lengths, strict=True)
        ]

    @property
    def count(self) -> int:
        """The number of diagonals."""
        return self.high - self.low + 1


def bounds(k: Any) -> tuple[int, int]:
    """The lowest and highest diagonal of `k`, an int or a pair.

    Raises:
        InvalidArgumentError: there are more, or they are in the wrong order.
    """
    values = integers(k)
    if not 1 <= len(values) <= 2 or values[0] > values[-1]:
        raise InvalidArgumentError(f"k must be one diagonal or a pair (lowest, highest); got {list(values)}")
    return values[0], values[-1]


def _length(diagonal: int, rows: int, columns: int) -> int:
    return min(rows + min(diagonal, 0), columns - max(diagonal, 0))


def _extract(input: Any, k: Any, padding: Any, align: str) -> Any:
    input = jnp.asarray(input)
    rows, columns = input.shape[-2:]
    band = _Band(k, rows, columns, align)
    diagonal = band.high - np.arange(band.count)[:, None]
    place = jnp.arange(band.longest)[None] - np.array(band.offsets)[:, None]
    row, column = place + np.maximum(-diagonal, 0), place + np.maximum(diagonal, 0)
    inside = (place >= 0) & (place < np.array(band.lengths)[:, None])
    found = input[..., jnp.where(inside, row, 0), jnp.where(inside, column, 0)]
    result = jnp.where(inside, found, padding)
    return result[..., 0, :] if band.low == band.high else result


def _place(diagonal: Any, k: Any, base: Any, align: str) -> Any:
    """`base` [..., rows, columns] with the band `diagonal` in it."""
    rows, columns = base.shape[-2:]
    band = _Band(k, rows, columns, align)
    stored = jnp.asarray(diagonal)
    if band.low == band.high:
        stored = stored[..., None, :]
    if stored.shape[-2:] != (band.count, band.longest):
        raise InvalidArgumentError(
            f"the diagonals have shape {stored.shape[-2:]}; expected ({band.count}, {band.longest}) for k={k.tolist()} and a matrix"
            f" of shape ({rows}, {columns})"
        )
    row, column = jnp.arange(rows)[:, None], jnp.arange(columns)[None]
    which = column - row
    inside = (which >= band.low) & (which <= band.high)
    number = jnp.where(inside, band.high - which, 0)
    place = jnp.minimum(row, column) + jnp.asarray(np.array(band.offsets))[number]
    return jnp.where(inside, stored[..., number, jnp.where(inside, place, 0)], base)


def _build(diagonal: Any, k: Any, num_rows: Any, num_cols: Any, padding: Any, align: str) -> Any:
    low, high = bounds(k)
    if low != high and diagonal.ndim < 2:
        raise InvalidArgumentError(f"{high - low + 1} diagonals need a matrix of them; got shape {diagonal.shape}")
    longest = diagonal.shape[-1]
    least_rows, least_columns = longest - min(high, 0), longest + max(low, 0)
    rows, columns = scalar(num_rows), scalar(num_cols)
    if rows == columns == -1:
        rows = columns = max(least_rows, least_columns)
    rows, columns = least_rows if rows == -1 else rows, least_columns if columns == -1 else columns
    if rows < least_rows or columns < least_columns or (rows != least_rows and columns != least_columns):
        raise InvalidArgumentError(
            f"a matrix of shape ({rows}, {columns}) does not go with diagonals {low} to {high} of length {longest};"
            f" expected {least_rows} rows or {least_columns} columns"
        )
    leading = diagonal.shape[: diagonal.ndim - (1 if low == high else 2)]
    return _place(diagonal, k, jnp.broadcast_to(jnp.asarray(padding, diagonal.dtype), (*leading, rows, columns)), align)


_MAIN = np.zeros((), np.int32)
_TOLD = np.full((), -1, np.int32)


@op("MatrixDiag", "diagonal: T -> output: T")
def matrix_diag(diagonal: Any) -> Any:
    """Square matrices with the given main diagonals and zeros elsewhere."""
    return _build(diagonal, _MAIN, _TOLD, _TOLD, 0, "LEFT_LEFT")


@op(
    "MatrixDiagV2",
    "diagonal: T, k: int32, num_rows: int32, num_cols: int32, padding_value: T -> output: T",
    static=("k", "num_rows", "num_cols"),
)
def matrix_diag_v2(diagonal: Any, k: Any, num_rows: Any, num_cols: Any, padding_value: Any) -> Any:
    """Matrices with the given diagonals, stored flush left, and a constant elsewhere."""
    return _build(diagonal, k, num_rows, num_cols, padding_value, "LEFT_LEFT")


@op(
    "MatrixDiagV3",
    "diagonal: T, k: int32, num_rows: int32, num_cols: int32, padding_value: T -> output: T",
    static=("k", "num_rows", "num_cols"),
)
def matrix_diag_v3(diagonal: Any, k: Any, num_rows: Any, num_cols: Any, padding_value: Any, *, align: str = "RIGHT_LEFT") -> Any:
    """Matrices with the given diagonals and a constant elsewhere."""
    return _build(diagonal, k, num_rows, num_cols, padding_value, align)


@op("MatrixDiagPart", "input: T -> diagonal: T")
def matrix_diag_part(input: Any) -> Any:
    """The main diagonals of matrices."""
    return _extract(input, _MAIN, 0, "LEFT_LEFT")


@op("MatrixDiagPartV2", "input: T, k: int32, padding_value: T -> diagonal: T", static=("k",))
def matrix_diag_part_v2(input: Any, k: Any, padding_value: Any) -> Any:
    """The diagonals `k` of matrices, flush left, filled up with a constant."""
    return _extract(input, k, padding_value, "LEFT_LEFT")


@op("MatrixDiagPartV3", "input: T, k: int32, padding_value: T -> diagonal: T", static=("k",))
def matrix_diag_part_v3(input: Any, k: Any, padding_value: Any, *, align: str = "RIGHT_LEFT") -> Any:
    """The diagonals `k` of matrices, filled up with a constant."""
    return _extract(input, k, padding_value, align)


def _first(input: Dims, *_: Any, **__: Any) -> Dims:
    return input


@op("MatrixSetDiag", "input: T, diagonal: T -> output: T", shape=_first)
def matrix_set_diag(input: Any, diagonal: Any) -> Any:
    """The matrices with other main diagonals."""
    return _place(diagonal, _MAIN, jnp.asarray(input), "LEFT_LEFT")


@op("MatrixSetDiagV2", "input: T, diagonal: T, k: int32 -> output: T", unsized=same_shape, static=("k",), shape=_first)
def matrix_set_diag_v2(input: Any, diagonal: Any, k: Any) -> Any:
    """The matrices with other diagonals `k`, given flush left."""
    return _place(diagonal, k, jnp.asarray(input), "LEFT_LEFT")


@op("MatrixSetDiagV3", "input: T, diagonal: T, k: int32 -> output: T", unsized=same_shape, static=("k",), shape=_first)
def matrix_set_diag_v3(input: Any, diagonal: Any, k: Any, *, align: str = "RIGHT_LEFT") -> Any:
    """The matrices with other diagonals `k`."""
    return _place(diagonal, k, jnp.asarray(input), align)


@op("MatrixBandPart", "input: T, num_lower: Tindex, num_upper: Tindex -> band: T", Tindex=INDEX)
def matrix_band_part(input: Any, num_lower: Any, num_upper: Any) -> Any:
    """The matrices with zeros outside of a band; a negative number keeps the whole triangle."""
    rows, columns = input.shape[-2:]
    below = jnp.arange(rows, dtype=num_lower.dtype)[:, None] - jnp.arange(columns, dtype=num_lower.dtype)[None]
    kept = ((num_lower < 0) | (below <= num_lower)) & ((num_upper < 0) | (-below <= num_upper))
    return jnp.where(kept, input, jnp.zeros((), input.dtype))


_DIAGONAL = (*FLOATING, int32, int64, *COMPLEX)


@op("Diag", "diagonal: T -> output: T", T=_DIAGONAL)
def diag_op(diagonal: Any) -> Any:
    """A tensor of shape s + s with the given one, of shape s, where both halves of the index agree, and zeros elsewhere."""
    flat = jnp.asarray(diagonal).reshape(-1)
    return _build(flat, _MAIN, _TOLD, _TOLD, 0, "LEFT_LEFT").reshape(diagonal.shape * 2)


@op("DiagPart", "input: T -> diagonal: T", T=_DIAGONAL)
def diag_part_op(input: Any) -> Any:
    """What of a tensor of shape s + s lies where both halves of the index agree."""
    half = input.shape[: input.ndim // 2]
    if input.shape != half * 2:
        raise InvalidArgumentError(f"shape {input.shape} has no two equal halves")
    size = math.prod(half)
    return _extract(jnp.asarray(input).reshape(size, size), _MAIN, 0, "LEFT_LEFT").reshape(half)


def diag(
    diagonal: Any,
    name: str | None = None,
    k: Any = 0,
    num_rows: Any = -1,
    num_cols: Any = -1,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Matrices with the given diagonals.

    Args:
        diagonal: [..., n] for one diagonal, [..., m, n] for a band of m.
        name: a name for the node in a graph.
        k: the diagonal (0 the main one, above positive), or the lowest and highest of a band.
        num_rows, num_cols: the shape of the matrices; -1 tells it from the diagonals.
        padding_value: what stands elsewhere.
        align: which end of a row holds the shorter diagonals: for those above, then those below the main one.
    """
    tensor = convert_to_tensor(diagonal)
    return matrix_diag_v3(tensor, k, num_rows, num_cols, _as_element(padding_value, tensor), align=align, name=name)


def _as_element(value: Any, tensor: Tensor) -> Any:
    return bool(value) if tensor.dtype.is_bool and not isinstance(value, Tensor) else value


def diag_part(input: Any, name: str | None = None, k: Any = 0, padding_value: Any = 0, align: str = "RIGHT_LEFT") -> Tensor:
    """The diagonals `k` of matrices [..., rows, columns]; see `diag` for the arguments."""
    tensor = convert_to_tensor(input)
    return matrix_diag_part_v3(tensor, k, _as_element(padding_value, tensor), align=align, name=name)


def set_diag(input: Any, diagonal: Any, name: str | None = None, k: Any = 0, align: str = "RIGHT_LEFT") -> Tensor:
    """The matrices [..., rows, columns] with other diagonals `k`; see `diag` for the arguments."""
    return matrix_set_diag_v3(input, diagonal, k, align=align, name=name)


def tensor_diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A tensor of shape s + s with the given one, of shape s, where both halves of the index agree."""
    return diag_op(diagonal, name=name)


def tensor_diag_part(input: Any, name: str | None = None) -> Tensor:
    """What of a tensor of shape s + s lies where both halves of the index agree."""
    return diag_part_op(input, name=name)


def band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """The matrices with zeros outside of a band; a negative number keeps the whole triangle."""
    return matrix_band_part(input, num_lower, num_upper, name=name)
