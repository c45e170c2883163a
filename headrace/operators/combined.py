"""Operators on blocks: on the diagonal, below it, and Kronecker products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core.shapes import TensorShape, broadcast_static_shape
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.operators.base import LinearOperator
from headrace.operators.batches import common_dtype
from headrace.operators.hints import implied

Flag = bool | None


def _all_known(parts: Sequence[LinearOperator], hint: str) -> bool | None:
    return True if all(getattr(part, hint) for part in parts) else None


def _batch(parts: Sequence[LinearOperator]) -> TensorShape:
    found = parts[0].batch_shape
    for part in parts[1:]:
        found = broadcast_static_shape(found, part.batch_shape)
    return found


def _total(sizes: Sequence[int | None]) -> int | None:
    return None if None in sizes else sum(sizes)  # type: ignore[arg-type]


def _joined(rows: Sequence[Tensor]) -> Tensor:
    """Blocks below one another; their batches are made equal first."""
    shapes = [row.shape[:-2] for row in rows]
    if any(shape != shapes[0] for shape in shapes):
        zeros: Any = 0
        for row in rows:
            zeros = zeros + get("Sum")(get("ZerosLike")(row), [-2], keep_dims=True)
        rows = [row + zeros for row in rows]
    return get("ConcatV2")(list(rows), -2 + len(rows[0].shape))


def _pieces(x: Tensor, parts: Sequence[LinearOperator], *, rows: bool) -> list[Tensor]:
    sizes = [part.range_dimension if rows else part.domain_dimension for part in parts]
    dynamic = [part.range_dimension_tensor() if rows else part.domain_dimension_tensor() for part in parts]
    lengths = sizes if None not in sizes else get("Pack")(dynamic)
    return list(get("SplitV").all(x, lengths, len(x.shape) - 2, num_split=len(parts)))


class LinearOperatorBlockDiag(LinearOperator):
    """Operators along the diagonal, zeros elsewhere."""

    def __init__(
        self,
        operators: Sequence[LinearOperator],
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = True,
        name: str | None = None,
    ) -> None:
        parts = list(operators)
        super().__init__(
            common_dtype(parts),
            is_non_singular=implied(is_non_singular, _all_known(parts, "is_non_singular"), "is_non_singular"),
            is_self_adjoint=implied(is_self_adjoint, _all_known(parts, "is_self_adjoint"), "is_self_adjoint"),
            is_positive_definite=implied(is_positive_definite, _all_known(parts, "is_positive_definite"), "is_positive_definite"),
            is_square=is_square if all(part.is_square is not False for part in parts) else None,
            name=name or "_ds_".join(part.name for part in parts),
            parameters={"operators": parts},
        )
        self._operators = parts

    @property
    def operators(self) -> list[LinearOperator]:
        """The operators."""
        return list(self._operators)

    def _static_shape(self) -> TensorShape:
        rows = _total([part.range_dimension for part in self._operators])
        columns = _total([part.domain_dimension for part in self._operators])
        return _batch(self._operators).concatenate([rows, columns])

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        pieces = _pieces(x, self._operators, rows=adjoint)
        return _joined([part._matmul(piece, adjoint) for part, piece in zip(self._operators, pieces, strict=True)])

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        pieces = _pieces(rhs, self._operators, rows=True)
        return _joined([part._solve(piece, adjoint) for part, piece in zip(self._operators, pieces, strict=True)])

    def _over_parts(self, values: Sequence[Tensor], combine: str) -> Tensor:
        found = values[0]
        for value in values[1:]:
            found = get(combine)(found, value)
        return found

    def _determinant(self) -> Tensor:
        return self._over_parts([part.determinant() for part in self._operators], "Mul")

    def _log_abs_determinant(self) -> Tensor:
        return self._over_parts([part.log_abs_determinant() for part in self._operators], "AddV2")

    def _trace(self) -> Tensor:
        return self._over_parts([part.trace() for part in self._operators], "AddV2")

    def _in_order(self, values: Sequence[Tensor]) -> Tensor:
        columns = [get("ExpandDims")(value, -1) for value in values]
        return get("Squeeze")(_joined(columns), squeeze_dims=[-1])

    def _diag_part(self) -> Tensor:
        if any(part.is_square is False for part in self._operators):
            return super()._diag_part()
        return self._in_order([part.diag_part() for part in self._operators])

    def _eigvals(self) -> Tensor:
        return self._in_order([part.eigvals() for part in self._operators])

    def _hints_kept(self) -> dict[str, Any]:
        return {
            "is_non_singular": self.is_non_singular,
            "is_self_adjoint": self.is_self_adjoint,
            "is_positive_definite": self.is_positive_definite,
        }

    def _adjoint_operator(self) -> LinearOperator:
        return LinearOperatorBlockDiag([part.adjoint() for part in self._operators], **self._hints_kept())

    def _inverse_operator(self) -> LinearOperator:
        return LinearOperatorBlockDiag(
            [part.inverse() for part in self._operators], **self._hints_kept() | {"is_non_singular": True}
        )

    def _cholesky_operator(self) -> LinearOperator:
        return LinearOperatorBlockDiag([part.cholesky() for part in self._operators], is_non_singular=True, is_square=True)

    def _product(self, right: LinearOperator) -> LinearOperator | None:
        if not isinstance(right, LinearOperatorBlockDiag) or len(right.operators) != len(self._operators):
            return None
        pairs = list(zip(self._operators, right.operators, strict=True))
        if any(left.domain_dimension != other.range_dimension for left, other in pairs):
            return None
        return LinearOperatorBlockDiag([left.matmul(other) for left, other in pairs])


class LinearOperatorBlockLowerTriangular(LinearOperator):
    """Rows of operators, row i of i + 1 blocks, the last of which stands on the diagonal; zeros above."""

    def __init__(
        self,
        operators: Sequence[Sequence[LinearOperator]],
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = None,
        name: str = "LinearOperatorBlockLowerTriangular",
    ) -> None:
        rows = [list(row) for row in operators]
        if not rows or any(len(row) != i + 1 for i, row in enumerate(rows)):
            raise ValueError(f"row i must have i + 1 operators; got rows of {[len(row) for row in rows]}")
        diagonal = [row[-1] for row in rows]
        super().__init__(
            common_dtype([part for row in rows for part in row]),
            is_non_singular=implied(is_non_singular, _all_known(diagonal, "is_non_singular"), "is_non_singular"),
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=True if is_square is None and all(part.is_square for part in diagonal) else is_square,
            name=name,
            parameters={"operators": rows},
        )
        self._rows, self._diagonal = rows, diagonal

    @property
    def operators(self) -> list[list[LinearOperator]]:
        """The rows of operators."""
        return [list(row) for row in self._rows]

    def _static_shape(self) -> TensorShape:
        rows = _total([part.range_dimension for part in self._diagonal])
        columns = _total([part.domain_dimension for part in self._diagonal])
        return _batch([part for row in self._rows for part in row]).concatenate([rows, columns])

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        pieces = _pieces(x, self._diagonal, rows=adjoint)
        size = len(self._rows)
        results = []
        for i in range(size):
            places = [(j, i) for j in range(i, size)] if adjoint else [(i, j) for j in range(i + 1)]
            terms = [self._rows[a][b]._matmul(pieces[a if adjoint else b], adjoint) for a, b in places]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            results.append(total)
        return _joined(results)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        pieces = _pieces(rhs, self._diagonal, rows=True)
        size = len(self._rows)
        found: dict[int, Tensor] = {}
        for i in reversed(range(size)) if adjoint else range(size):
            rest = pieces[i]
            for j, known in found.items():
                part = self._rows[j][i] if adjoint else self._rows[i][j]
                rest = rest - part._matmul(known, adjoint)
            found[i] = self._rows[i][i]._solve(rest, adjoint)
        return _joined([found[i] for i in range(size)])

    def _determinant(self) -> Tensor:
        found = self._diagonal[0].determinant()
        for part in self._diagonal[1:]:
            found = found * part.determinant()
        return found

    def _log_abs_determinant(self) -> Tensor:
        found = self._diagonal[0].log_abs_determinant()
        for part in self._diagonal[1:]:
            found = found + part.log_abs_determinant()
        return found

    def _eigvals(self) -> Tensor:
        columns = [get("ExpandDims")(part.eigvals(), -1) for part in self._diagonal]
        return get("Squeeze")(_joined(columns), squeeze_dims=[-1])


class LinearOperatorKronecker(LinearOperator):
    """The Kronecker product of operators."""

    def __init__(
        self,
        operators: Sequence[LinearOperator],
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = None,
        name: str | None = None,
    ) -> None:
        parts = list(operators)
        super().__init__(
            common_dtype(parts),
            is_non_singular=implied(is_non_singular, _all_known(parts, "is_non_singular"), "is_non_singular"),
            is_self_adjoint=implied(is_self_adjoint, _all_known(parts, "is_self_adjoint"), "is_self_adjoint"),
            is_positive_definite=implied(is_positive_definite, _all_known(parts, "is_positive_definite"), "is_positive_definite"),
            is_square=True if is_square is None and all(part.is_square for part in parts) else is_square,
            name=name or "_x_".join(part.name for part in parts),
            parameters={"operators": parts},
        )
        self._operators = parts

    @property
    def operators(self) -> list[LinearOperator]:
        """The operators."""
        return list(self._operators)

    def _static_shape(self) -> TensorShape:
        rows, columns = 1, 1
        for part in self._operators:
            rows = None if None in (rows, part.range_dimension) else rows * part.range_dimension  # type: ignore[assignment,operator]
            columns = None if None in (columns, part.domain_dimension) else columns * part.domain_dimension  # type: ignore[assignment,operator]
        return _batch(self._operators).concatenate([rows, columns])

    def _one_by_one(self, x: Tensor, apply: Any) -> Tensor:
        """Applies each operator to its own factor of the rows, which is brought to the front for it."""
        # Rows hold the factors in order: the first is taken off the front, changed, and put behind the others.
        columns = get("Shape")(x)[-1:]
        for part in self._operators:
            batch = get("Shape")(x)[:-2]
            size = get("Reshape")(part.domain_dimension_tensor(), [1])
            wide = get("Reshape")(x, get("ConcatV2")([batch, size, [-1]], 0))
            changed = apply(part, wide)
            batch, rows = get("Shape")(changed)[:-2], get("Shape")(changed)[-2:-1]
            apart = get("Reshape")(changed, get("ConcatV2")([batch, rows, [-1], columns], 0))
            rank = len(changed.shape) - 2
            turned = get("Transpose")(apart, [*range(rank), rank + 1, rank, rank + 2])
            x = get("Reshape")(turned, get("ConcatV2")([batch, [-1], columns], 0))
        return x

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        if adjoint:
            return LinearOperatorKronecker([part.adjoint() for part in self._operators])._matmul(x, False)
        return self._shaped(self._one_by_one(x, lambda part, wide: part._matmul(wide, False)), x)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return self._shaped(self._one_by_one(rhs, lambda part, wide: part._solve(wide, adjoint)), rhs)

    def _shaped(self, result: Tensor, x: Tensor) -> Tensor:
        if self.shape.rank is not None and x.shape.rank is not None:
            batch = broadcast_static_shape(self.batch_shape, x.shape[:-2])
            result = get("EnsureShape")(result, shape=batch.concatenate([self.range_dimension, x.shape[-1]]))
        return result

    def _powers(self, part: LinearOperator) -> Tensor:
        """How often the determinant of one operator is a factor of the whole."""
        size = get("Cast")(self.domain_dimension_tensor(), DstT=self.dtype)
        return size / get("Cast")(part.domain_dimension_tensor(), DstT=self.dtype)

    def _determinant(self) -> Tensor:
        found: Any = 1.0
        for part in self._operators:
            found = get("Pow")(part.determinant(), self._powers(part)) * found
        return found  # type: ignore[no-any-return]

    def _log_abs_determinant(self) -> Tensor:
        found: Any = 0.0
        for part in self._operators:
            found = part.log_abs_determinant() * self._powers(part) + found
        return found  # type: ignore[no-any-return]

    def _trace(self) -> Tensor:
        found: Any = 1.0
        for part in self._operators:
            found = part.trace() * found
        return found  # type: ignore[no-any-return]

    def _products(self, values: Sequence[Tensor]) -> Tensor:
        found = values[0]
        for value in values[1:]:
            pairs = get("ExpandDims")(found, -1) * get("ExpandDims")(value, -2)
            found = get("Reshape")(pairs, get("ConcatV2")([get("Shape")(pairs)[:-2], [-1]], 0))
        return found

    def _diag_part(self) -> Tensor:
        if any(part.is_square is False for part in self._operators):
            return super()._diag_part()
        return self._products([part.diag_part() for part in self._operators])

    def _eigvals(self) -> Tensor:
        return self._products([part.eigvals() for part in self._operators])

    def _adjoint_operator(self) -> LinearOperator:
        return LinearOperatorKronecker([part.adjoint() for part in self._operators])

    def _inverse_operator(self) -> LinearOperator:
        return LinearOperatorKronecker([part.inverse() for part in self._operators], is_non_singular=True)

    def _cholesky_operator(self) -> LinearOperator:
        return LinearOperatorKronecker([part.cholesky() for part in self._operators], is_non_singular=True)
