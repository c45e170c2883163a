"""Messages with a map from names to TensorProtos, written so that the numbers are copied once."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.core.dtypes import DType
from headrace.proto.tensors import Array, to_wire
from headrace.proto.varint import delimited


def join_tensors(head: bytes, field: int, tensors: Iterable[tuple[str, Array, DType | None]], content: bool = True) -> bytes:
    """A serialized message: its other fields, then its map of tensors; see `tensor_pieces`."""
    return b"".join(tensor_pieces(head, field, tensors, content))


def tensor_pieces(
    head: bytes, field: int, tensors: Iterable[tuple[str, Array, DType | None]], content: bool = True
) -> list[bytes | memoryview]:
    """What `join_tensors` joins. Numbers that stand in memory as they do in the message are memoryviews, all else is bytes.

    Args:
        head: the message without the map, serialized.
        field: the number of the map's field.
        tensors: name, array and dtype (None: the array's own) of each entry.
        content: numbers stand in `tensor_content`; else in the typed lists.

    Raises:
        UnimplementedError: handles and variants have no stored form.
    """
    pieces: list[bytes | memoryview] = [head]
    for name, array, dtype in tensors:
        tensor = to_wire(array, dtype, content)
        size = sum(map(len, tensor))
        key = name.encode()
        entry = delimited(1, len(key)) + key + delimited(2, size)  # of the map: key and value
        pieces += [delimited(field, len(entry) + size), entry, *tensor]
    return pieces
