"""What stands in one file, read a block at a time: records, lines, pieces of one size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from headrace.core.errors import DataLossError, InvalidArgumentError, ResourceExhaustedError
from headrace.data import compression
from headrace.data.records import BLOCK_BYTES, MAX_RECORD_BYTES


class BlockReader(Protocol):
    """The items of one file.

    Attributes:
        offset: where in the uncompressed bytes the next item begins.
    """

    offset: int

    def read(self) -> list[bytes]:
        """The next items, at least one; none at the end."""

    def close(self) -> None:
        """Closes the file."""


Opener = Callable[[str, int], BlockReader]
"""Opens a file, to be read from a place on where an item begins (0: from its beginning)."""


class LineReader:
    """The lines of a file, without the characters that end them; carriage returns are dropped everywhere, as in TensorFlow.

    Args:
        path: the file, or a URL.
        kind: '', 'GZIP' or 'ZLIB'.
        offset: where to begin.
        keep_returns: leaves carriage returns where they are.
    """

    def __init__(self, path: str, kind: str, offset: int, keep_returns: bool = False) -> None:
        self.offset = offset
        self._keep_returns = keep_returns
        self._name = path
        self._stream = compression.open_at(path, kind, offset)
        self._rest: list[bytes] = []

    def read(self) -> list[bytes]:
        """The next lines.

        Raises:
            DataLossError: a compressed file is damaged.
            ResourceExhaustedError: a line is longer than MAX_RECORD_BYTES.
        """
        whole = self._whole()
        if whole is None:
            return []
        if b"\r" in whole and not self._keep_returns:
            return whole.replace(b"\r", b"").split(b"\n")
        return whole.split(b"\n")

    def _whole(self) -> bytes | None:
        """Some whole lines, the last without its end; None at the end of the file."""
        size = sum(map(len, self._rest))
        while data := self._stream.read1(BLOCK_BYTES):
            end = data.rfind(b"\n")
            if end >= 0:
                whole = b"".join([*self._rest, data[:end]])
                self._rest = [data[end + 1 :]]
                self.offset += len(whole) + 1
                return whole
            self._rest.append(data)
            size += len(data)
            if size > MAX_RECORD_BYTES:
                raise ResourceExhaustedError(
                    f"{self._name}: the line at offset {self.offset} has more than {MAX_RECORD_BYTES} bytes"
                )
        whole = b"".join(self._rest)
        self._rest = []
        self.offset += len(whole)
        return whole or None

    def close(self) -> None:
        """Closes the file."""
        self._stream.close()


class PieceReader:
    """Pieces of one size, between a header and a footer.

    Args:
        path: the file, or a URL.
        kind: '', 'GZIP' or 'ZLIB'.
        offset: where to begin; 0 for the first piece.
        size: bytes of a piece.
        header: bytes to leave out at the beginning.
        footer: bytes to leave out at the end.

    Raises:
        InvalidArgumentError: the file's size does not fit.
    """

    def __init__(self, path: str, kind: str, offset: int, size: int, header: int, footer: int) -> None:
        self._name, self._size, self._header, self._footer = path, size, header, footer
        self.offset = max(offset, header)
        self._stream = compression.open_at(path, kind, self.offset)
        self._block = b""
        if not kind:
            length = self._stream.seek(0, 2)
            if length < header + footer or (length - header - footer) % size:
                self._stream.close()
                raise InvalidArgumentError(
                    f"{path} has {length} bytes; with a header of {header} and a footer of {footer} bytes that is no whole number"
                    f" of records of {size} bytes"
                )
            self._stream.seek(self.offset)

    def read(self) -> list[bytes]:
        """The next pieces.

        Raises:
            DataLossError: a compressed file is damaged, or its size does not fit.
        """
        while True:
            count = (len(self._block) - self._footer) // self._size
            if count > 0:
                size, end = self._size, count * self._size
                pieces = [self._block[start : start + size] for start in range(0, end, size)]
                self._block = self._block[end:]
                self.offset += end
                return pieces
            data = self._stream.read1(max(BLOCK_BYTES, self._size))
            if not data:
                break
            self._block += data
        if len(self._block) != self._footer:
            raise DataLossError(
                f"{self._name} ends with {len(self._block)} bytes after the last whole record, at offset {self.offset}; its footer"
                f" has {self._footer} bytes"
            )
        return []

    def close(self) -> None:
        """Closes the file."""
        self._stream.close()


class RowReader:
    """The rows of a file of comma-separated values; line breaks within quotes are part of a row.

    Args:
        path: the file, or a URL.
        kind: '', 'GZIP' or 'ZLIB'.
        offset: where to begin.
        header: leaves out the first row of the file.
        quoted: whether fields may stand in quotes.
    """

    def __init__(self, path: str, kind: str, offset: int, header: bool, quoted: bool) -> None:
        self.offset = offset
        self._lines = LineReader(path, kind, offset, keep_returns=True)
        self._skip = header and not offset
        self._quoted = quoted
        self._open: list[bytes] = []

    def read(self) -> list[bytes]:
        """The next rows; see LineReader.read."""
        rows: list[bytes] = []
        while not rows:
            lines = self._lines.read()
            for line in lines:
                self._open.append(line)
                if not self._quoted or sum(part.count(b'"') for part in self._open) % 2 == 0:
                    rows.append(self._closed())
            if not lines:
                if self._open:
                    rows.append(self._closed())
                break
            if rows and self._skip:
                del rows[0]
                self._skip = False
        self.offset = self._lines.offset - sum(len(part) + 1 for part in self._open)
        return rows

    def _closed(self) -> bytes:
        row = b"\n".join(self._open).removesuffix(b"\r")
        self._open.clear()
        return row

    def close(self) -> None:
        """Closes the file."""
        self._lines.close()
