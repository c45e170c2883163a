"""A field of bytes of a serialized message, found where it stands, so that large blocks are not copied by parsing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from headrace.core.errors import DataLossError
from headrace.proto.varint import get_varint

MAX_FIELDS = 100_000
"""Of one message, at its top level: each costs a turn of a loop in Python."""

_FIXED = {1: 8, 5: 4}
_VARINT = 0
_DELIMITED = 2


class Field(NamedTuple):
    """Where a field of a message stands.

    Attributes:
        number: its number.
        delimited: it is bytes, a string, a message or a packed list.
        begin: where its tag stands.
        at: where its value stands.
        size: of the value, in bytes; 0 for a varint, which is passed.
    """

    number: int
    delimited: bool
    begin: int
    at: int
    size: int


def split(data: bytes | memoryview, field: int, what: str, most: int = MAX_FIELDS) -> tuple[bytes, list[tuple[int, int]]]:
    """The message without a field, and where the values of that field stand in `data`.

    Args:
        data: the serialized message.
        field: the number of a field of bytes, at the top level.
        what: names the message in errors.
        most: fields that are looked at.

    Returns:
        A serialized message that lacks the field, and the offset and the size in bytes of each of its values, in order.

    Raises:
        DataLossError: `data` is no message, or has more than `most` fields.
    """
    kept: list[bytes | memoryview] = []
    found: list[tuple[int, int]] = []
    start = 0
    for each in fields(data, what, most):
        if each.number == field and each.delimited:
            found.append((each.at, each.size))
            kept.append(data[start : each.begin])
            start = each.at + each.size
    kept.append(data[start:])
    return b"".join(kept), found


def fields(data: bytes | memoryview, what: str, most: int = MAX_FIELDS) -> Iterator[Field]:
    """The fields of a message, in order.

    Raises:
        DataLossError: `data` is no message, or has more than `most` fields.
    """
    at = 0
    for _ in range(most):
        if at == len(data):
            return
        begin = at
        tag, at = get_varint(data, at, what)
        number, kind = tag >> 3, tag & 7
        if kind == _DELIMITED:
            size, at = get_varint(data, at, what)
        elif kind == _VARINT:
            _, at = get_varint(data, at, what)
            size = 0
        else:
            size = _FIXED.get(kind, len(data))  # groups are of no message here
        if number == 0 or size > len(data) - at:
            raise DataLossError(f"{what} is damaged: field {number} at byte {begin} does not fit in its {len(data)} bytes")
        yield Field(number, kind == _DELIMITED, begin, at, size)
        at += size
    raise DataLossError(f"{what} has more than {most} fields; send fewer")
