"""Byte streams over plain, GZIP and ZLIB files, as TFRecord files use them."""

from __future__ import annotations

import io
import os
import zlib
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from headrace.core import errors
from headrace.files.errors import named
from headrace.files.systems import system_of

TYPES = ("", "ZLIB", "GZIP")
"""The compression types, each at its number in TensorFlow's `TFRecordCompressionType`."""

_GZIP_WINDOW = 16  # zlib's way to say: a gzip header and trailer around the stream
_INPUT_BYTES = 256 * 1024


def compression_type(value: Any) -> str:
    """The name of a compression type given by name, by number or as None.

    Raises:
        InvalidArgumentError: it is none of the known types.
    """
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(TYPES):
        return TYPES[value]
    if isinstance(value, str) and value in TYPES:
        return value
    raise errors.InvalidArgumentError(f"compression type {value!r} is not known; expected '', 'GZIP' or 'ZLIB'")


@dataclass(frozen=True)
class Deflate:
    """zlib's parameters, with TensorFlow's defaults; they change the size and speed of a file, not what it holds."""

    level: int = zlib.Z_DEFAULT_COMPRESSION
    method: int = zlib.DEFLATED
    window_bits: int = 15
    mem_level: int = 9
    strategy: int = zlib.Z_DEFAULT_STRATEGY

    def compressor(self, kind: str) -> Any:
        """A zlib compressor that writes `kind`'s header. A gzip header carries no name and no time."""
        window = self.window_bits + (_GZIP_WINDOW if kind == "GZIP" else 0)
        try:
            return zlib.compressobj(self.level, self.method, window, self.mem_level, self.strategy)
        except (ValueError, zlib.error) as error:
            raise errors.InvalidArgumentError(f"zlib refuses {self}: {error}; give levels -1..9 and window bits 9..15") from None


class InflateStream(io.RawIOBase):
    """The decompressed bytes of a GZIP (also of several members) or ZLIB stream; memory stays bounded whatever the ratio."""

    def __init__(self, raw: IO[bytes], kind: str, name: str) -> None:
        super().__init__()
        self._raw = raw
        self._window = zlib.MAX_WBITS + (_GZIP_WINDOW if kind == "GZIP" else 0)
        self._kind = kind
        self._name = name
        self._decoder: Any = None
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        while True:
            if not self._pending:
                self._pending = self._raw.read(_INPUT_BYTES)
            at_end = not self._pending
            if self._decoder is None:
                if at_end:
                    return 0
                self._decoder = zlib.decompressobj(self._window)
            data = self._inflate(len(view))
            if data:
                view[: len(data)] = data
                return len(data)
            if at_end and self._decoder is not None:
                self._fail("is cut short")

    def _inflate(self, limit: int) -> bytes:
        try:
            data: bytes = self._decoder.decompress(self._pending, limit)
        except zlib.error as error:
            self._fail(f"is damaged ({error})")
        if self._decoder.eof:
            # What follows, if anything, is another member.
            self._pending, self._decoder = self._decoder.unused_data, None
        else:
            self._pending = self._decoder.unconsumed_tail
        return data

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _fail(self, what: str) -> NoReturn:
        raise errors.DataLossError(
            f"{self._name}: the {self._kind} stream {what} near byte {self._raw.tell()} of the file;"
            " check the compression type, or fetch the file again"
        )


def open_for_reading(path: str | os.PathLike[str], kind: str) -> io.BufferedReader:
    """The decompressed bytes of a file.

    Raises:
        NotFoundError: there is no such file.
        PermissionDeniedError: it may not be read.
        FailedPreconditionError: it is a folder.
    """
    name = os.fspath(path)
    raw = open_file(name, "rb")
    if kind:
        raw = InflateStream(raw, kind, name)
    return raw if hasattr(raw, "read1") else io.BufferedReader(raw, _INPUT_BYTES)


def open_at(path: str | os.PathLike[str], kind: str, offset: int) -> io.BufferedReader:
    """`open_for_reading` from a place in the decompressed bytes on; compressed ones before it are read and dropped."""
    stream = open_for_reading(path, kind)
    if not kind:
        stream.seek(offset)
        return stream
    while offset > 0 and (piece := stream.read(min(offset, _INPUT_BYTES))):
        offset -= len(piece)
    return stream


def open_file(name: str, mode: str) -> Any:
    """A file of this machine, or behind a URL, with the errors of `core.errors`."""
    system, place = system_of(name)
    with named(name):
        return system.open(place, mode)
