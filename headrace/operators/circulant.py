"""Operators that Fourier's transform makes diagonal: circulant matrices, also of blocks of blocks."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headrace.core import dtypes
from headrace.core.shapes import TensorShape
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.operators.base import LinearOperator
from headrace.ops.linalg import functions as la
from headrace.ops.math.elementwise import conj

Flag = bool | None


class LinearOperatorCirculant(LinearOperator):
    """The circulant matrix with eigenvalues `spectrum` [..., n]: the spectrum is the transform of its first column.

    Args:
        spectrum: floating or complex numbers.
        input_output_dtype: of the matrices that the operator takes and gives.
        is_non_singular, is_self_adjoint, is_positive_definite, is_square: what the caller knows.
        name: for people.
    """

    _DEPTH: ClassVar[int] = 1

    def __init__(
        self,
        spectrum: Any,
        input_output_dtype: Any = dtypes.complex64,
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = True,
        name: str = "LinearOperatorCirculant",
    ) -> None:
        self._spectrum = convert_to_tensor(spectrum)
        if self._spectrum.shape.rank is not None and self._spectrum.shape.rank < self._DEPTH:
            raise ValueError(f"the spectrum must have {self._DEPTH} dimensions or more; got shape {self._spectrum.shape}")
        if not self._spectrum.dtype.is_complex:
            is_self_adjoint = True if is_self_adjoint is None else is_self_adjoint
        wide = dtypes.complex128 if self._spectrum.dtype.size > 8 or self._spectrum.dtype is dtypes.float64 else dtypes.complex64
        self._complex = get("Cast")(self._spectrum, DstT=wide)
        parameters = {"spectrum": spectrum, "input_output_dtype": input_output_dtype}
        super().__init__(
            input_output_dtype, None, is_non_singular, is_self_adjoint, is_positive_definite, is_square, name, parameters
        )

    @property
    def spectrum(self) -> Tensor:
        """The eigenvalues, in the form of the blocks."""
        return self._spectrum

    @property
    def block_depth(self) -> int:
        """1 for a circulant matrix, 2 for circulant blocks in a circle, 3 for one more level."""
        return self._DEPTH

    @property
    def block_shape(self) -> TensorShape:
        """The dimensions of the spectrum."""
        return self._spectrum.shape[len(self._spectrum.shape) - self._DEPTH :]

    def block_shape_tensor(self) -> Tensor:
        """The dimensions of the spectrum, int32."""
        return get("Shape")(self._spectrum)[len(self._spectrum.shape) - self._DEPTH :]

    def _static_shape(self) -> TensorShape:
        size = self.block_shape.num_elements()
        return self._spectrum.shape[: len(self._spectrum.shape) - self._DEPTH].concatenate([size, size])

    def _dynamic_shape(self) -> Tensor:
        size = get("Reshape")(get("Prod")(self.block_shape_tensor(), [0]), [1])
        return get("ConcatV2")([get("Shape")(self._spectrum)[: len(self._spectrum.shape) - self._DEPTH], size, size], 0)

    def _transform(self, x: Tensor, inverse: bool) -> Tensor:
        suffix = "" if self._DEPTH == 1 else f"{self._DEPTH}D"
        return get(f"{'IFFT' if inverse else 'FFT'}{suffix}")(x)

    def _as_blocks(self, x: Tensor) -> Tensor:
        """The rows of a matrix [..., n, r] as blocks [..., r, *blocks]."""
        turned = la.matrix_transpose(x)
        shape = get("ConcatV2")([get("Shape")(turned)[:-1], self.block_shape_tensor()], 0)
        return get("Reshape")(get("Cast")(turned, DstT=self._complex.dtype), shape)

    def _filtered(self, x: Tensor, factors: Tensor) -> Tensor:
        changed = self._transform(self._transform(self._as_blocks(x), False) * factors, True)
        flat = get("Reshape")(changed, get("ConcatV2")([get("Shape")(changed)[: -self._DEPTH], [-1]], 0))
        return get("Cast")(la.matrix_transpose(flat), DstT=self.dtype)

    def _factors(self, values: Tensor) -> Tensor:
        """The spectrum with a dimension for the columns of what it is multiplied with."""
        return get("ExpandDims")(values, -self._DEPTH - 1)

    def _matmul(self, x: Tensor, adjoint: bool) -> Tensor:
        return self._filtered(x, self._factors(conj(self._complex) if adjoint else self._complex))

    def _solve(self, rhs: Tensor, adjoint: bool) -> Tensor:
        return self._filtered(rhs, 1.0 / self._factors(conj(self._complex) if adjoint else self._complex))

    def _flat(self) -> Tensor:
        batch = get("Shape")(self._complex)[: len(self._complex.shape) - self._DEPTH]
        return get("Reshape")(self._complex, get("ConcatV2")([batch, [-1]], 0))

    def convolution_kernel(self, name: str = "convolution_kernel") -> Tensor:
        """The inverse transform of the spectrum: the first column, in the form of the blocks."""
        return get("Cast")(self._transform(self._complex, True), DstT=self.dtype)

    def assert_hermitian_spectrum(self, name: str = "assert_hermitian_spectrum") -> None:
        """Checks that the matrix is real, but for rounding.

        Raises:
            InvalidArgumentError: it is not; in a graph, when that runs.
        """
        kernel = self._transform(self._complex, True)
        size = get("Max")(get("Abs")(get("Imag")(kernel, Tout=kernel.dtype.real_dtype)), list(range(len(kernel.shape))))
        limit = np.finfo(kernel.dtype.real_dtype.np_dtype).eps * 100
        get("Assert").all(size < limit, ["the spectrum is not Hermitian: the greatest imaginary part is", size], summarize=3)

    def _diag_part(self) -> Tensor:
        mean = get("Mean")(self._flat(), [-1], keep_dims=True)
        ones = get("Fill")(get("Reshape")(self.domain_dimension_tensor(), [1]), get("Cast")(1, DstT=mean.dtype))
        return get("Cast")(mean * ones, DstT=self.dtype)

    def _trace(self) -> Tensor:
        return get("Cast")(get("Sum")(self._flat(), [-1]), DstT=self.dtype)

    def _determinant(self) -> Tensor:
        return get("Cast")(get("Prod")(self._flat(), [-1]), DstT=self.dtype)

    def _log_abs_determinant(self) -> Tensor:
        sizes = get("ComplexAbs")(self._flat(), Tout=self._complex.dtype.real_dtype)
        return get("Cast")(get("Sum")(get("Log")(sizes), [-1]), DstT=self.dtype)

    def _eigvals(self) -> Tensor:
        return self._flat()

    def _made(self, spectrum: Tensor) -> LinearOperator:
        return type(self)(spectrum, self.dtype)

    def _adjoint_operator(self) -> LinearOperator:
        return self._made(conj(self._spectrum))

    def _inverse_operator(self) -> LinearOperator:
        return self._made(1.0 / self._spectrum)

    def _product(self, right: LinearOperator) -> LinearOperator | None:
        if isinstance(right, LinearOperatorCirculant) and right.block_depth == self.block_depth:
            return self._made(self._spectrum * right.spectrum)
        return None


class LinearOperatorCirculant2D(LinearOperatorCirculant):
    """Circulant blocks in a circle, with a spectrum [..., n0, n1]; see LinearOperatorCirculant."""

    _DEPTH = 2

    def __init__(
        self,
        spectrum: Any,
        input_output_dtype: Any = dtypes.complex64,
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = True,
        name: str = "LinearOperatorCirculant2D",
    ) -> None:
        super().__init__(spectrum, input_output_dtype, is_non_singular, is_self_adjoint, is_positive_definite, is_square, name)


class LinearOperatorCirculant3D(LinearOperatorCirculant):
    """Circulant blocks of circulant blocks in a circle, with a spectrum [..., n0, n1, n2]; see LinearOperatorCirculant."""

    _DEPTH = 3

    def __init__(
        self,
        spectrum: Any,
        input_output_dtype: Any = dtypes.complex64,
        is_non_singular: Flag = None,
        is_self_adjoint: Flag = None,
        is_positive_definite: Flag = None,
        is_square: Flag = True,
        name: str = "LinearOperatorCirculant3D",
    ) -> None:
        super().__init__(spectrum, input_output_dtype, is_non_singular, is_self_adjoint, is_positive_definite, is_square, name)
