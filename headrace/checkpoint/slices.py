"""Keys and windows of tensors that a checkpoint stores in slices (partitioned variables)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from headrace.core import errors

_SPEC = re.compile(r"(\d{1,18}(?: \d{1,18})*) ((?:\d{1,18},\d{1,18}|-)(?::(?:\d{1,18},\d{1,18}|-))*)")


def spec_of(shape: Sequence[int], parts: Sequence[tuple[int, int]]) -> str:
    """A slice as text: the whole's shape, then start and length of each dimension, as in "10 4 0,5:0,4"."""
    return f"{' '.join(map(str, shape))} {':'.join(f'{start},{length}' for start, length in parts)}"


def parse_spec(text: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """The whole's shape, and start and length of each dimension, of what `spec_of` writes; "-" is a whole dimension.

    Raises:
        InvalidArgumentError: it is no slice, or leaves the tensor.
    """
    found = _SPEC.fullmatch(text.strip())
    if found is None:
        raise errors.InvalidArgumentError(f"{text[:80]!r} is no slice; expected one like '10 4 0,5:0,4'")
    shape = tuple(map(int, found[1].split(" ")))
    parts = found[2].split(":")
    if len(parts) != len(shape):
        raise errors.InvalidArgumentError(f"the slice {text[:80]!r} has {len(parts)} dimensions; the tensor has {len(shape)}")
    pairs = []
    for part, size in zip(parts, shape, strict=True):
        start, length = (0, size) if part == "-" else map(int, part.split(","))
        if start + length > size:
            raise errors.InvalidArgumentError(f"the slice {text[:80]!r} covers {length} from {start} of a dimension of {size}")
        pairs.append((start, length))
    return shape, tuple(pairs)


def window(proto: Any, shape: tuple[int, ...], what: str) -> list[tuple[int, int]]:
    """The (start, length) of each dimension that a TensorSliceProto covers.

    Raises:
        DataLossError: the slice leaves the tensor.
    """
    if len(proto.extent) != len(shape):
        raise errors.DataLossError(f"{what}: a slice has {len(proto.extent)} dimensions; the tensor has {len(shape)}")
    result = []
    for extent, size in zip(proto.extent, shape, strict=True):
        length = extent.length if extent.WhichOneof("has_length") else size - extent.start
        if extent.start < 0 or length < 0 or extent.start + length > size:
            raise errors.DataLossError(f"{what}: a slice covers {length} from {extent.start} of a dimension of {size}")
        result.append((extent.start, length))
    return result


def encode_key(name: str, proto: Any) -> bytes:
    """The table key of one slice: zero, the name, the rank, then start and length of each dimension, all order-preserving.

    A dimension covered whole has start 0 and length -1.
    """
    out = bytearray(_number(0))
    for byte in name.encode():
        # Zero and 255 are escaped, so that the terminator sorts below every longer name.
        out += {0: b"\x00\xff", 255: b"\xff\x00"}.get(byte, bytes([byte]))
    out += b"\x00\x01" + _number(len(proto.extent))
    for extent in proto.extent:
        whole = extent.WhichOneof("has_length") is None
        out += _signed(extent.start) + _signed(-1 if whole else extent.length)
    return bytes(out)


def _number(value: int) -> bytes:
    content = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(content)]) + content


def _signed(value: int) -> bytes:
    """A number whose first bits tell sign and length in bytes, so that encodings sort as the numbers do."""
    magnitude = ~value if value < 0 else value
    size = 1
    while magnitude >= 1 << (7 * size - 1):
        size += 1
    if size > 8:
        raise errors.UnimplementedError(f"a slice begins at {value}, beyond what the reader encodes; expected less than 2**55")
    # `size` leading ones, a zero, then the number, for positive ones; the bits are inverted for negative ones.
    header = ((1 << size) - 1) << (8 * size - size)
    bits = header | magnitude
    if value < 0:
        bits = ~bits & ((1 << (8 * size)) - 1)
    return bits.to_bytes(size, "big")
