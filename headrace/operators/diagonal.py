"""Operators that scale, reorder or drop what they are given: identity, zeros, diagonals, permutations, reflections."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.shapes import TensorShape
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.operators.base import LinearOperator
from headrace.operators.batches import logarithm_of_size
from headrace.operators.derived import LinearOperatorLowerTriangular
from headrace.operators.hints import implied
from headrace.ops.array.creation import eye, one_hot
from headrace.ops.array.diagonal import diag, diag_part, set_diag
from headrace.ops.array.gathering import gather
from headrace.ops.array.portable import get_static_value
from headrace.ops.array.sorting import argsort
from headrace.ops.linalg import functions as la
from headrace.ops.math.contraction import matmul
from headrace.ops.math.elementwise import conj

Flag = bool | None


def _static(value: Any) -> int | None:
    known = get_static_value(convert_to_tensor(value))
    return None if known is None else int(known)


def _static_batch(batch_shape: Any) -> TensorShape:
    if batch_shape is None:
        return TensorShape([])
    known = get_static_value(convert_to_tensor(batch_shape, dtypes.int32))
    return TensorShape(None) if known is None else TensorShape([int(d) for d in known])


def _broadcast_to_batch(x: Tensor, operator: LinearOperator) -> Tensor:
    if operator.batch_shape.rank == 0:
        return x
    zeros = get("Fill")(get("ConcatV2")([operator.batch_shape_tensor(), np.ones(2, np.int32)], 0), get("Cast")(0, DstT=x.dtype))
    return x + zeros


class LinearOperatorDiag(LinearOperator):
    """The matrix with `diag` [..., n] on its diagonal."""

    def __init__(
        self,
        diag: Any,
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = None,
        name: str = "LinearOperatorDiag",
    ) -> None:
        self._diag = convert_to_tensor(diag)
        real = not self._diag.dtype.is_complex
        if is_square is False:
            raise ValueError("a diagonal operator is square; is_square is False")
        super().__init__(
            self._diag.dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=implied(is_self_adjoint, True if real else None, "is_self_adjoint"),
            is_positive_definite=is_positive_definite,
            is_square=True,
            name=name,
            parameters={"diag": diag},
        )

    @property
    def diag(self) -> Tensor:
        """The diagonal."""
        return self._diag

    def _static_shape(self) -> TensorShape:
        return self._diag.shape.concatenate([self._diag.shape[-1]])

    def _dynamic_shape(self) -> Tensor:
        shape = get("Shape")(self._diag)
        return get("ConcatV2")([shape, shape[-1:]], 0)

    def _factors(self, adjoint: bool) -> Tensor:
        return get("ExpandDims")(conj(self._diag) if adjoint else self._diag, -1)

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        return self._factors(adjoint) * x

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return rhs / self._factors(adjoint)

    def _to_dense(self) -> Tensor:
        return diag(self._diag)

    def _diag_part(self) -> Tensor:
        return self._diag

    def add_to_tensor(self, x: Any, name: str = "add_to_tensor") -> Tensor:
        """The matrix plus a tensor."""
        tensor = convert_to_tensor(x, self.dtype)
        return set_diag(tensor, diag_part(tensor) + self._diag) if self.batch_shape.rank == 0 else self._to_dense() + tensor

    def _determinant(self) -> Tensor:
        return get("Prod")(self._diag, [-1])

    def _log_abs_determinant(self) -> Tensor:
        return get("Sum")(logarithm_of_size(self._diag), [-1])

    def _eigvals(self) -> Tensor:
        return self._diag

    def cond(self, name: str = "cond") -> Tensor:
        """The greatest size on the diagonal over the least."""
        sizes = get("ComplexAbs")(self._diag, Tout=self.dtype.real_dtype) if self.dtype.is_complex else get("Abs")(self._diag)
        return get("Cast")(get("Max")(sizes, [-1]) / get("Min")(sizes, [-1]), DstT=self.dtype)

    def _adjoint_operator(self) -> LinearOperator:
        return LinearOperatorDiag(
            conj(self._diag), is_non_singular=self.is_non_singular, is_positive_definite=self.is_positive_definite, is_square=True
        )

    def _inverse_operator(self) -> LinearOperator:
        return LinearOperatorDiag(
            1.0 / self._diag,
            is_non_singular=True,
            is_self_adjoint=self.is_self_adjoint,
            is_positive_definite=self.is_positive_definite,
            is_square=True,
        )

    def _cholesky_operator(self) -> LinearOperator:
        return LinearOperatorDiag(get("Sqrt")(self._diag), is_non_singular=True, is_positive_definite=True, is_square=True)

    def _product(self, right: LinearOperator) -> LinearOperator | None:
        if isinstance(right, LinearOperatorDiag | LinearOperatorScaledIdentity):
            return LinearOperatorDiag(self._diag * right.diag_part(), is_square=True)
        if isinstance(right, LinearOperatorLowerTriangular):
            return LinearOperatorLowerTriangular(self._factors(False) * right.to_dense())
        return None

    def _product_from_right(self, left: LinearOperator) -> LinearOperator | None:
        if isinstance(left, LinearOperatorLowerTriangular):
            return LinearOperatorLowerTriangular(left.to_dense() * get("ExpandDims")(self._diag, -2))
        return None


class LinearOperatorScaledIdentity(LinearOperator):
    """The identity of `num_rows` times `multiplier` [...]."""

    def __init__(
        self,
        num_rows: Any,
        multiplier: Any,
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = True,
        assert_proper_shapes: bool = False,
        name: str = "LinearOperatorScaledIdentity",
    ) -> None:
        self._multiplier = convert_to_tensor(multiplier)
        if is_square is False:
            raise ValueError("an identity is square; is_square is False")
        super().__init__(
            self._multiplier.dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=implied(is_self_adjoint, None if self._multiplier.dtype.is_complex else True, "is_self_adjoint"),
            is_positive_definite=is_positive_definite,
            is_square=True,
            name=name,
            parameters={"num_rows": num_rows, "multiplier": multiplier},
        )
        self._rows = num_rows

    @property
    def multiplier(self) -> Tensor:
        """What the identity is multiplied by."""
        return self._multiplier

    def _static_shape(self) -> TensorShape:
        rows = _static(self._rows)
        return self._multiplier.shape.concatenate([rows, rows])

    def _dynamic_shape(self) -> Tensor:
        rows = get("Reshape")(get("Cast")(self._rows, DstT=dtypes.int32), [1])
        return get("ConcatV2")([get("Shape")(self._multiplier), rows, rows], 0)

    def _factor(self, adjoint: bool) -> Tensor:
        value = conj(self._multiplier) if adjoint else self._multiplier
        return get("ExpandDims")(get("ExpandDims")(value, -1), -1)

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        return x * self._factor(adjoint)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return rhs / self._factor(adjoint)

    def _diag_part(self) -> Tensor:
        ones = get("Fill")(get("Reshape")(self.domain_dimension_tensor(), [1]), get("Cast")(1, DstT=self.dtype))
        return get("ExpandDims")(self._multiplier, -1) * ones

    def _trace(self) -> Tensor:
        return get("Cast")(self.domain_dimension_tensor(), DstT=self.dtype) * self._multiplier

    def _determinant(self) -> Tensor:
        return get("Pow")(self._multiplier, get("Cast")(self.domain_dimension_tensor(), DstT=self.dtype))

    def _log_abs_determinant(self) -> Tensor:
        return get("Cast")(self.domain_dimension_tensor(), DstT=self.dtype) * logarithm_of_size(self._multiplier)

    def _eigvals(self) -> Tensor:
        return self._diag_part()

    def cond(self, name: str = "cond") -> Tensor:
        """1, or NaN for the factor 0."""
        return self._multiplier / self._multiplier

    def _scaled(self, multiplier: Tensor, right: LinearOperator | None = None) -> LinearOperator:
        same = right is None
        return LinearOperatorScaledIdentity(
            self._rows,
            multiplier,
            is_non_singular=self.is_non_singular if same else None,
            is_positive_definite=self.is_positive_definite if same else None,
        )

    def _adjoint_operator(self) -> LinearOperator:
        return self._scaled(conj(self._multiplier))

    def _inverse_operator(self) -> LinearOperator:
        return self._scaled(1.0 / self._multiplier)

    def _cholesky_operator(self) -> LinearOperator:
        return self._scaled(get("Sqrt")(self._multiplier))

    def _product(self, right: LinearOperator) -> LinearOperator | None:
        if isinstance(right, LinearOperatorScaledIdentity):
            return self._scaled(self._multiplier * right.multiplier, right)
        if isinstance(right, LinearOperatorDiag):
            return LinearOperatorDiag(self.diag_part() * right.diag, is_square=True)
        return None


class LinearOperatorIdentity(LinearOperator):
    """The identity of `num_rows`, in a batch of shape `batch_shape`."""

    def __init__(
        self,
        num_rows: Any,
        batch_shape: Any = None,
        dtype: Any = None,
        is_non_singular: Flag = True,
        is_self_adjoint: Flag = True,
        is_positive_definite: Flag = True,
        is_square: Flag = True,
        assert_proper_shapes: bool = False,
        name: str = "LinearOperatorIdentity",
    ) -> None:
        if not (is_self_adjoint and is_non_singular and is_positive_definite):
            raise ValueError("an identity operator is always self-adjoint, not singular and positive definite")
        super().__init__(
            dtype or dtypes.float32,
            is_non_singular=True,
            is_self_adjoint=True,
            is_positive_definite=True,
            is_square=implied(is_square, True, "is_square"),
            name=name,
            parameters={"num_rows": num_rows, "batch_shape": batch_shape},
        )
        self._rows, self._batch = num_rows, batch_shape

    def _static_shape(self) -> TensorShape:
        rows = _static(self._rows)
        return _static_batch(self._batch).concatenate([rows, rows])

    def _dynamic_shape(self) -> Tensor:
        rows = get("Reshape")(get("Cast")(self._rows, DstT=dtypes.int32), [1])
        batch = np.zeros(0, np.int32) if self._batch is None else get("Cast")(self._batch, DstT=dtypes.int32)
        return get("ConcatV2")([batch, rows, rows], 0)

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        return _broadcast_to_batch(x, self)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return _broadcast_to_batch(rhs, self)

    def _to_dense(self) -> Tensor:
        return _broadcast_to_batch(eye(self._rows, dtype=self.dtype), self)

    def _ones(self, shape: Tensor) -> Tensor:
        return get("Fill")(shape, get("Cast")(1, DstT=self.dtype))

    def _diag_part(self) -> Tensor:
        return self._ones(self.shape_tensor()[:-1])

    def _trace(self) -> Tensor:
        return self._ones(self.batch_shape_tensor()) * get("Cast")(self.domain_dimension_tensor(), DstT=self.dtype)

    def _determinant(self) -> Tensor:
        return self._ones(self.batch_shape_tensor())

    def _log_abs_determinant(self) -> Tensor:
        return get("ZerosLike")(self._ones(self.batch_shape_tensor()))

    def _eigvals(self) -> Tensor:
        return self._diag_part()

    def cond(self, name: str = "cond") -> Tensor:
        """1."""
        return self._ones(self.batch_shape_tensor())

    def _inverse_operator(self) -> LinearOperator:
        return self

    def _cholesky_operator(self) -> LinearOperator:
        return self

    def _product(self, right: LinearOperator) -> LinearOperator | None:
        return right

    def _product_from_right(self, left: LinearOperator) -> LinearOperator | None:
        return left


class LinearOperatorZeros(LinearOperator):
    """A matrix of zeros, in a batch of shape `batch_shape`."""

    def __init__(
        self,
        num_rows: Any,
        num_columns: Any = None,
        batch_shape: Any = None,
        dtype: Any = None,
        is_non_singular: Flag = False,
        is_self_adjoint: Flag = True,
        is_positive_definite: Flag = False,
        is_square: Flag = True,
        assert_proper_shapes: bool = False,
        name: str = "LinearOperatorZeros",
    ) -> None:
        if is_non_singular or is_positive_definite:
            raise ValueError("a zero operator is singular and never positive definite")
        super().__init__(
            dtype or dtypes.float32,
            is_non_singular=False,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=False,
            is_square=is_square,
            name=name,
            parameters={"num_rows": num_rows, "num_columns": num_columns, "batch_shape": batch_shape},
        )
        self._rows, self._columns, self._batch = num_rows, num_rows if num_columns is None else num_columns, batch_shape

    def _static_shape(self) -> TensorShape:
        return _static_batch(self._batch).concatenate([_static(self._rows), _static(self._columns)])

    def _dynamic_shape(self) -> Tensor:
        sizes = [get("Reshape")(get("Cast")(size, DstT=dtypes.int32), [1]) for size in (self._rows, self._columns)]
        batch = np.zeros(0, np.int32) if self._batch is None else get("Cast")(self._batch, DstT=dtypes.int32)
        return get("ConcatV2")([batch, *sizes], 0)

    def _to_dense(self) -> Tensor:
        return get("Fill")(self.shape_tensor(), get("Cast")(0, DstT=self.dtype))

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        shape = get("Shape")(x)
        rows = self.domain_dimension_tensor() if adjoint else self.range_dimension_tensor()
        zeros = get("Fill")(get("ConcatV2")([shape[:-2], [rows], shape[-1:]], 0), get("Cast")(0, DstT=self.dtype))
        return _broadcast_to_batch(zeros, self)

    def _determinant(self) -> Tensor:
        return get("Fill")(self.batch_shape_tensor(), get("Cast")(0, DstT=self.dtype))

    def _trace(self) -> Tensor:
        return self._determinant()

    def _eigvals(self) -> Tensor:
        return self._diag_part()

    def _product(self, right: LinearOperator) -> LinearOperator | None:
        return self if right.is_square or right.is_square is None else None

    def _product_from_right(self, left: LinearOperator) -> LinearOperator | None:
        return self if left.is_square or left.is_square is None else None


class LinearOperatorPermutation(LinearOperator):
    """The matrix that puts row perm[i] into place i; `perm` [..., n] holds the numbers 0 to n - 1."""

    def __init__(
        self,
        perm: Any,
        dtype: Any = dtypes.float32,
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = None,
        name: str = "LinearOperatorPermutation",
    ) -> None:
        self._perm = convert_to_tensor(perm)
        if not self._perm.dtype.is_integer:
            raise TypeError(f"perm must hold integers; got {self._perm.dtype.name}")
        if is_non_singular is False or is_square is False:
            raise ValueError("a permutation is square and has an inverse")
        super().__init__(
            dtype, None, is_non_singular, is_self_adjoint, is_positive_definite, True, name, {"perm": perm, "dtype": dtype}
        )

    @property
    def perm(self) -> Tensor:
        """The row that comes into each place."""
        return self._perm

    def _static_shape(self) -> TensorShape:
        return self._perm.shape.concatenate([self._perm.shape[-1]])

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        order = argsort(self._perm) if adjoint and not self.is_self_adjoint else self._perm
        if order.shape.rank == 1:
            return gather(x, order, axis=-2)
        return matmul(one_hot(order, self._perm.shape[-1], dtype=self.dtype), x)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return self._matmul(rhs, not adjoint)

    def _to_dense(self) -> Tensor:
        return one_hot(self._perm, self.domain_dimension_tensor(), dtype=self.dtype)

    def _log_abs_determinant(self) -> Tensor:
        return get("ZerosLike")(super()._log_abs_determinant())


class LinearOperatorHouseholder(LinearOperator):
    """The reflection in the plane to which `reflection_axis` [..., n] is normal."""

    def __init__(
        self,
        reflection_axis: Any,
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = None,
        name: str = "LinearOperatorHouseholder",
    ) -> None:
        self._axis = convert_to_tensor(reflection_axis)
        if is_non_singular is False or is_square is False or is_positive_definite or is_self_adjoint is False:
            raise ValueError("a reflection is square, self-adjoint, not singular and not positive definite")
        super().__init__(self._axis.dtype, None, is_non_singular, True, False, True, name, {"reflection_axis": reflection_axis})

    @property
    def reflection_axis(self) -> Tensor:
        """The normal of the plane."""
        return self._axis

    def _static_shape(self) -> TensorShape:
        return self._axis.shape.concatenate([self._axis.shape[-1]])

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        normal = get("ExpandDims")(self._axis / la.norm(self._axis, axis=-1, keepdims=True), -1)
        return x - 2.0 * normal * get("Sum")(conj(normal) * x, [-2], keep_dims=True)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return self._matmul(rhs, adjoint)

    def _determinant(self) -> Tensor:
        return get("Fill")(self.batch_shape_tensor(), get("Cast")(-1, DstT=self.dtype))

    def _log_abs_determinant(self) -> Tensor:
        return get("Fill")(self.batch_shape_tensor(), get("Cast")(0, DstT=self.dtype))

    def _trace(self) -> Tensor:
        size = get("Cast")(self.domain_dimension_tensor(), DstT=self.dtype) - 2.0
        return get("Fill")(self.batch_shape_tensor(), size)

    def _eigvals(self) -> Tensor:
        ones = get("OnesLike")(self._axis)
        return get("ConcatV2")([-ones[..., :1], ones[..., 1:]], -1)

    def cond(self, name: str = "cond") -> Tensor:
        """1."""
        return get("Fill")(self.batch_shape_tensor(), get("Cast")(1, DstT=self.dtype))

    def _inverse_operator(self) -> LinearOperator:
        return self
