"""Reading of serialized tf.Examples: the values of chosen features as numpy arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.proto.messages import Example

KINDS = {dtypes.string: "bytes_list", dtypes.float32: "float_list", dtypes.int64: "int64_list"}
"""The list that holds the values of each dtype."""


def read(serialized: Iterable[bytes], wanted: Sequence[tuple[str, DType]]) -> list[list[Any]]:
    """The values of features in a batch of examples.

    Args:
        serialized: the examples.
        wanted: names and dtypes.

    Returns:
        For each feature a list with one entry an example: a vector, or None where the example has no such feature.

    Raises:
        InvalidArgumentError: bytes that are no Example, or a feature of another dtype.
    """
    columns: list[list[Any]] = [[] for _ in wanted]
    for row, data in enumerate(serialized):
        try:
            features = Example.FromString(data).features.feature
        except DecodeError:
            raise InvalidArgumentError(f"example {row} is not a serialized tf.Example ({len(data)} bytes)") from None
        for column, (key, dtype) in zip(columns, wanted, strict=True):
            # Indexing a map of messages would add the key.
            column.append(_values(features[key], key, dtype, row) if key in features else None)
    return columns


def _values(feature: Any, key: str, dtype: DType, row: int) -> Any:
    kind = feature.WhichOneof("kind")
    if kind is None:
        return None
    if kind != KINDS[dtype]:
        raise InvalidArgumentError(f"feature {key!r} of example {row} is a {kind}; {dtype.name} needs a {KINDS[dtype]}")
    message = getattr(feature, kind)
    count = len(message.value)
    if dtype is dtypes.float32:
        # Serialized, the packed floats are the array itself after a tag and a length: far faster than one float at a time.
        size = 4 * count
        start = 1 + max(1, (size.bit_length() + 6) // 7)
        return np.frombuffer(message.SerializeToString(), "<f4", count, start) if count else np.empty(0, np.float32)
    if dtype is dtypes.int64:
        return np.fromiter(message.value, np.int64, count)
    values = np.empty(count, object)
    values[:] = message.value
    return values
