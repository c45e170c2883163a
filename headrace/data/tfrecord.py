"""TFRecord files: a sequence of byte strings, each guarded by checksums.

The whole file may be GZIP or ZLIB compressed. `headrace.data.records` has the form of a record.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any, ClassVar

from headrace.core import errors
from headrace.data import compression
from headrace.data.records import MAX_RECORD_BYTES, RecordReader, framed

_FLUSH_MODES = {
    None: zlib.Z_SYNC_FLUSH,
    zlib.Z_NO_FLUSH: None,
    zlib.Z_PARTIAL_FLUSH: zlib.Z_PARTIAL_FLUSH,
    zlib.Z_SYNC_FLUSH: zlib.Z_SYNC_FLUSH,
    zlib.Z_FULL_FLUSH: zlib.Z_FULL_FLUSH,
}


class TFRecordOptions:
    """How a TFRecord file is compressed. All but `compression_type` are zlib's parameters and change no content."""

    compression_type_map: ClassVar[dict[int, str]] = dict(enumerate(compression.TYPES))

    def __init__(
        self,
        compression_type: Any = None,
        flush_mode: int | None = None,
        input_buffer_size: int | None = None,
        output_buffer_size: int | None = None,
        window_bits: int | None = None,
        compression_level: int | None = None,
        compression_method: int | None = None,
        mem_level: int | None = None,
        compression_strategy: int | None = None,
    ) -> None:
        """Takes the compression type as '', 'GZIP' or 'ZLIB', and any of zlib's parameters.

        Args:
            compression_type: the name, or its number.
            flush_mode: zlib's mode for `TFRecordWriter.flush` (Z_NO_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH or Z_FULL_FLUSH).
            input_buffer_size: taken for compatibility; zlib's input needs no buffer here.
            output_buffer_size: bytes buffered before the file is written.
            window_bits: 9..15.
            compression_level: -1..9.
            compression_method: 8, the only one that zlib has.
            mem_level: 1..9.
            compression_strategy: zlib's strategy number.

        Raises:
            InvalidArgumentError: a value is out of range.
        """
        self.compression_type = compression.compression_type(compression_type)
        if flush_mode not in _FLUSH_MODES:
            raise errors.InvalidArgumentError(f"flush mode {flush_mode} is not one that a file can go on after; give 0 to 3")
        for name, size in (("input_buffer_size", input_buffer_size), ("output_buffer_size", output_buffer_size)):
            if size is not None and size <= 0:
                raise errors.InvalidArgumentError(f"{name} is {size}; expected a positive number of bytes")
        self.flush_mode = flush_mode
        self.input_buffer_size = input_buffer_size
        self.output_buffer_size = output_buffer_size
        given = {
            "window_bits": window_bits,
            "level": compression_level,
            "method": compression_method,
            "mem_level": mem_level,
            "strategy": compression_strategy,
        }
        self.deflate = compression.Deflate(**{name: value for name, value in given.items() if value is not None})

    @classmethod
    def get_compression_type_string(cls, options: Any) -> str:
        """The compression type named by options, by a name or a number; '' for None."""
        return options.compression_type if isinstance(options, TFRecordOptions) else compression.compression_type(options)


class TFRecordWriter:
    """Writes records to a file, replacing it. Use it in a `with` statement: what is not closed may not be on disk."""

    def __init__(self, path: str | os.PathLike[str], options: TFRecordOptions | str | None = None) -> None:
        """Opens `path`; `options` may be just the compression type.

        Raises:
            NotFoundError: the folder does not exist.
            InvalidArgumentError: the compression type is unknown.
        """
        self._options = options if isinstance(options, TFRecordOptions) else TFRecordOptions(options)
        kind = self._options.compression_type
        self._deflater = self._options.deflate.compressor(kind) if kind else None
        raw = compression.open_file(os.fspath(path), "wb")
        size = self._options.output_buffer_size
        self._file: io.BufferedWriter | None = raw if size is None else io.BufferedWriter(raw.detach(), size)

    def write(self, record: bytes | bytearray | memoryview | str) -> None:
        """Appends a record; a string is written as UTF-8.

        Raises:
            TypeError: the record is neither bytes nor a string.
            FailedPreconditionError: the writer is closed.
        """
        if isinstance(record, str):
            record = record.encode()
        elif not isinstance(record, bytes | bytearray | memoryview):
            raise TypeError(f"a record is bytes; got {type(record).__name__}: serialize it first, as by SerializeToString()")
        self._put(framed(bytes(record)))

    def flush(self) -> None:
        """Hands everything written so far to the operating system."""
        file = self._opened()
        mode = _FLUSH_MODES[self._options.flush_mode]
        if self._deflater is not None and mode is not None:
            file.write(self._deflater.flush(mode))
        file.flush()

    def close(self) -> None:
        """Finishes the file. Closing again does nothing."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            if self._deflater is not None:
                file.write(self._deflater.flush(zlib.Z_FINISH))
        finally:
            file.close()

    def _opened(self) -> io.BufferedWriter:
        if self._file is None:
            raise errors.FailedPreconditionError("the writer is closed; open a new TFRecordWriter (it replaces the file)")
        return self._file

    def _put(self, data: bytes) -> None:
        file = self._opened()
        file.write(data if self._deflater is None else self._deflater.compress(data))

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read(path: str | os.PathLike[str], compression_type: Any = "", max_record_bytes: int = MAX_RECORD_BYTES) -> Iterator[bytes]:
    """Yields the records of a file, in order, each checked.

    Args:
        path: the file.
        compression_type: '' (or None), 'GZIP' or 'ZLIB'.
        max_record_bytes: a larger record is taken for damage.

    Raises:
        NotFoundError: there is no such file.
        DataLossError: a record is truncated, too large or fails its checksum; the message has the file and the offset.
        InvalidArgumentError: the compression type is unknown.
    """
    reader = RecordReader(path, compression_type, max_record_bytes)
    try:
        while found := reader.read():
            yield from found
    finally:
        reader.close()


def tf_record_iterator(path: str | os.PathLike[str], options: TFRecordOptions | str | None = None) -> Iterator[bytes]:
    """`read` under the name and with the arguments of `tf.compat.v1.io`."""
    return read(path, TFRecordOptions.get_compression_type_string(options))
