"""tf.io.gfile.GFile: one file, opened by the first read or write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Self

from headrace.core.errors import InvalidArgumentError, OutOfRangeError, PermissionDeniedError
from headrace.files.errors import named
from headrace.files.systems import system_of

_MODES = ("r", "w", "a", "r+", "w+", "a+")


class GFile:
    """A file that is opened when it is first read or written, as text in UTF-8 or, with `b` in the mode, as bytes.

    Reading and writing each have a place of their own in the file. After `close` it may be used again, from its beginning.

    Args:
        name: a path or a URL.
        mode: "r", "w" or "a", with "+" for both ways, and "b" for bytes.

    Raises:
        InvalidArgumentError: the mode is not one of these.
    """

    def __init__(self, name: Any, mode: str = "r") -> None:
        self._name = name
        self._path = os.fsdecode(name)
        self._mode = mode
        self._binary = "b" in mode
        plain = mode.replace("b", "")
        if plain not in _MODES:
            raise InvalidArgumentError(f"mode {mode!r} is not known; expected one of {', '.join(_MODES)}, with 'b' for bytes")
        self._may_read = plain[0] == "r" or "+" in plain
        self._may_write = plain != "r"
        self._reader: Any = None
        self._writer: Any = None

    @property
    def name(self) -> Any:
        """The path, as it was given."""
        return self._name

    @property
    def mode(self) -> str:
        """The mode, as it was given."""
        return self._mode

    def _reading(self) -> Any:
        if not self._may_read:
            raise PermissionDeniedError(f"{self._path} is not open for reading (mode {self._mode!r}); use 'r' or a mode with '+'")
        if self._writer is not None:
            self._writer.flush()
        if self._reader is None:
            self._reader = self._open("rb")
        return self._reader

    def _writing(self) -> Any:
        if not self._may_write:
            raise PermissionDeniedError(f"{self._path} is not open for writing (mode {self._mode!r}); use 'w' or 'a'")
        if self._writer is None:
            self._writer = self._open("ab" if "a" in self._mode else "wb")
        return self._writer

    def _open(self, mode: str) -> Any:
        system, place = system_of(self._path)
        with named(self._path):
            return system.open(place, mode)

    def _given(self, content: bytes) -> Any:
        return content if self._binary else content.decode()

    def size(self) -> int:
        """The length of the file, in bytes."""
        system, place = system_of(self._path)
        with named(self._path):
            return system.stat(place).length

    def read(self, n: int = -1) -> Any:
        """The next `n` bytes, or all that is left.

        Raises:
            NotFoundError: there is no such file.
            PermissionDeniedError: the mode does not allow it.
            UnicodeDecodeError: the mode is for text, and the bytes are no UTF-8.
        """
        reader = self._reading()
        with named(self._path):
            return self._given(reader.read(n))

    def readline(self) -> Any:
        """The next line with its end, without carriage returns; empty at the end of the file."""
        return self._given(self._reading().readline().replace(b"\r", b""))

    def readlines(self) -> list[Any]:
        """The lines that are left."""
        return list(self)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def next(self) -> Any:
        """The next line; StopIteration at the end of the file."""
        return self.__next__()

    def seek(self, offset: int | None = None, whence: int = 0, position: int | None = None) -> None:
        """Sets where the next read begins.

        Args:
            offset: bytes from the beginning (`whence` 0), from here (1), or from the end (2).
            position: the old name of `offset`.

        Raises:
            InvalidArgumentError: the place is before the beginning, or `whence` is unknown.
            OutOfRangeError: the place is after the end; the end is the place now.
        """
        reader = self._reading()
        if position is not None and offset is not None:
            raise TypeError("seek() takes offset or position, not both; position is the old name of offset")
        distance = position if offset is None else offset
        if distance is None:
            raise TypeError("seek() needs an offset, a number of bytes")
        end = self.size()
        start = {0: 0, 1: reader.tell(), 2: end}.get(whence)
        if start is None:
            raise InvalidArgumentError(f"whence is {whence}; expected 0 (beginning), 1 (here) or 2 (end)")
        if start + distance < 0:
            raise InvalidArgumentError(f"cannot seek to byte {start + distance} of {self._path}; the first byte is 0")
        reader.seek(min(start + distance, end))
        if start + distance > end:
            raise OutOfRangeError(f"byte {start + distance} is after the end of {self._path}, which has {end} bytes")

    def seekable(self) -> bool:
        """True: files can be read from any place."""
        return True

    def tell(self) -> int:
        """Where the next read begins, or the next write where the mode only writes."""
        place: int = (self._reading() if self._may_read else self._writing()).tell()
        return place

    def write(self, file_content: str | bytes) -> None:
        """Writes text, as UTF-8, or bytes.

        Raises:
            PermissionDeniedError: the mode does not allow it.
            NotFoundError: the folder is missing.
        """
        writer = self._writing()
        if not isinstance(file_content, str | bytes):
            raise TypeError(f"expected text or bytes to write; got {type(file_content).__name__}")
        with named(self._path):
            writer.write(file_content.encode() if isinstance(file_content, str) else file_content)

    def flush(self) -> None:
        """Hands what was written to the operating system."""
        if self._writer is not None:
            with named(self._path):
                self._writer.flush()

    def close(self) -> None:
        """Writes what is left and closes the file."""
        reader, writer, self._reader, self._writer = self._reader, self._writer, None, None
        with named(self._path):
            if reader is not None:
                reader.close()
            if writer is not None:
                writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A file that was only read or written, `GFile(name).read()`, closes with its object, as TensorFlow's does.
        if hasattr(self, "_writer"):
            self.close()
