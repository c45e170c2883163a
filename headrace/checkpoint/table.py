"""The sorted table file (LevelDB's format) that holds the index of a TensorBundle.

A file is data blocks, an empty meta block, an index block and a footer of 48 bytes. A block is a list of
(shared prefix length, rest length, value length, rest of the key, value), then the restart offsets; after each block
stand one byte of compression type and a masked CRC over both.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterable

from headrace.core import errors
from headrace.proto.crc import masked_crc32c
from headrace.proto.varint import get_varint, put_varint

MAGIC = 0xDB4775248B80FB57
FOOTER = 48
_TRAILER = 5
_BLOCK = 1 << 18
_RESTART = 16
_MAX_EXPANSION = 64
"""Snappy shrinks to about 1/21 at best; a block that claims more is damaged."""
_MAX_KEYS = 1 << 28
"""Bytes of keys in one block; shared prefixes let a small block spell out far more."""


class _BlockBuilder:
    def __init__(self) -> None:
        self.data = bytearray()
        self._restarts = [0]
        self._count = 0
        self._last = b""

    def add(self, key: bytes, value: bytes) -> None:
        shared = 0
        if self._count == _RESTART:
            self._restarts.append(len(self.data))
            self._count = 0
        else:
            limit = min(len(key), len(self._last))
            while shared < limit and key[shared] == self._last[shared]:
                shared += 1
        put_varint(self.data, shared)
        put_varint(self.data, len(key) - shared)
        put_varint(self.data, len(value))
        self.data += key[shared:] + value
        self._last = key
        self._count += 1

    def finish(self) -> bytes:
        return bytes(self.data) + struct.pack(f"<{len(self._restarts) + 1}I", *self._restarts, len(self._restarts))


def _append_block(out: bytearray, block: bytes) -> bytes:
    handle = bytearray()
    put_varint(handle, len(out))
    put_varint(handle, len(block))
    stored = block + b"\x00"
    out += stored + struct.pack("<I", masked_crc32c(stored))
    return bytes(handle)


def write_table(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The bytes of a table of these keys and values.

    Raises:
        InvalidArgumentError: the keys are not strictly ascending.
    """
    out = bytearray()
    index, block = _BlockBuilder(), _BlockBuilder()
    last: bytes | None = None
    for key, value in items:
        if last is not None and key <= last:
            raise errors.InvalidArgumentError(f"table key {key!r} follows {last!r}; expected keys in ascending order, each once")
        block.add(key, value)
        last = key
        if len(block.data) >= _BLOCK:
            index.add(key, _append_block(out, block.finish()))
            block = _BlockBuilder()
    if block.data and last is not None:
        index.add(last, _append_block(out, block.finish()))
    footer = bytearray(_append_block(out, _BlockBuilder().finish()) + _append_block(out, index.finish()))
    footer += bytes(FOOTER - 8 - len(footer)) + struct.pack("<Q", MAGIC)
    return bytes(out + footer)


def _block(data: bytes, offset: int, size: int, what: str) -> bytes:
    if offset + size + _TRAILER > len(data) - FOOTER:
        raise errors.DataLossError(f"{what} is damaged: a block of {size} bytes at {offset} passes the end of the file")
    stored = data[offset : offset + size + 1]
    (expected,) = struct.unpack_from("<I", data, offset + size + 1)
    found = masked_crc32c(stored)
    if found != expected:
        raise errors.DataLossError(
            f"{what} is damaged: the block at {offset} has the checksum {found:#010x}; the file says {expected:#010x}"
        )
    kind, body = stored[-1], stored[:-1]
    if kind == 0:
        return body
    if kind == 1:
        return _snappy(body, what)
    raise errors.UnimplementedError(f"{what} holds a block of compression type {kind}; expected 0 (none) or 1 (snappy)")


def _snappy(body: bytes, what: str) -> bytes:
    size, _ = get_varint(body, 0, what)
    if size > len(body) * _MAX_EXPANSION:
        raise errors.DataLossError(f"{what} is damaged: a block of {len(body)} bytes claims to hold {size}")
    try:
        cramjam = importlib.import_module("cramjam")
    except ImportError:
        raise errors.UnimplementedError(f"{what} is compressed with snappy; install cramjam to read it") from None
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise errors.DataLossError(f"{what} is damaged: {error}") from None


def _entries(block: bytes, what: str) -> list[tuple[bytes, bytes]]:
    if len(block) < 8:
        raise errors.DataLossError(f"{what} is damaged: a block of {len(block)} bytes is too short")
    (restarts,) = struct.unpack_from("<I", block, len(block) - 4)
    end = len(block) - 4 - 4 * restarts
    if restarts < 1 or end < 0:
        raise errors.DataLossError(f"{what} is damaged: a block of {len(block)} bytes claims {restarts} restart points")
    items: list[tuple[bytes, bytes]] = []
    at, key, total = 0, b"", 0
    while at < end:
        shared, at = get_varint(block, at, what)
        rest, at = get_varint(block, at, what)
        size, at = get_varint(block, at, what)
        if shared > len(key) or at + rest + size > end:
            raise errors.DataLossError(f"{what} is damaged: an entry at byte {at} passes the end of its block")
        key = key[:shared] + block[at : at + rest]
        at += rest
        total += len(key)
        if total > _MAX_KEYS:
            raise errors.ResourceExhaustedError(
                f"{what} spells out over {_MAX_KEYS} bytes of keys in one block; it is not a real index"
            )
        items.append((key, block[at : at + size]))
        at += size
    return items


def read_table(data: bytes, what: str) -> dict[bytes, bytes]:
    """Every key and value of a table, checksums verified; `what` names the file in errors.

    Raises:
        DataLossError: the data is truncated or damaged.
        UnimplementedError: a block is compressed in a way that cannot be read here.
    """
    if len(data) < FOOTER or struct.unpack_from("<Q", data, len(data) - 8)[0] != MAGIC:
        raise errors.DataLossError(f"{what} is no table file or is truncated: its last 8 bytes are not the mark of one")
    footer = data[-FOOTER:-8]
    at = 0
    numbers = []
    for _ in range(4):
        number, at = get_varint(footer, at, what)
        numbers.append(number)
    items: dict[bytes, bytes] = {}
    last = None
    for _, handle in _entries(_block(data, numbers[2], numbers[3], what), what):
        offset, at = get_varint(handle, 0, what)
        size, _ = get_varint(handle, at, what)
        for key, value in _entries(_block(data, offset, size, what), what):
            if last is not None and key <= last:
                raise errors.DataLossError(f"{what} is damaged: key {key!r} follows {last!r}")
            items[key] = value
            last = key
    return items
