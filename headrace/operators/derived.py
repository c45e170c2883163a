"""Operators made of other ones: conjugate transposes, inverses, compositions, and triangular factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core.shapes import TensorShape, broadcast_static_shape
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.operators.base import RELATIVES, LinearOperator
from headrace.operators.batches import broadcast_batches, common_dtype, logarithm_of_size
from headrace.operators.hints import implied
from headrace.ops.array.diagonal import band_part, diag_part
from headrace.ops.linalg import functions as la
from headrace.ops.linalg.decompositions import cholesky
from headrace.ops.math.contraction import matmul
from headrace.ops.math.elementwise import conj


def product(left: LinearOperator, right: LinearOperator) -> LinearOperator:
    """left after right, in the simplest form.

    Raises:
        ValueError: the dimensions do not fit.
    """
    inner, outer = left.domain_dimension, right.range_dimension
    if None not in (inner, outer) and inner != outer:
        raise ValueError(f"operators of shapes {left.shape} and {right.shape} cannot follow one another")
    common_dtype([left, right])
    found = left._product(right) or right._product_from_right(left)
    return found or LinearOperatorComposition([left, right])


class LinearOperatorAdjoint(LinearOperator):
    """The conjugate transpose of an operator."""

    def __init__(
        self,
        operator: LinearOperator,
        is_non_singular: bool | None = None,
        is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None,
        is_square: bool | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            operator.dtype,
            is_non_singular=implied(is_non_singular, operator.is_non_singular, "is_non_singular"),
            is_self_adjoint=implied(is_self_adjoint, operator.is_self_adjoint, "is_self_adjoint"),
            is_positive_definite=implied(is_positive_definite, operator.is_positive_definite, "is_positive_definite"),
            is_square=implied(is_square, operator.is_square, "is_square"),
            name=name or f"{operator.name}_adjoint",
            parameters={"operator": operator},
        )
        self._operator = operator

    @property
    def operator(self) -> LinearOperator:
        """The operator."""
        return self._operator

    def _static_shape(self) -> TensorShape:
        inner = self._operator.shape
        return inner[:-2].concatenate([inner[-1], inner[-2]])

    def _dynamic_shape(self) -> Tensor:
        inner = self._operator.shape_tensor()
        return get("ConcatV2")([inner[:-2], inner[-1:], inner[-2:-1]], 0)

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        return self._operator._matmul(x, not adjoint)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return self._operator._solve(rhs, not adjoint)

    def _to_dense(self) -> Tensor:
        return la.adjoint(self._operator.to_dense())

    def _determinant(self) -> Tensor:
        return conj(self._operator.determinant())

    def _log_abs_determinant(self) -> Tensor:
        return self._operator.log_abs_determinant()

    def _trace(self) -> Tensor:
        return conj(self._operator.trace())

    def _adjoint_operator(self) -> LinearOperator:
        return self._operator


class LinearOperatorInversion(LinearOperator):
    """The inverse of an operator."""

    def __init__(
        self,
        operator: LinearOperator,
        is_non_singular: bool | None = None,
        is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None,
        is_square: bool | None = None,
        name: str | None = None,
    ) -> None:
        if operator.is_square is False or operator.is_non_singular is False:
            raise ValueError(f"{operator.name} has no inverse: it is not square or was said to be singular")
        super().__init__(
            operator.dtype,
            is_non_singular=implied(is_non_singular, True, "is_non_singular"),
            is_self_adjoint=implied(is_self_adjoint, operator.is_self_adjoint, "is_self_adjoint"),
            is_positive_definite=implied(is_positive_definite, operator.is_positive_definite, "is_positive_definite"),
            is_square=implied(is_square, True, "is_square"),
            name=name or f"{operator.name}_inv",
            parameters={"operator": operator},
        )
        self._operator = operator

    @property
    def operator(self) -> LinearOperator:
        """The operator."""
        return self._operator

    def _static_shape(self) -> TensorShape:
        return self._operator.shape

    def _dynamic_shape(self) -> Tensor:
        return self._operator.shape_tensor()

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        return self._operator._solve(x, adjoint)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return self._operator._matmul(rhs, adjoint)

    def _determinant(self) -> Tensor:
        return 1.0 / self._operator.determinant()

    def _log_abs_determinant(self) -> Tensor:
        return -self._operator.log_abs_determinant()

    def _inverse_operator(self) -> LinearOperator:
        return self._operator


class LinearOperatorComposition(LinearOperator):
    """Operators one after the other, the last of the list first."""

    def __init__(
        self,
        operators: Sequence[LinearOperator],
        is_non_singular: bool | None = None,
        is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None,
        is_square: bool | None = None,
        name: str | None = None,
    ) -> None:
        parts = list(operators)
        kind = common_dtype(parts)
        whole = all(part.is_non_singular for part in parts)
        super().__init__(
            kind,
            is_non_singular=implied(is_non_singular, True if whole else None, "is_non_singular"),
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=True if whole else is_square,
            name=name or "_o_".join(part.name for part in parts),
            parameters={"operators": parts},
        )
        self._operators = parts

    @property
    def operators(self) -> list[LinearOperator]:
        """The operators."""
        return list(self._operators)

    def _static_shape(self) -> TensorShape:
        batch = self._operators[0].batch_shape
        for part in self._operators[1:]:
            batch = broadcast_static_shape(batch, part.batch_shape)
        return batch.concatenate([self._operators[0].range_dimension, self._operators[-1].domain_dimension])

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        for part in self._operators if adjoint else reversed(self._operators):
            x = part._matmul(x, adjoint)
        return x

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        for part in reversed(self._operators) if adjoint else self._operators:
            rhs = part._solve(rhs, adjoint)
        return rhs

    def _determinant(self) -> Tensor:
        if any(part.is_square is False for part in self._operators):
            return super()._determinant()
        found = self._operators[0].determinant()
        for part in self._operators[1:]:
            found = found * part.determinant()
        return found

    def _log_abs_determinant(self) -> Tensor:
        if any(part.is_square is False for part in self._operators):
            return super()._log_abs_determinant()
        found = self._operators[0].log_abs_determinant()
        for part in self._operators[1:]:
            found = found + part.log_abs_determinant()
        return found


class LinearOperatorLowerTriangular(LinearOperator):
    """The lower triangle of a matrix [..., n, n]."""

    def __init__(
        self,
        tril: Any,
        is_non_singular: bool | None = None,
        is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None,
        is_square: bool | None = None,
        name: str = "LinearOperatorLowerTriangular",
    ) -> None:
        if is_square is False:
            raise ValueError("a triangular operator is square; is_square is False")
        self._tril = band_part(convert_to_tensor(tril), -1, 0)
        super().__init__(
            self._tril.dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=True,
            name=name,
            parameters={"tril": tril},
        )

    @property
    def tril(self) -> Tensor:
        """The lower triangle."""
        return self._tril

    def _static_shape(self) -> TensorShape:
        return self._tril.shape

    def _to_dense(self) -> Tensor:
        return self._tril

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        return matmul(self._tril, x, adjoint_a=adjoint)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        matrix, rhs = broadcast_batches(self._tril, rhs)
        return la.triangular_solve(matrix, rhs, lower=True, adjoint=adjoint)

    def _diag_part(self) -> Tensor:
        return diag_part(self._tril)

    def _determinant(self) -> Tensor:
        return get("Prod")(self._diag_part(), [-1])

    def _log_abs_determinant(self) -> Tensor:
        return get("Sum")(logarithm_of_size(self._diag_part()), [-1])

    def _eigvals(self) -> Tensor:
        return self._diag_part()


def _factor(operator: LinearOperator) -> LinearOperator:
    return LinearOperatorLowerTriangular(cholesky(operator.to_dense()), is_non_singular=True, is_self_adjoint=False, is_square=True)


RELATIVES.update(adjoint=LinearOperatorAdjoint, inverse=LinearOperatorInversion, cholesky=_factor, product=product)
