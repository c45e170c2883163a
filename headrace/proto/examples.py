"""Reading of serialized tf.Examples: the values of chosen features as numpy arrays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.native import examples as native
from headrace.proto.messages import Example

KINDS = {dtypes.string: "bytes_list", dtypes.float32: "float_list", dtypes.int64: "int64_list"}
"""The list that holds the values of each dtype."""


class Column(NamedTuple):
    """A feature of a batch.

    Attributes:
        values: of all examples, one after the other: float32, int64, or objects that are bytes; packed strings uint8 [count, size].
        counts: int64 [rows]: how many values each example has, -1 where it has no such feature.
        each: that number where it was found to be the same for all.
    """

    values: np.ndarray[Any, Any]
    counts: np.ndarray[Any, Any]
    each: int | None = None

    @property
    def lengths(self) -> np.ndarray[Any, Any]:
        """`counts` with 0 for a missing feature."""
        lengths: np.ndarray[Any, Any] = np.maximum(self.counts, 0)
        return lengths


def read(serialized: Sequence[bytes], wanted: Sequence[tuple[str, DType]], packed: Collection[str] = ()) -> list[Column]:
    """The values of features in a batch of examples.

    Args:
        serialized: the examples.
        wanted: names and dtypes.
        packed: names of string features whose strings may be given side by side, where all have one length.

    Returns:
        A column for each feature.

    Raises:
        InvalidArgumentError: bytes that are no Example, or a feature of another dtype.
    """
    keys = list(dict.fromkeys((key, KINDS[dtype]) for key, dtype in wanted))
    if len({key for key, _ in keys}) == len(keys):
        found = native.columns(serialized, keys, packed)
        if found is not None:
            columns = {key: Column(*column) for (key, _), column in zip(keys, found, strict=True)}
            return [columns[key] for key, _ in wanted]
    return _read(serialized, wanted)


def _read(serialized: Sequence[bytes], wanted: Sequence[tuple[str, DType]]) -> list[Column]:
    """`read` by protobuf: any form of message, and names for what is wrong with it."""
    rows: list[list[Any]] = [[] for _ in wanted]
    for row, data in enumerate(serialized):
        try:
            features = Example.FromString(data).features.feature
        except DecodeError:
            raise InvalidArgumentError(f"example {row} is not a serialized tf.Example ({len(data)} bytes)") from None
        for column, (key, dtype) in zip(rows, wanted, strict=True):
            # Indexing a map of messages would add the key.
            column.append(values_of(features[key], key, dtype, f"example {row}") if key in features else None)
    return [joined(column, dtype) for column, (_, dtype) in zip(rows, wanted, strict=True)]


def joined(rows: Sequence[Any], dtype: DType) -> Column:
    """A column of the values of each example, None where it has none."""
    present = [values for values in rows if values is not None and len(values)]
    values = np.concatenate(present) if present else np.empty(0, dtype.np_dtype)
    return Column(values, np.array([-1 if values is None else len(values) for values in rows], np.int64))


def values_of(feature: Any, key: str, dtype: DType, where: str) -> Any:
    """The values of a Feature as a vector, None where it has no list.

    Args:
        feature: the message.
        key: its name.
        dtype: what is expected.
        where: the example, for messages.

    Raises:
        InvalidArgumentError: its values have another dtype.
    """
    kind = feature.WhichOneof("kind")
    if kind is None:
        return None
    if kind != KINDS[dtype]:
        raise InvalidArgumentError(f"feature {key!r} of {where} is a {kind}; {dtype.name} needs a {KINDS[dtype]}")
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
