"""tf.Example messages and their fast reading into numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes, errors
from headrace.core.dtypes import DType
from headrace.core.shapes import as_shape
from headrace.ops.parsing.examples import fixed
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


def _dtype(key: str, feature: FixedLenFeature) -> DType:
    dtype = dtypes.as_dtype(feature.dtype)
    if dtype not in KINDS:
        raise errors.InvalidArgumentError(f"feature {key!r} asks for {dtype.name}; expected float32, int64 or string")
    return dtype


def _shape(key: str, feature: FixedLenFeature) -> tuple[int, ...]:
    shape = as_shape(feature.shape)
    if not shape.is_fully_defined():
        raise errors.InvalidArgumentError(f"feature {key!r} has shape {shape}; a FixedLenFeature needs every dimension known")
    return shape.concrete()


def _default(key: str, feature: FixedLenFeature) -> np.ndarray[Any, Any]:
    """The default's values; none where the feature is required."""
    dtype = _dtype(key, feature)
    if feature.default_value is None:
        return np.empty(0, dtype.np_dtype)
    array = np.asarray(feature.default_value, dtype.np_dtype)
    shape = _shape(key, feature)
    if array.ndim != 0 and array.shape != shape:
        raise errors.InvalidArgumentError(
            f"the default of feature {key!r} has shape {array.shape}; expected a scalar or shape {shape}"
        )
    if dtype is dtypes.string:
        flat = [item.encode() if isinstance(item, str) else item for item in array.ravel()]
        return np.array(flat, object).reshape(array.shape)
    return array


def parse_arrays(serialized: Sequence[bytes], features: Mapping[str, FixedLenFeature]) -> dict[str, np.ndarray[Any, Any]]:
    """Reads a batch of serialized tf.Examples into numpy arrays of shape `[len(serialized), *feature.shape]`.

    Args:
        serialized: the examples.
        features: what to read, by name. String features give arrays of `object` that hold bytes.

    Raises:
        InvalidArgumentError: bytes that are no Example, or a feature that is missing, of another type or length.
    """
    wanted = {key: (_shape(key, feature), _default(key, feature)) for key, feature in features.items()}
    columns = read(serialized, [(key, _dtype(key, feature)) for key, feature in features.items()])
    return {key: fixed(column, key, *wanted[key]) for key, column in zip(features, columns, strict=True)}


def parse_single_arrays(serialized: bytes, features: Mapping[str, FixedLenFeature]) -> dict[str, np.ndarray[Any, Any]]:
    """Reads one serialized tf.Example into numpy arrays of the features' shapes; see `parse_arrays`."""
    return {key: array[0] for key, array in parse_arrays([serialized], features).items()}
