"""What TestCase compares: nested values as numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from google.protobuf import text_format

from headrace.core import dtypes, nest
from headrace.core.shapes import TensorShape
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.ragged.tensor import RaggedTensor
from headrace.sparse.tensor import SparseTensor


class SparseTensorValue(NamedTuple):
    """A sparse tensor as numpy arrays."""

    indices: Any
    values: Any
    dense_shape: Any


class IndexedSlicesValue(NamedTuple):
    """IndexedSlices as numpy arrays."""

    values: Any
    indices: Any
    dense_shape: Any


def evaluated(structure: Any) -> Any:
    """The structure with numpy values in place of tensors and variables, and what functions in it return."""
    if isinstance(structure, TensorShape):
        return structure
    return nest.map_structure(_evaluated, structure) if nest.is_nested(structure) else _evaluated(structure)


def _evaluated(value: Any) -> Any:
    if isinstance(value, SparseTensor):
        return SparseTensorValue(*(_evaluated(part) for part in (value.indices, value.values, value.dense_shape)))
    if isinstance(value, IndexedSlices):
        return IndexedSlicesValue(*(_evaluated(part) for part in (value.values, value.indices, value.dense_shape)))
    if isinstance(value, RaggedTensor):
        return value
    if callable(value) and not hasattr(value, "numpy"):
        return evaluated(value())
    return value.numpy() if hasattr(value, "numpy") else value


def array(value: Any) -> np.ndarray[Any, Any]:
    """One value as a numpy array; strings become objects that hold bytes."""
    if isinstance(value, Tensor) or hasattr(value, "numpy"):
        value = _evaluated(value)
    if isinstance(value, list | tuple) and any(isinstance(item, Tensor) for item in nest.flatten(list(value))):
        value = convert_to_tensor(list(value)).numpy()  # type: ignore[attr-defined]
    found = value if isinstance(value, np.ndarray) else np.array(value)
    if found.dtype.kind in "SUO":
        flat = [item.encode() if isinstance(item, str) else item for item in found.astype(object).ravel().tolist()]
        found = np.empty(found.shape, object)
        found.ravel()[:] = flat
    return found


def widened(value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Floats that numpy does not calculate with, such as bfloat16, as float32."""
    return value.astype(np.float32) if value.dtype.kind == "V" else value


def is_half(*values: np.ndarray[Any, Any]) -> bool:
    """Whether one of the arrays holds float16."""
    return any(value.dtype == np.float16 for value in values)


def is_bfloat(*values: np.ndarray[Any, Any]) -> bool:
    """Whether one of the arrays holds bfloat16."""
    return any(value.dtype == dtypes.bfloat16.np_dtype for value in values)


def as_nested(value: Any) -> Any:
    """Named tuples and mappings as plain dictionaries, so that their parts are compared by name."""
    if hasattr(value, "_asdict"):
        return dict(value._asdict())
    return dict(value) if isinstance(value, Mapping) else value


def message_of_text(text: str, kind: type) -> Any:
    """A protocol buffer message from its text form."""
    return text_format.Parse(text, kind())
