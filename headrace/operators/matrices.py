"""Operators given by the elements of a matrix, or by some diagonals of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.shapes import TensorShape
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.operators.base import LinearOperator
from headrace.operators.batches import broadcast_batches
from headrace.ops.array.diagonal import diag, diag_part
from headrace.ops.array.gathering import gather
from headrace.ops.linalg import functions as la
from headrace.ops.linalg.decompositions import cholesky
from headrace.ops.linalg.factored import tridiagonal_matmul
from headrace.ops.math.contraction import matmul
from headrace.ops.math.elementwise import conj

Flag = bool | None


class LinearOperatorFullMatrix(LinearOperator):
    """A matrix [..., m, n]."""

    def __init__(
        self,
        matrix: Any,
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = None,
        name: str = "LinearOperatorFullMatrix",
    ) -> None:
        self._matrix = convert_to_tensor(matrix)
        if self._matrix.shape.rank is not None and self._matrix.shape.rank < 2:
            raise ValueError(f"a matrix has two dimensions or more; got shape {self._matrix.shape}")
        kind = self._matrix.dtype
        super().__init__(kind, None, is_non_singular, is_self_adjoint, is_positive_definite, is_square, name, {"matrix": matrix})

    @property
    def matrix(self) -> Tensor:
        """The matrix."""
        return self._matrix

    def _static_shape(self) -> TensorShape:
        return self._matrix.shape

    def _to_dense(self) -> Tensor:
        return self._matrix

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        return matmul(self._matrix, x, adjoint_a=adjoint)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        matrix, rhs = broadcast_batches(self._matrix, rhs)
        if self.is_positive_definite and self.is_self_adjoint:
            return la.cholesky_solve(cholesky(matrix), rhs)
        return la.solve(matrix, rhs, adjoint=adjoint)


class LinearOperatorTridiag(LinearOperator):
    """A tridiagonal matrix.

    Args:
        diagonals: [..., 3, n], the upper, main and lower diagonal, the outer ones padded; or a list of the three
            (`diagonals_format="sequence"`); or the matrix ("matrix").
        diagonals_format: compact, sequence or matrix.
        is_non_singular, is_self_adjoint, is_positive_definite, is_square: what the caller knows.
        name: for people.
    """

    def __init__(
        self,
        diagonals: Any,
        diagonals_format: str = "compact",
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = None,
        name: str = "LinearOperatorTridiag",
    ) -> None:
        if is_square is False:
            raise ValueError("a tridiagonal operator is square; is_square is False")
        given: Any = convert_to_tensor(diagonals) if diagonals_format != "sequence" else [convert_to_tensor(d) for d in diagonals]
        if diagonals_format == "matrix":
            packed = diag_part(given, k=(-1, 1), align="LEFT_RIGHT")
        elif diagonals_format == "sequence":
            packed = get("Pack")(given, axis=-2)
        elif diagonals_format == "compact":
            packed = given
        else:
            raise ValueError(f"diagonals_format must be compact, sequence or matrix; got {diagonals_format!r}")
        self._packed: Tensor = packed
        self._diagonals, self._format = diagonals, diagonals_format
        parameters = {"diagonals": diagonals, "diagonals_format": diagonals_format}
        super().__init__(self._packed.dtype, None, is_non_singular, is_self_adjoint, is_positive_definite, True, name, parameters)

    @property
    def diagonals(self) -> Any:
        """What was given."""
        return self._diagonals

    @property
    def diagonals_format(self) -> str:
        """The form of `diagonals`."""
        return self._format

    def _static_shape(self) -> TensorShape:
        size = self._packed.shape[-1]
        return self._packed.shape[:-2].concatenate([size, size])

    def _turned(self, adjoint: bool) -> Tensor:
        """The diagonals, those of the conjugate transpose on request."""
        if not adjoint:
            return self._packed
        upper, main, lower = (conj(self._packed[..., i, :]) for i in range(3))
        return get("Pack")([get("Roll")(lower, [-1], [-1]), main, get("Roll")(upper, [1], [-1])], axis=-2)

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        batch = self._packed.shape[:-2]
        if batch.rank == 0 and (x.shape.rank or 0) > 2:
            return matmul(self.to_dense(), x, adjoint_a=adjoint)
        return tridiagonal_matmul(self._turned(adjoint), x)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        packed, rhs = broadcast_batches(self._turned(adjoint), rhs)
        return la.tridiagonal_solve(packed, rhs)

    def _diag_part(self) -> Tensor:
        return self._packed[..., 1, :]

    def _to_dense(self) -> Tensor:
        return diag(self._packed, k=(-1, 1), align="LEFT_RIGHT")


class LinearOperatorToeplitz(LinearOperator):
    """The matrix with `col` [..., n] as its first column and `row` [..., n] as its first row, constant along diagonals."""

    def __init__(
        self,
        col: Any,
        row: Any,
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = None,
        name: str = "LinearOperatorToeplitz",
    ) -> None:
        if is_square is False:
            raise ValueError("a Toeplitz operator is square; is_square is False")
        self._col, self._row = convert_to_tensor(col), convert_to_tensor(row)
        super().__init__(
            self._col.dtype, None, is_non_singular, is_self_adjoint, is_positive_definite, True, name, {"col": col, "row": row}
        )

    @property
    def col(self) -> Tensor:
        """The first column."""
        return self._col

    @property
    def row(self) -> Tensor:
        """The first row."""
        return self._row

    def _static_shape(self) -> TensorShape:
        both = self._col.shape.concatenate([self._col.shape[-1]])
        return both if both.is_fully_defined() else both.merge_with(self._row.shape.concatenate([self._row.shape[-1]]))

    def _dynamic_shape(self) -> Tensor:
        shape = get("Shape")(self._col)
        return get("ConcatV2")([shape, shape[-1:]], 0)

    def _to_dense(self) -> Tensor:
        # Row i holds places n - 1 - i to 2 n - 2 - i of the diagonals from the lowest left to the uppermost right.
        size = self.domain_dimension_tensor()
        steps = get("Range")(0, size, 1)
        places = get("ExpandDims")(steps, 0) - get("ExpandDims")(steps, 1) + (size - 1)
        column = get("ReverseV2")(self._col, [len(self._col.shape) - 1])
        diagonals = get("ConcatV2")([column, self._row[..., 1:]], -1)
        return gather(diagonals, places, axis=-1)

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        return matmul(self.to_dense(), x, adjoint_a=adjoint)

    def _diag_part(self) -> Tensor:
        first = self._col[..., :1]
        return first * get("Fill")(get("Reshape")(self.domain_dimension_tensor(), [1]), get("Cast")(1, DstT=self.dtype))

    def _trace(self) -> Tensor:
        return self._col[..., 0] * get("Cast")(self.domain_dimension_tensor(), DstT=self.dtype)


class LinearOperatorLowRankUpdate(LinearOperator):
    """base + u diag(diag_update) v^H, where u and v [..., n, k] have few columns.

    Args:
        base_operator: the operator that is changed.
        u: [..., m, k].
        diag_update: [..., k]; ones by default.
        v: [..., n, k]; u by default.
        is_diag_update_positive: whether the update is known to be positive.
        is_non_singular, is_self_adjoint, is_positive_definite, is_square: what the caller knows.
        name: for people.
    """

    def __init__(
        self,
        base_operator: LinearOperator,
        u: Any,
        diag_update: Any = None,
        v: Any = None,
        is_diag_update_positive: Flag = None,
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = None,
        name: str = "LinearOperatorLowRankUpdate",
    ) -> None:
        kind = base_operator.dtype
        self._base, self._u = base_operator, convert_to_tensor(u, kind)
        self._v = self._u if v is None else convert_to_tensor(v, kind)
        self._update = None if diag_update is None else convert_to_tensor(diag_update, kind)
        self._positive = True if diag_update is None else is_diag_update_positive
        if v is None and is_self_adjoint is None and not kind.is_complex and base_operator.is_self_adjoint:
            is_self_adjoint = True
        if v is None and is_positive_definite is None and base_operator.is_positive_definite and self._positive:
            is_positive_definite = True
        parameters = {"base_operator": base_operator, "u": u, "diag_update": diag_update, "v": v}
        super().__init__(kind, None, is_non_singular, is_self_adjoint, is_positive_definite, is_square, name, parameters)

    @property
    def base_operator(self) -> LinearOperator:
        """The operator that is changed."""
        return self._base

    @property
    def u(self) -> Tensor:
        """The left factor."""
        return self._u

    @property
    def v(self) -> Tensor:
        """The right factor."""
        return self._v

    @property
    def diag_update(self) -> Tensor | None:
        """The diagonal between the factors, None for ones."""
        return self._update

    @property
    def is_diag_update_positive(self) -> bool | None:
        """Whether the update is known to be positive."""
        return self._positive

    def _static_shape(self) -> TensorShape:
        return self._base.shape

    def _dynamic_shape(self) -> Tensor:
        return self._base.shape_tensor()

    def _scaled(self, x: Tensor, adjoint: bool) -> Tensor:
        if self._update is None:
            return x
        return get("ExpandDims")(conj(self._update) if adjoint else self._update, -1) * x

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        left, right = (self._v, self._u) if adjoint else (self._u, self._v)
        return self._base._matmul(x, adjoint) + matmul(left, self._scaled(matmul(right, x, adjoint_a=True), adjoint))

    def _to_dense(self) -> Tensor:
        width = self._v if self._update is None else self._v * get("ExpandDims")(conj(self._update), -2)
        return self._base.to_dense() + matmul(self._u, width, adjoint_b=True)

    def _capacitance(self) -> Tensor:
        """D^-1 + v^H base^-1 u, of k rows."""
        inner = matmul(self._v, self._base._solve(self._u, False), adjoint_a=True)
        if self._update is None:
            return inner + diag(get("OnesLike")(self._u[..., 0, :]))
        return inner + diag(1.0 / self._update)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        # Woodbury's identity: base^-1 - base^-1 u C^-1 v^H base^-1
        left, right = (self._v, self._u) if adjoint else (self._u, self._v)
        base = self._base._solve(rhs, adjoint)
        matrix, middle = broadcast_batches(self._capacitance(), matmul(right, base, adjoint_a=True))
        return base - self._base._solve(matmul(left, la.solve(matrix, middle, adjoint=adjoint)), adjoint)

    def _determinant(self) -> Tensor:
        found = la.det(self._capacitance()) * self._base.determinant()
        return found if self._update is None else found * get("Prod")(self._update, [-1])
