"""Python's operators on tensors and variables: each is the op of TensorFlow's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.dispatch.opdef import get
from headrace.dispatch.slicing import in_two, strided_slice_arguments

if TYPE_CHECKING:
    from headrace.dispatch.tensor import Tensor


class Operators:
    """What tensors and variables share: arithmetic, comparison and subscripts."""

    __slots__ = ()
    __array_priority__ = 100

    if TYPE_CHECKING:

        @property
        def dtype(self) -> DType:
            """The element type."""

    def __add__(self, other: Any) -> Tensor:
        return get(self._addition())(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return get(self._addition())(other, self)

    def _addition(self) -> str:
        """The op that adds: strings are joined by Add, which AddV2 does not take."""
        return "Add" if getattr(self, "dtype", None) is dtypes.string else "AddV2"

    def __sub__(self, other: Any) -> Tensor:
        return get("Sub")(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return get("Sub")(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return get("Mul")(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return get("Mul")(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return _true_divide(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return _true_divide(other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return get("FloorDiv")(self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return get("FloorDiv")(other, self)

    def __mod__(self, other: Any) -> Tensor:
        return get("FloorMod")(self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return get("FloorMod")(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return get("Pow")(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return get("Pow")(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return _matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return _matmul(other, self)

    def __neg__(self) -> Tensor:
        return get("Neg")(self)

    def __pos__(self) -> Tensor:
        return get("Identity")(self)

    def __abs__(self) -> Tensor:
        if self.dtype.is_complex:
            return get("ComplexAbs")(self, Tout=self.dtype.real_dtype)
        return get("Abs")(self)

    def __invert__(self) -> Tensor:
        return get("LogicalNot" if self.dtype.is_bool else "Invert")(self)

    def __and__(self, other: Any) -> Tensor:
        return get("LogicalAnd" if self.dtype.is_bool else "BitwiseAnd")(self, other)

    def __rand__(self, other: Any) -> Tensor:
        return get("LogicalAnd" if self.dtype.is_bool else "BitwiseAnd")(other, self)

    def __or__(self, other: Any) -> Tensor:
        return get("LogicalOr" if self.dtype.is_bool else "BitwiseOr")(self, other)

    def __ror__(self, other: Any) -> Tensor:
        return get("LogicalOr" if self.dtype.is_bool else "BitwiseOr")(other, self)

    def __xor__(self, other: Any) -> Tensor:
        return get("NotEqual" if self.dtype.is_bool else "BitwiseXor")(self, other)

    def __rxor__(self, other: Any) -> Tensor:
        return get("NotEqual" if self.dtype.is_bool else "BitwiseXor")(other, self)

    def __lt__(self, other: Any) -> Tensor:
        return get("Less")(self, other)

    def __le__(self, other: Any) -> Tensor:
        return get("LessEqual")(self, other)

    def __gt__(self, other: Any) -> Tensor:
        return get("Greater")(self, other)

    def __ge__(self, other: Any) -> Tensor:
        return get("GreaterEqual")(self, other)

    def __eq__(self, other: object) -> Any:
        return False if other is None else get("Equal")(self, other, incompatible_shape_error=False)

    def __ne__(self, other: object) -> Any:
        return True if other is None else get("NotEqual")(self, other, incompatible_shape_error=False)

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, key: Any) -> Tensor:
        mask = _boolean_mask(self, key)
        if mask is not None:
            return mask
        parts = in_two(key, lambda entry: hasattr(entry, "builder"))
        if parts is not None:
            return self[parts[0]][parts[1]]
        begin, end, strides, masks = strided_slice_arguments(key, _pack)
        return get("StridedSlice")(self, begin, end, strides, name=None, **masks)


def _dtype_of(value: Any) -> DType | None:
    found = getattr(value, "dtype", None)
    return found if isinstance(found, DType) else None


def _true_divide(x: Any, y: Any) -> Tensor:
    dtype = _dtype_of(x) or _dtype_of(y)
    if dtype is None or not dtype.is_integer:
        return get("RealDiv")(x, y)
    wide = dtypes.float32 if dtype.size < 4 else dtypes.float64
    return get("RealDiv")(_cast(x, wide), _cast(y, wide))


def _cast(value: Any, dtype: DType) -> Any:
    return get("Cast")(value, DstT=dtype) if isinstance(value, Operators) else value


def _matmul(x: Any, y: Any) -> Tensor:
    ranks = [len(v.shape) for v in (x, y)]
    return get("MatMul" if ranks == [2, 2] else "BatchMatMulV2")(x, y)


def _pack(parts: list[Any]) -> Any:
    """A vector of slice bounds: numpy when all are known, else a tensor."""
    if any(isinstance(p, Operators) and not hasattr(p, "array") for p in parts):
        return get("Pack")([get("Cast")(p, DstT=dtypes.int32) if isinstance(p, Operators) else np.int32(p) for p in parts])
    return np.array([int(p) for p in parts], np.int32 if all(abs(int(p)) < 2**31 for p in parts) else np.int64)


def _boolean_mask(tensor: Any, key: Any) -> Tensor | None:
    """x[mask] for a boolean tensor or array; None when the key is an ordinary slice."""
    is_array = isinstance(key, np.ndarray | Operators)
    if is_array and key.dtype == dtypes.bool_ and len(key.shape):
        return get("GatherNd")(tensor, get("Where")(key))
    return None
