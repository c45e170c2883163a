"""Values as tensors by NumPy's rules: Python's numbers are 64 bits wide, and dtypes of different arguments are brought together."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor


def wanted(dtype: Any) -> DType | None:
    """A dtype that was given, Python's types and NumPy's taken as NumPy takes them."""
    if dtype is None or isinstance(dtype, DType):
        return dtype
    return dtypes.from_numpy(np.dtype(dtype))


def finfo(dtype: Any) -> Any:
    """The limits of a floating dtype, NumPy's or TensorFlow's, as numpy.finfo; bfloat16 and float8 as well."""
    return ml_dtypes.finfo(dtypes.as_dtype(dtype).np_dtype)


def iinfo(int_type: Any) -> Any:
    """The limits of an integer dtype, NumPy's or TensorFlow's, as numpy.iinfo."""
    return ml_dtypes.iinfo(dtypes.as_dtype(int_type).np_dtype)


def array(val: Any, dtype: Any = None) -> Tensor:
    """A tensor of an array, a number or a nested list."""
    kind = wanted(dtype)
    if not (isinstance(val, Tensor) or hasattr(val, "__tf_tensor__")):
        if isinstance(val, list | tuple) and _holds_tensors(val):
            parts = promoted(*val)
            val = get("Pack")(list(parts))
        else:
            return convert_to_tensor(np.asarray(val, None if kind is None else kind.np_dtype))
    tensor = convert_to_tensor(val)
    return tensor if kind in (None, tensor.dtype) else get("Cast")(tensor, DstT=kind)


def new_array(val: Any, dtype: Any = None, copy: bool = True, ndmin: int = 0) -> Tensor:
    """A tensor of an array, a number or a nested list, of `ndmin` dimensions at least."""
    made = array(val, dtype)
    while len(made.shape) < ndmin:
        made = get("ExpandDims")(made, 0)
    return made


def asarray(a: Any, dtype: Any = None) -> Tensor:
    """A tensor of an array, a number or a nested list."""
    return array(a, dtype)


def _holds_tensors(values: Any) -> bool:
    if isinstance(values, list | tuple):
        return any(_holds_tensors(value) for value in values)
    return isinstance(values, Tensor) or hasattr(values, "__tf_tensor__")


def _for_promotion(value: Any) -> Any:
    if isinstance(value, bool | int | float | complex):
        return value
    if isinstance(value, DType):
        return value.np_dtype
    if isinstance(value, type | np.dtype | str):
        return np.dtype(value)
    return array(value).dtype.np_dtype


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The NumPy dtype that the arguments have together."""
    return np.result_type(*map(_for_promotion, arrays_and_dtypes))


def promoted(*values: Any) -> list[Tensor]:
    """The arguments as tensors of the dtype that they have together."""
    kind = result_type(*values)
    return [array(value, kind) for value in values]


def floating(x: Any) -> Tensor:
    """A tensor of a floating or complex dtype; integers become float64."""
    tensor = array(x)
    return tensor if tensor.dtype.is_floating or tensor.dtype.is_complex else get("Cast")(tensor, DstT=dtypes.float64)
