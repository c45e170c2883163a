"""A field of bytes of a serialized message, found where it stands, so that large blocks are not copied by parsing."""

from __future__ import annotations

from headrace.core.errors import DataLossError
from headrace.proto.varint import get_varint

MAX_FIELDS = 100_000
"""Of one message, at its top level: each costs a turn of a loop in Python."""

_FIXED = {1: 8, 5: 4}
_VARINT = 0
_DELIMITED = 2


def split(data: bytes, field: int, what: str) -> tuple[bytes, list[tuple[int, int]]]:
    """The message without a field, and where the values of that field stand in `data`.

    Args:
        data: the serialized message.
        field: the number of a field of bytes, at the top level.
        what: names the message in errors.

    Returns:
        A serialized message that lacks the field, and the offset and the size in bytes of each of its values, in order.

    Raises:
        DataLossError: `data` is no message, or has more than 100,000 fields.
    """
    kept: list[bytes] = []
    found: list[tuple[int, int]] = []
    at = start = 0
    for _ in range(MAX_FIELDS):
        if at == len(data):
            kept.append(data[start:at])
            return b"".join(kept), found
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
        if number == field and kind == _DELIMITED:
            found.append((at, size))
            kept.append(data[start:begin])
            start = at + size
        at += size
    raise DataLossError(f"{what} has more than {MAX_FIELDS} fields; send fewer")
