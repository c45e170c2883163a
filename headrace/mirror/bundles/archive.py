"""The archive of a bundle: a tar file that can be written in one way only, so that it is read without guessing.

    manifest.json, manifest.sig, pages, sbom.cdx.json, files, 1024 zero bytes

Every header follows from the name and size of its member, and both from the manifest. So a reader compares headers byte by
byte and parses none but the first two: links, paths that lead out, extra or missing members cannot even be said.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from headrace.core.errors import DataLossError

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_PIECE_BYTES = 1 << 20


def header(name: str, size: int) -> bytes:
    """The header of a member; GNU's form, whose sizes have no limit."""
    found = tarfile.TarInfo(name)
    found.size, found.mode = size, 0o644
    return found.tobuf(tarfile.GNU_FORMAT)


class ArchiveWriter:
    """Writes members one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, name: str, data: bytes) -> None:
        """A member that is at hand."""
        self._file.write(header(name, len(data)) + data + _padding(len(data)))

    def add_pieces(self, name: str, size: int, pieces: Iterator[bytes]) -> None:
        """A member that comes in pieces.

        Raises:
            DataLossError: they are more or fewer bytes than `size`.
        """
        self._file.write(header(name, size))
        written = 0
        for piece in pieces:
            written += len(piece)
            self._file.write(piece)
        if written != size:
            raise DataLossError(f"{name} has {written} bytes; {size} were expected")
        self._file.write(_padding(size))

    def finish(self) -> None:
        """The end of the archive."""
        self._file.write(_END)


class ArchiveReader:
    """Reads members one after the other, also from a pipe."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def first(self, name: str, most: int) -> bytes:
        """A member whose size is not known beforehand.

        Raises:
            DataLossError: another one comes, or it has more than `most` bytes.
        """
        found = self._exactly(_BLOCK, f"the header of {name}")
        try:
            size = tarfile.TarInfo.frombuf(found, "utf-8", "strict").size
        except (tarfile.HeaderError, UnicodeDecodeError, ValueError):
            raise DataLossError(f"this is no bundle, or a damaged one: it does not have {name} where it should be") from None
        if not 0 <= size <= most:
            raise DataLossError(f"the bundle's {name} has {size} bytes; at most {most} are taken")
        if found != header(name, size):
            raise DataLossError(f"this is no bundle, or a damaged one: it does not have {name} where it should be")
        return b"".join(self._content(size, name))

    def pieces(self, name: str, size: int, called: str) -> Iterator[bytes]:
        """The bytes of the member that comes next.

        Args:
            name: of it.
            size: of it.
            called: what people know it as.

        Raises:
            DataLossError: another one comes, or the archive ends.
        """
        if self._exactly(_BLOCK, called) != header(name, size):
            raise DataLossError(f"the bundle is damaged: {called} is not where it should be, or something else is in its place")
        yield from self._content(size, called)

    def finish(self) -> None:
        """The end.

        Raises:
            DataLossError: more comes, or the end is missing.
        """
        if self._exactly(len(_END), "its end") != _END or self._file.read(1):
            raise DataLossError("the bundle goes on after its last member; it is damaged, or was added to")

    def _content(self, size: int, called: str) -> Iterator[bytes]:
        left = size
        while left:
            piece = self._file.read(min(left, _PIECE_BYTES))
            if not piece:
                raise DataLossError(f"the bundle ends in the middle of {called}; it was not copied as a whole")
            left -= len(piece)
            yield piece
        padding = _padding(size)
        if padding and self._exactly(len(padding), called) != padding:
            raise DataLossError(f"the bundle is damaged after {called}")

    def _exactly(self, size: int, called: str) -> bytes:
        found = b""
        while len(found) < size:
            piece = self._file.read(size - len(found))
            if not piece:
                raise DataLossError(f"the bundle ends before {called}; it was not copied as a whole")
            found += piece
        return found


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)
