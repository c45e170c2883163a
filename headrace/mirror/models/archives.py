"""Archives of models: looked at before they are given out or unpacked, and made the same way each time."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, cast

from headrace.core.errors import DataLossError
from headrace.mirror.private.members import BoundedGzip

MAX_MEMBERS = 20_000
_GZIP = b"\x1f\x8b"
_MAX_RATIO = 200
_FREE_BYTES = 256 << 20
_HEADER_BYTES = 64 << 20
"""So much may be in an archive beside its files."""
_MAX_READ_BYTES = 16 << 20
_MAX_NAME = 1000
_PIECE_BYTES = 1 << 20
_UNREADABLE = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, OSError, ValueError, OverflowError)
"""What reading a damaged archive ends with."""
_LEVEL = 1
"""Of compression: weights hardly become smaller, however long one tries."""


def inspect(path: Path, what: str) -> int:
    """Reads a tar archive, plain or with gzip, to its end, and looks at its members: plain files and folders in it, and no more.

    Args:
        path: of the archive.
        what: it is, for errors.

    Returns:
        The bytes of its files.

    Raises:
        DataLossError: it is none, or may do harm where it is unpacked.
    """
    return sum(member.size for member, _ in _members(path, what))


def unpack(path: Path, folder: Path, what: str) -> None:
    """Unpacks an archive into a folder that is empty; raises as `inspect` does. What is written is on the disk afterwards."""
    for member, content in _members(path, what):
        target = folder / _plain(member.name)
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for piece in content:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())


def pack(target: Path, files: Sequence[tuple[str, Path]]) -> None:
    """Writes a .tar.gz of files, the same bytes for the same files: folders first, in order, without times and owners.

    Args:
        target: of the archive.
        files: the path of each in the archive, and where it is.
    """
    folders = {str(parent) for path, _ in files for parent in PurePosixPath(path).parents if str(parent) != "."}
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed,
        tarfile.open(fileobj=cast(IO[bytes], packed), mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for folder in sorted(folders):
            archive.addfile(_entry(folder, tarfile.DIRTYPE, 0o755, 0))
        for path, place in sorted(files):
            with place.open("rb") as file:
                archive.addfile(_entry(path, tarfile.REGTYPE, 0o644, os.fstat(file.fileno()).st_size), file)


def _entry(name: str, kind: bytes, mode: int, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size = kind, mode, size
    return entry


def _members(path: Path, what: str) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes] | None]]:
    """The members of an archive, one after the other, with the content of files, once each has been looked at."""
    check = _Check(what, max(_FREE_BYTES, path.stat().st_size * _MAX_RATIO))
    try:
        with _BoundedFile(path) as raw:
            packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            opened = cast(IO[bytes], BoundedGzip(cast(IO[bytes], raw), check.limit + _HEADER_BYTES) if packed else raw)
            with tarfile.open(fileobj=opened, mode="r:") as archive:
                for member in archive:
                    check(member)
                    yield member, _content(archive, member, what) if member.isfile() else None
                while opened.read(_PIECE_BYTES):  # gzip compares its checksum at the end
                    pass
            if not check.names:
                raise DataLossError(f"{what} is an archive of nothing")
    except _UNREADABLE as error:
        raise DataLossError(f"{what} is no archive that can be read: {error}") from None


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, what: str) -> Iterator[bytes]:
    """The content of a file, in pieces."""
    left = member.size
    try:
        content = archive.extractfile(member)
        while content is not None and (piece := content.read(_PIECE_BYTES)):
            left -= len(piece)
            yield piece
    except _UNREADABLE as error:
        raise DataLossError(f"{what} is no archive that can be read: {error}") from None
    if left:
        raise DataLossError(f"{what} has {left} bytes less of {member.name[:120]!r} than it says")


class _BoundedFile(io.FileIO):
    """A file of which not too much is read at once; tarfile by itself reads headers of any size into memory."""

    def read(self, size: int | None = -1) -> bytes:
        """As of every file; raises ReadError when too much is asked for at once."""
        if size is None or not 0 <= size <= _MAX_READ_BYTES:
            raise tarfile.ReadError(f"it has a header of {size} bytes; at most {_MAX_READ_BYTES} are read")
        return super().read(size)


class _Check:
    """Looks at members.

    Attributes:
        limit: of the bytes in all files.
        names: of the members so far; true for files.
    """

    def __init__(self, what: str, limit: int) -> None:
        self._what = what
        self.limit = limit
        self.names: dict[str, bool] = {}
        self._bytes = 0

    def __call__(self, member: tarfile.TarInfo) -> None:
        name = member.name
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) or getattr(member, "sparse", None) is not None:
            raise self._refusal(name, "which is neither a plain file nor a folder")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name or not name.isprintable() or len(name) > _MAX_NAME:
            raise self._refusal(name, "a name that may lead out of where it is unpacked")
        plain = _plain(name)
        if plain == "." and member.isdir():
            return
        if self.names.get(plain, False) or (member.isfile() and plain in self.names):
            raise self._refusal(name, "twice")
        if plain == "." or any(self.names.get(str(parent), False) for parent in PurePosixPath(plain).parents):
            raise self._refusal(name, "which is in a file")
        self.names[plain] = member.isfile()
        self._bytes += member.size
        if len(self.names) > MAX_MEMBERS:
            raise DataLossError(f"{self._what} has more than {MAX_MEMBERS} members")
        if self._bytes > self.limit:
            raise self._refusal(name, f"with which it unpacks to more than {self.limit} bytes")

    def _refusal(self, name: str, why: str) -> DataLossError:
        return DataLossError(f"{self._what} has a member {name[:120]!r}, {why}")


def _plain(name: str) -> str:
    """The name without `./` and the like."""
    return str(PurePosixPath(name))
