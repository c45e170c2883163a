"""tf.Example messages and their fast reading into numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes, errors
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape, as_shape
from headrace.proto import messages
from headrace.proto.examples import KINDS, read

BytesList = messages.BytesList
FloatList = messages.FloatList
Int64List = messages.Int64List
Feature = messages.Feature
Features = messages.Features
Example = messages.Example


class FixedLenFeature(NamedTuple):
    """A feature that every example holds in one shape.

    Attributes:
        shape: the shape of the value in one example, fully defined.
        dtype: float32, int64 or string.
        default_value: what an example without the feature has: a scalar or an array of `shape`; None to require it.
    """

    shape: Any
    dtype: Any
    default_value: Any = None


class _Column:
    """One feature of a batch, checked and being filled."""

    def __init__(self, key: str, feature: FixedLenFeature, batch: int) -> None:
        self.key = key
        self.dtype: DType = dtypes.as_dtype(feature.dtype)
        if self.dtype not in KINDS:
            raise errors.InvalidArgumentError(f"feature {key!r} asks for {self.dtype.name}; expected float32, int64 or string")
        shape: TensorShape = as_shape(feature.shape)
        if not shape.is_fully_defined():
            raise errors.InvalidArgumentError(f"feature {key!r} has shape {shape}; a FixedLenFeature needs every dimension known")
        self.shape = shape.concrete()
        self.count = int(np.prod(self.shape, dtype=np.int64))
        self.values = np.empty((batch, self.count), self.dtype.np_dtype)
        self.default = None if feature.default_value is None else self._default(feature.default_value)

    def _default(self, value: Any) -> np.ndarray[Any, Any]:
        array = np.asarray(value, self.dtype.np_dtype)
        if array.ndim != 0 and array.shape != self.shape:
            raise errors.InvalidArgumentError(
                f"the default of feature {self.key!r} has shape {array.shape}; expected a scalar or shape {self.shape}"
            )
        flat = np.broadcast_to(array, self.shape).reshape(self.count)
        if self.dtype is dtypes.string:
            flat = np.array([item.encode() if isinstance(item, str) else item for item in flat], object)
        return flat

    def fill(self, row: int, values: Any) -> None:
        """Stores the values of one example; None where the example has none."""
        if values is None:
            if self.default is None:
                raise errors.InvalidArgumentError(f"example {row} has no feature {self.key!r}; give it, or give a default_value")
            self.values[row] = self.default
        elif len(values) != self.count:
            raise errors.InvalidArgumentError(
                f"feature {self.key!r} of example {row} has {len(values)} values; shape {self.shape} needs {self.count}"
            )
        else:
            self.values[row] = values


def parse_arrays(serialized: Sequence[bytes], features: Mapping[str, FixedLenFeature]) -> dict[str, np.ndarray[Any, Any]]:
    """Reads a batch of serialized tf.Examples into numpy arrays of shape `[len(serialized), *feature.shape]`.

    Args:
        serialized: the examples.
        features: what to read, by name. String features give arrays of `object` that hold bytes.

    Raises:
        InvalidArgumentError: bytes that are no Example, or a feature that is missing, of another type or length.
    """
    columns = [_Column(key, feature, len(serialized)) for key, feature in features.items()]
    for column, found in zip(columns, read(serialized, [(c.key, c.dtype) for c in columns]), strict=True):
        for row, values in enumerate(found):
            column.fill(row, values)
    return {column.key: column.values.reshape(len(serialized), *column.shape) for column in columns}


def parse_single_arrays(serialized: bytes, features: Mapping[str, FixedLenFeature]) -> dict[str, np.ndarray[Any, Any]]:
    """Reads one serialized tf.Example into numpy arrays of the features' shapes; see `parse_arrays`."""
    return {key: array[0] for key, array in parse_arrays([serialized], features).items()}
