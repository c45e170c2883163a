"""tf.Example messages and their fast reading into numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from headrace.core import dtypes, errors
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape, as_shape
from headrace.proto import messages

BytesList = messages.BytesList
FloatList = messages.FloatList
Int64List = messages.Int64List
Feature = messages.Feature
Features = messages.Features
Example = messages.Example

_KINDS = {dtypes.string: "bytes_list", dtypes.float32: "float_list", dtypes.int64: "int64_list"}


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
        if self.dtype not in _KINDS:
            raise errors.InvalidArgumentError(f"feature {key!r} asks for {self.dtype.name}; expected float32, int64 or string")
        self.kind = _KINDS[self.dtype]
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

    def fill(self, row: int, feature: Any) -> None:
        """Stores the value of one example; `feature` is a Feature message or None where the example has none."""
        kind = feature.WhichOneof("kind") if feature is not None else None
        if kind is None:
            if self.default is None:
                raise errors.InvalidArgumentError(f"example {row} has no feature {self.key!r}; give it, or give a default_value")
            self.values[row] = self.default
            return
        if kind != self.kind:
            raise errors.InvalidArgumentError(
                f"feature {self.key!r} of example {row} is a {kind}; {self.dtype.name} needs a {self.kind}"
            )
        message = getattr(feature, kind)
        found = len(message.value)
        if found != self.count:
            raise errors.InvalidArgumentError(
                f"feature {self.key!r} of example {row} has {found} values; shape {self.shape} needs {self.count}"
            )
        self.values[row] = _values(message, self.dtype, found)


def _values(message: Any, dtype: DType, count: int) -> Any:
    if dtype is dtypes.float32:
        # Serialized, the packed floats are the array itself after a tag and a length: far faster than one float at a time.
        size = 4 * count
        start = 1 + max(1, (size.bit_length() + 6) // 7)
        return np.frombuffer(message.SerializeToString(), "<f4", count, start) if count else ()
    return list(message.value) if dtype is dtypes.string else np.fromiter(message.value, np.int64, count)


def parse_example(serialized: Sequence[bytes], features: Mapping[str, FixedLenFeature]) -> dict[str, np.ndarray[Any, Any]]:
    """Reads a batch of serialized tf.Examples into numpy arrays of shape `[len(serialized), *feature.shape]`.

    Args:
        serialized: the examples.
        features: what to read, by name. String features give arrays of `object` that hold bytes.

    Raises:
        InvalidArgumentError: bytes that are no Example, or a feature that is missing, of another type or length.
    """
    columns = [_Column(key, feature, len(serialized)) for key, feature in features.items()]
    for row, data in enumerate(serialized):
        try:
            found = Example.FromString(data).features.feature
        except DecodeError:
            raise errors.InvalidArgumentError(f"example {row} is not a serialized tf.Example ({len(data)} bytes)") from None
        for column in columns:
            # Indexing a map of messages would add the key.
            column.fill(row, found[column.key] if column.key in found else None)  # noqa: SIM401
    return {column.key: column.values.reshape(len(serialized), *column.shape) for column in columns}


def parse_single_example(serialized: bytes, features: Mapping[str, FixedLenFeature]) -> dict[str, np.ndarray[Any, Any]]:
    """Reads one serialized tf.Example into numpy arrays of the features' shapes; see `parse_example`."""
    return {key: array[0] for key, array in parse_example([serialized], features).items()}
