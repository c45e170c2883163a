"""LinearOperator: a matrix, or a batch of them, known by what it does; and operators made of other ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core.dtypes import DType, as_dtype
from headrace.core.shapes import TensorShape, broadcast_static_shape
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.operators.batches import broadcast_batches, check_rows, every_axis
from headrace.operators.hints import Hints
from headrace.ops.array.creation import eye
from headrace.ops.array.diagonal import band_part, diag_part
from headrace.ops.host.assertions import assert_true
from headrace.ops.linalg import functions as la
from headrace.ops.linalg.decompositions import cholesky
from headrace.ops.math.contraction import matmul
from headrace.ops.math.elementwise import conj
from headrace.state.module import Module

RELATIVES: dict[str, Callable[..., LinearOperator]] = {}
"""How operators are made of others where their classes know nothing better: adjoint, inverse, cholesky, product."""


class LinearOperator(Module):
    """Base of linear operators, which act on matrices [..., n, r] as a matrix [..., m, n] would.

    A subclass gives `_static_shape` and `_matmul`, and whatever else it does better than by its dense form.

    Args:
        dtype: of the elements.
        graph_parents: without effect.
        is_non_singular, is_self_adjoint, is_positive_definite, is_square: what the caller knows; None for nothing.
        name: for people.
        parameters: what the operator was made of.

    Raises:
        ValueError: the hints contradict each other.
    """

    def __init__(
        self,
        dtype: Any,
        graph_parents: Any = None,
        is_non_singular: bool | None = None,
        is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None,
        is_square: bool | None = None,
        name: str | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(None)
        self._hints = Hints.checked(is_non_singular, is_self_adjoint, is_positive_definite, is_square)
        self._dtype = as_dtype(dtype)
        self._operator_name = name or type(self).__name__
        self._parameters = dict(parameters or {})

    # What subclasses give.

    def _static_shape(self) -> TensorShape:
        raise NotImplementedError(f"{type(self).__name__} must say its shape")

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must say what it does to a matrix")

    def _dynamic_shape(self) -> Tensor:
        return get("Shape")(self.to_dense())

    def _to_dense(self) -> Tensor:
        width = self.domain_dimension
        return self._matmul(eye(self.domain_dimension_tensor() if width is None else width, dtype=self.dtype), False)

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        dense, rhs = broadcast_batches(self.to_dense(), rhs)
        return la.solve(dense, rhs, adjoint=adjoint)

    def _determinant(self) -> Tensor:
        return la.det(self.to_dense())

    def _log_abs_determinant(self) -> Tensor:
        return la.slogdet(self.to_dense()).log_abs_determinant

    def _diag_part(self) -> Tensor:
        return diag_part(self.to_dense())

    def _trace(self) -> Tensor:
        return get("Sum")(self.diag_part(), [-1])

    def _eigvals(self) -> Tensor:
        return la.eigvalsh(self.to_dense()) if self.is_self_adjoint else la.eigvals(self.to_dense())

    def _adjoint_operator(self) -> LinearOperator:
        return RELATIVES["adjoint"](self)

    def _inverse_operator(self) -> LinearOperator:
        return RELATIVES["inverse"](self)

    def _cholesky_operator(self) -> LinearOperator:
        return RELATIVES["cholesky"](self)

    def _product(self, right: LinearOperator) -> LinearOperator | None:
        """This operator after `right` in a form better than a composition, or None."""
        return None

    def _product_from_right(self, left: LinearOperator) -> LinearOperator | None:
        """This operator before `left` in a form better than a composition, or None."""
        return None

    # Shapes.

    @property
    def name(self) -> str:
        """The operator's name."""
        return self._operator_name

    @property
    def parameters(self) -> dict[str, Any]:
        """What the operator was made of."""
        return dict(self._parameters)

    @property
    def graph_parents(self) -> list[Any]:
        """Nothing: kept for TensorFlow's interface."""
        return []

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._dtype

    @property
    def shape(self) -> TensorShape:
        """The static shape [..., m, n]."""
        return self._static_shape()

    @property
    def batch_shape(self) -> TensorShape:
        """The static shape without the last two dimensions."""
        return self.shape[:-2]

    @property
    def tensor_rank(self) -> int | None:
        """The number of dimensions."""
        return self.shape.rank

    @property
    def domain_dimension(self) -> int | None:
        """n, None where unknown."""
        return self.shape[-1] if self.shape.rank is not None else None

    @property
    def range_dimension(self) -> int | None:
        """m, None where unknown."""
        return self.shape[-2] if self.shape.rank is not None else None

    def shape_tensor(self, name: str = "shape_tensor") -> Tensor:
        """The shape, int32."""
        if self.shape.is_fully_defined():
            return convert_to_tensor(np.array(self.shape.concrete(), np.int32))
        return self._dynamic_shape()

    def batch_shape_tensor(self, name: str = "batch_shape_tensor") -> Tensor:
        """The shape without the last two dimensions, int32."""
        return self.shape_tensor()[:-2]

    def tensor_rank_tensor(self, name: str = "tensor_rank_tensor") -> Tensor:
        """The number of dimensions, int32."""
        return get("Size")(self.shape_tensor())

    def domain_dimension_tensor(self, name: str = "domain_dimension_tensor") -> Tensor:
        """n, int32."""
        return self.shape_tensor()[-1]

    def range_dimension_tensor(self, name: str = "range_dimension_tensor") -> Tensor:
        """m, int32."""
        return self.shape_tensor()[-2]

    # Hints.

    @property
    def is_non_singular(self) -> bool | None:
        """Whether it has an inverse, None where nobody said."""
        return self._hints.non_singular

    @property
    def is_self_adjoint(self) -> bool | None:
        """Whether it equals its conjugate transpose, None where nobody said."""
        return self._hints.self_adjoint

    @property
    def is_positive_definite(self) -> bool | None:
        """Whether x^H A x has a positive real part for every x, None where nobody said."""
        return self._hints.positive_definite

    @property
    def is_square(self) -> bool | None:
        """Whether m = n, None where it is not known."""
        if self._hints.square is not None:
            return self._hints.square
        rows, columns = self.range_dimension, self.domain_dimension
        return None if rows is None or columns is None else rows == columns

    # What it does.

    def matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str = "matmul") -> Any:
        """The product with a matrix [..., n, r], or with another operator.

        Args:
            x: a tensor, or an operator.
            adjoint: takes the conjugate transpose of this operator first.
            adjoint_arg: takes the conjugate transpose of x first.
            name: without effect.

        Raises:
            ValueError: the dimensions do not fit.
        """
        if isinstance(x, LinearOperator):
            left = self.adjoint() if adjoint else self
            return RELATIVES["product"](left, x.adjoint() if adjoint_arg else x)
        tensor = convert_to_tensor(x, self.dtype)
        tensor = la.adjoint(tensor) if adjoint_arg else tensor
        check_rows(self.shape, tensor, self.range_dimension if adjoint else self.domain_dimension)
        return self._matmul(tensor, adjoint)

    def matvec(self, x: Any, adjoint: bool = False, name: str = "matvec") -> Tensor:
        """The product with a vector [..., n]."""
        column = get("ExpandDims")(convert_to_tensor(x, self.dtype), -1)
        return get("Squeeze")(self.matmul(column, adjoint=adjoint), squeeze_dims=[-1])

    def __matmul__(self, other: Any) -> Any:
        return self.matmul(other)

    def solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str = "solve") -> Any:
        """x with A x = rhs, for a matrix [..., n, r] or an operator.

        Raises:
            NotImplementedError: it is known to have no inverse, or not to be square.
            ValueError: the dimensions do not fit.
        """
        self._check_invertible("solve")
        if isinstance(rhs, LinearOperator):
            left = self.adjoint() if adjoint else self
            return RELATIVES["product"](left.inverse(), rhs.adjoint() if adjoint_arg else rhs)
        tensor = convert_to_tensor(rhs, self.dtype)
        tensor = la.adjoint(tensor) if adjoint_arg else tensor
        check_rows(self.shape, tensor, self.range_dimension)
        return self._solve(tensor, adjoint)

    def solvevec(self, rhs: Any, adjoint: bool = False, name: str = "solve") -> Tensor:
        """x with A x = rhs, for a vector [..., n]."""
        column = get("ExpandDims")(convert_to_tensor(rhs, self.dtype), -1)
        return get("Squeeze")(self.solve(column, adjoint=adjoint), squeeze_dims=[-1])

    def to_dense(self, name: str = "to_dense") -> Tensor:
        """The matrix."""
        return self._to_dense()

    def diag_part(self, name: str = "diag_part") -> Tensor:
        """The main diagonal."""
        return self._diag_part()

    def trace(self, name: str = "trace") -> Tensor:
        """The sum of the main diagonal."""
        return self._trace()

    def add_to_tensor(self, x: Any, name: str = "add_to_tensor") -> Tensor:
        """The matrix plus a tensor."""
        return self.to_dense() + convert_to_tensor(x, self.dtype)

    def determinant(self, name: str = "det") -> Tensor:
        """The determinant.

        Raises:
            NotImplementedError: it is known not to be square.
        """
        self._check_square("determinant")
        return self._determinant()

    def log_abs_determinant(self, name: str = "log_abs_det") -> Tensor:
        """The logarithm of the absolute value of the determinant.

        Raises:
            NotImplementedError: it is known not to be square.
        """
        self._check_square("log_abs_determinant")
        return self._log_abs_determinant()

    def eigvals(self, name: str = "eigvals") -> Tensor:
        """The eigenvalues.

        Raises:
            NotImplementedError: it is known not to be square.
        """
        self._check_square("eigvals")
        return self._eigvals()

    def cond(self, name: str = "cond") -> Tensor:
        """The greatest singular value over the least."""
        values = la.svd(self.to_dense(), compute_uv=False)
        return get("Max")(values, [-1]) / get("Min")(values, [-1])

    @property
    def H(self) -> LinearOperator:
        """The conjugate transpose."""
        return self.adjoint()

    def adjoint(self, name: str = "adjoint") -> LinearOperator:
        """The conjugate transpose, as an operator."""
        return self if self.is_self_adjoint else self._adjoint_operator()

    def inverse(self, name: str = "inverse") -> LinearOperator:
        """The inverse, as an operator.

        Raises:
            ValueError: it is known to have none, or not to be square.
        """
        if self.is_square is False:
            raise ValueError("an operator that is not square has no inverse")
        if self.is_non_singular is False:
            raise ValueError("the operator was said to be singular (is_non_singular=False), so it has no inverse")
        return self._inverse_operator()

    def cholesky(self, name: str = "cholesky") -> LinearOperator:
        """The lower triangular operator L with L L^H = A.

        Raises:
            ValueError: it is not known to be positive definite and self-adjoint.
        """
        if not (self.is_positive_definite and self.is_self_adjoint):
            raise ValueError("a Cholesky factor needs an operator made with is_positive_definite=True and is_self_adjoint=True")
        return self._cholesky_operator()

    def assert_non_singular(self, name: str = "assert_non_singular") -> None:
        """Checks that the condition number is one that the dtype can stand.

        Raises:
            InvalidArgumentError: it is not; in a graph, when that runs.
        """
        limit = 1 / np.finfo(self.dtype.real_dtype.np_dtype).eps
        assert_true(get("All")(self.cond() < limit, every_axis(self.batch_shape)), ["singular matrix up to precision epsilon"])

    def assert_positive_definite(self, name: str = "assert_positive_definite") -> None:
        """Checks that the eigenvalues of the self-adjoint part are positive.

        Raises:
            InvalidArgumentError: they are not; in a graph, when that runs.
        """
        dense = self.to_dense()
        values = la.eigvalsh((dense + la.adjoint(dense)) / 2)
        values = get("Real")(values) if values.dtype.is_complex else values
        assert_true(get("All")(values > 0, every_axis(values.shape)), ["the operator is not positive definite"])

    def assert_self_adjoint(self, name: str = "assert_self_adjoint") -> None:
        """Checks that the matrix equals its conjugate transpose.

        Raises:
            InvalidArgumentError: it does not; in a graph, when that runs.
        """
        dense = self.to_dense()
        equal = get("Equal")(dense, la.adjoint(dense))
        assert_true(get("All")(equal, every_axis(equal.shape)), ["Matrix was not equal to its adjoint"])

    def _check_square(self, what: str) -> None:
        if self.is_square is False:
            raise NotImplementedError(f"{what} needs a square operator; this one has shape {self.shape}")

    def _check_invertible(self, what: str) -> None:
        if self.is_square is False or self.is_non_singular is False:
            raise NotImplementedError(
                f"{what} needs an operator that has an inverse; this one is not square or said to be singular"
            )
