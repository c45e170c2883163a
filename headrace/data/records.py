"""Records read in blocks, each record checked: the library of headrace.native looks at a block in one call, or Python does.

A record is its length (uint64), the masked CRC-32C of the length, the bytes, and the masked CRC-32C of the bytes, all
little-endian.
"""

from __future__ import annotations

import io
import os
import struct
from typing import NoReturn

from headrace.core import errors
from headrace.data import compression
from headrace.native import records as native
from headrace.proto.crc import masked_crc32c

MAX_RECORD_BYTES = 1 << 30
"""The size above which a record is refused on reading unless the caller allows more."""

BLOCK_BYTES = 1 << 20
"""Bytes asked of a file at once; also how much memory a false length can take ahead of what the file can fill."""

HEADER = struct.Struct("<QI")
FOOTER = struct.Struct("<I")
FRAME_BYTES = HEADER.size + FOOTER.size


def framed(record: bytes) -> bytes:
    """A record as it stands in a file."""
    length = len(record).to_bytes(8, "little")
    return b"".join((length, FOOTER.pack(masked_crc32c(length)), record, FOOTER.pack(masked_crc32c(record))))


class RecordReader:
    """The records of one file, from a place on.

    Args:
        path: the file, or a URL.
        compression_type: '' (or None), 'GZIP' or 'ZLIB'.
        max_record_bytes: a larger record is taken for damage.
        block_bytes: asked of the file at once.
        offset: where to begin, in bytes of the uncompressed data: 0, or what `offset` was.

    Attributes:
        offset: of the record that comes next.

    Raises:
        NotFoundError: there is no such file.
        InvalidArgumentError: the compression type is unknown.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        compression_type: object = "",
        max_record_bytes: int = MAX_RECORD_BYTES,
        block_bytes: int = BLOCK_BYTES,
        offset: int = 0,
    ) -> None:
        self._name = os.fspath(path)
        self._longest = max_record_bytes
        self._block_bytes = max(1, min(block_bytes, BLOCK_BYTES))
        self._stream: io.BufferedReader = compression.open_at(self._name, compression.compression_type(compression_type), offset)
        self.offset = offset
        self._block = b""
        self._at = 0

    def read(self) -> list[bytes]:
        """The next records, at least one; none at the end of the file.

        Raises:
            DataLossError: the next record is truncated, too large or fails a checksum; the message has file and offset.
        """
        while True:
            found, after = frames(self._block, self._at, self._longest)
            if found:
                self.offset += after - self._at
                self._at = after
                return found
            if not self._read_on():
                return []

    def close(self) -> None:
        """Closes the file."""
        self._stream.close()

    def _read_on(self) -> bool:
        """Adds bytes to the block, so that it may hold the record that begins it. False at the end of the file."""
        rest = self._block[self._at :]
        length = self._length(rest) if len(rest) >= HEADER.size else 0
        if len(rest) >= FRAME_BYTES + length:
            self._damaged("fails the checksum of its content")
        pieces = [rest]
        missing = FRAME_BYTES + length - len(rest)
        while missing > 0 and (piece := self._stream.read1(self._block_bytes)):
            pieces.append(piece)
            missing -= len(piece)
        self._block, self._at = b"".join(pieces), 0
        if missing <= 0 or len(pieces) > 1:
            return True
        if len(rest) >= HEADER.size:
            there = min(length, len(rest) - HEADER.size)
            self._damaged(f"is truncated: its {length} bytes are announced, {there} are there")
        if rest:
            self._damaged(f"is truncated: {len(rest)} of the {HEADER.size} bytes of its header are there")
        return False

    def _length(self, header: bytes) -> int:
        length, checksum = HEADER.unpack_from(header)
        if checksum != masked_crc32c(header[:8]):
            hint = " (is this a TFRecord file, and is the compression type right?)" if self.offset == 0 else ""
            self._damaged(f"fails the checksum of its length{hint}")
        if length > self._longest:
            self._damaged(f"is {length} bytes long, above the limit of {self._longest}; raise max_record_bytes to read it")
        return int(length)

    def _damaged(self, what: str) -> NoReturn:
        raise errors.DataLossError(f"{self._name}: the record at offset {self.offset} of the uncompressed data {what}")


def frames(block: bytes, at: int, longest: int) -> tuple[list[bytes], int]:
    """The whole and sound records at a place in a block, some or all, and where the next one begins."""
    found = native.frames(block, at, longest)
    if found is not None:
        return found
    records: list[bytes] = []
    size = len(block)
    while size - at >= FRAME_BYTES:
        length, checksum = HEADER.unpack_from(block, at)
        start, end = at + HEADER.size, at + HEADER.size + length
        if length > longest or end + FOOTER.size > size or checksum != masked_crc32c(block[at : at + 8]):
            break
        data = block[start:end]
        if FOOTER.unpack_from(block, end)[0] != masked_crc32c(data):
            break
        records.append(data)
        at = end + FOOTER.size
    return records, at
