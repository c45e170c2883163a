"""Numbers of seven bits a byte, as protocol buffers and LevelDB write them."""

from __future__ import annotations

from headrace.core import errors

_MAX_VARINT = 10


def put_varint(out: bytearray, value: int) -> None:
    """Appends `value` seven bits a byte, lowest first."""
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def delimited(field: int, size: int) -> bytes:
    """What stands before a field that is a string or a message of `size` bytes."""
    head = bytearray()
    put_varint(head, field << 3 | 2)
    put_varint(head, size)
    return bytes(head)


def get_varint(data: bytes | memoryview, at: int, what: str) -> tuple[int, int]:
    """The number at `at` and the position after it.

    Raises:
        DataLossError: the data ends inside the number, or it is longer than 64 bits.
    """
    value = 0
    for count in range(_MAX_VARINT):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, at
    raise errors.DataLossError(f"{what} is damaged: a number is cut off or too long at byte {at}")
