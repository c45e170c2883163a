"""Element types: TensorFlow's names and enum numbers over numpy's and ml_dtypes' representations."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np


class DType:
    """An element type.

    Attributes:
        name: TensorFlow's name, such as `"float32"`.
        enum: the number of this type in `DataType` of TensorFlow's wire formats.
        np_dtype: the numpy dtype that holds the elements (`object` for strings and handles).
        is_quantized: True for integers that stand for real numbers by a scale.
    """

    __slots__ = ("enum", "is_bool", "is_complex", "is_floating", "is_integer", "is_quantized", "name", "np_dtype")

    def __init__(self, name: str, enum: int, np_type: Any, kind: str = "") -> None:
        self.name = name
        self.enum = enum
        self.np_dtype: np.dtype[Any] = np.dtype(np_type)
        self.is_floating = kind == "float"
        self.is_integer = kind in ("int", "uint")
        self.is_complex = kind == "complex"
        self.is_bool = name == "bool"
        self.is_quantized = kind == "quantized"

    @property
    def as_numpy_dtype(self) -> Any:
        """The numpy scalar type of the elements."""
        return self.np_dtype.type

    @property
    def as_datatype_enum(self) -> int:
        """The number of this type in TensorFlow's `DataType`."""
        return self.enum

    @property
    def base_dtype(self) -> DType:
        """This type; kept for programs written for reference types."""
        return self

    @property
    def is_unsigned(self) -> bool:
        """True for unsigned integers."""
        return self.is_integer and self.np_dtype.kind == "u"

    @property
    def is_numpy_compatible(self) -> bool:
        """True when the elements have a numpy representation."""
        return self not in (resource, variant)

    @property
    def is_differentiable(self) -> bool:
        """True when gradients flow through values of this type (handles carry their variable's)."""
        return self.is_floating or self.is_complex or self.name in ("resource", "variant")

    @property
    def is_numeric(self) -> bool:
        """True for everything that arithmetic applies to."""
        return self.is_floating or self.is_integer or self.is_complex

    @property
    def size(self) -> int:
        """Bytes an element (1 for strings and handles, as in TensorFlow)."""
        return 1 if self.np_dtype.kind == "O" else self.np_dtype.itemsize

    @property
    def min(self) -> Any:
        """The smallest value of a numeric type."""
        return self._limits().min

    @property
    def max(self) -> Any:
        """The largest value of a numeric type."""
        return self._limits().max

    def _limits(self) -> Any:
        if self.is_integer:
            return ml_dtypes.iinfo(self.np_dtype)
        if self.is_floating:
            return ml_dtypes.finfo(self.np_dtype)
        raise TypeError(f"{self.name} has no smallest or largest value; use a real numeric type")

    @property
    def limits(self) -> tuple[Any, Any]:
        """`(min, max)` of the values that images of this type take: 0..1 for floats."""
        return (0, 1) if self.is_floating else (self.min, self.max)

    @property
    def real_dtype(self) -> DType:
        """The type of the real part."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    def is_compatible_with(self, other: Any) -> bool:
        """True when `other` names this same type."""
        return self is as_dtype(other)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if other is None or isinstance(other, DType):
            return False
        try:
            return self is as_dtype(other)
        except TypeError:
            return False

    def __hash__(self) -> int:
        return self.enum

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


float32 = DType("float32", 1, np.float32, "float")
float64 = DType("float64", 2, np.float64, "float")
int32 = DType("int32", 3, np.int32, "int")
uint8 = DType("uint8", 4, np.uint8, "uint")
int16 = DType("int16", 5, np.int16, "int")
int8 = DType("int8", 6, np.int8, "int")
string = DType("string", 7, object)
complex64 = DType("complex64", 8, np.complex64, "complex")
int64 = DType("int64", 9, np.int64, "int")
bool_ = DType("bool", 10, np.bool_)
qint8 = DType("qint8", 11, np.int8, "quantized")
quint8 = DType("quint8", 12, np.uint8, "quantized")
qint32 = DType("qint32", 13, np.int32, "quantized")
bfloat16 = DType("bfloat16", 14, ml_dtypes.bfloat16, "float")
qint16 = DType("qint16", 15, np.int16, "quantized")
quint16 = DType("quint16", 16, np.uint16, "quantized")
uint16 = DType("uint16", 17, np.uint16, "uint")
complex128 = DType("complex128", 18, np.complex128, "complex")
float16 = DType("float16", 19, np.float16, "float")
resource = DType("resource", 20, object)
variant = DType("variant", 21, object)
uint32 = DType("uint32", 22, np.uint32, "uint")
uint64 = DType("uint64", 23, np.uint64, "uint")
float8_e5m2 = DType("float8_e5m2", 24, ml_dtypes.float8_e5m2, "float")
float8_e4m3fn = DType("float8_e4m3fn", 25, ml_dtypes.float8_e4m3fn, "float")
int4 = DType("int4", 29, ml_dtypes.int4, "int")
uint4 = DType("uint4", 30, ml_dtypes.uint4, "uint")

ALL: tuple[DType, ...] = tuple(value for value in list(globals().values()) if isinstance(value, DType))
QUANTIZED = (qint8, quint8, qint32, qint16, quint16)
FLOATING = (float16, bfloat16, float32, float64)
COMPLEX = (complex64, complex128)
INTEGERS = (int8, int16, int32, int64, uint8, uint16, uint32, uint64)
REAL = (*FLOATING, *INTEGERS)
NUMERIC = (*REAL, *COMPLEX)
INEXACT = (*FLOATING, *COMPLEX)
INDEX = (int32, int64)

_BY_NAME = {dtype.name: dtype for dtype in ALL} | {"half": float16, "double": float64, "float": float32}
_BY_ENUM = {dtype.enum: dtype for dtype in ALL}
_PYTHON_TYPES: dict[Any, DType] = {float: float32, int: int32, bool: bool_, complex: complex128, str: string, bytes: string}
_BY_NUMPY: dict[np.dtype[Any], DType] = {d.np_dtype: d for d in ALL if d.np_dtype.kind != "O" and not d.is_quantized}


def from_numpy(np_dtype: np.dtype[Any]) -> DType:
    """The DType of a numpy dtype; the fast path of `as_dtype`.

    Raises:
        TypeError: numpy's dtype has no counterpart.
    """
    found = _BY_NUMPY.get(np_dtype)
    if found is not None:
        return found
    if np_dtype.kind in "OSU":
        return string
    raise TypeError(f"numpy dtype {np_dtype} has no counterpart in Headrace; cast the array first, for example to float32")


def as_dtype(type_value: Any) -> DType:
    """Converts a name, an enum number, a numpy or Python type to a DType.

    Raises:
        TypeError: `type_value` names no element type.
    """
    if isinstance(type_value, DType):
        return type_value
    found: DType | None = None
    if isinstance(type_value, str):
        found = _BY_NAME.get(type_value)
    elif isinstance(type_value, int) and not isinstance(type_value, bool):
        found = _BY_ENUM.get(type_value)
    elif isinstance(type_value, type):
        found = _PYTHON_TYPES.get(type_value)
    if found is None and type_value is not None:
        inner = type_value if isinstance(type_value, type) else getattr(type_value, "dtype", type_value)
        if isinstance(inner, DType):
            return inner
        try:
            found = from_numpy(np.dtype(inner))
        except TypeError:
            found = None
    if found is None:
        raise TypeError(
            f"cannot convert {type_value!r} to a tf.DType; expected a DType, its name such as 'float32', or a numpy type"
        )
    return found
