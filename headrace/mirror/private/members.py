"""What the members of an uploaded archive may be: nothing that lands elsewhere, is another thing, or is far more than it seems.

Members are never unpacked here. Whoever installs the archive does that, and trusts that it has been looked at.
"""

from __future__ import annotations

import gzip
import posixpath
import stat
import tarfile
import tempfile
import zipfile
from pathlib import PurePosixPath
from typing import IO

from headrace.core.errors import InvalidArgumentError

MAX_MEMBERS = 200_000
_MAX_NAME = 1024
_MAX_RATIO = 200
_FREE_BYTES = 256 << 20
"""So much may be in any archive, however small it is."""
_MAX_DEPTH = 3
_MAX_READ_BYTES = 16 << 20
_IN_MEMORY_BYTES = 8 << 20
_PIECE_BYTES = 256 << 10
_ZIPS = (".zip", ".whl", ".egg", ".jar")


class Members:
    """Looks at an archive's members one after the other.

    Args:
        filename: of the archive, for errors.
        packed: its size in bytes, which says how much may be in it.
    """

    def __init__(self, filename: str, packed: int) -> None:
        self._filename = filename
        self.limit = max(_FREE_BYTES, packed * _MAX_RATIO)
        self._unpacked = 0
        self._names: set[str] = set()
        self._links: set[str] = set()

    def zip(self, archive: zipfile.ZipFile, depth: int = 0) -> None:
        """Looks at all members of a ZIP archive, and at those of ZIP archives in it.

        Raises:
            InvalidArgumentError: one may not be there.
            zipfile.BadZipFile: the archive is damaged.
        """
        for member in archive.infolist():
            if depth == 0:
                self._name(member.filename)
                mode = stat.S_IFMT(member.external_attr >> 16)
                if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise self._refusal(member.filename, "which is no file and no folder")
                if member.flag_bits & 1:
                    raise self._refusal(member.filename, "which is encrypted")
            self._size(member.filename, member.file_size)
            if member.filename.lower().endswith(_ZIPS):
                with archive.open(member) as inner:
                    self._nested(member.filename, inner, depth + 1)

    def tar(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Looks at the next member of a tar archive, and at those of a ZIP archive in it; raises as `zip` does."""
        self._name(member.name)
        if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
            raise self._refusal(member.name, "which is a device or a pipe")
        if member.issym() or member.islnk():
            base = posixpath.dirname(member.name) if member.issym() else ""
            target = posixpath.normpath(posixpath.join(base, member.linkname))
            if _leads_out(member.linkname.replace("..", "")) or target.split("/")[0] == "..":
                raise self._refusal(member.name, f"a link to {member.linkname[:100]!r}, which leads out of where it is unpacked")
            self._links.add(posixpath.normpath(member.name))
        self._size(member.name, member.size)
        if member.isfile() and member.name.lower().endswith(_ZIPS):
            inner = archive.extractfile(member)
            if inner is not None:
                with inner:
                    self._nested(member.name, inner, 1)

    def _name(self, name: str) -> None:
        if len(self._names) >= MAX_MEMBERS:
            raise InvalidArgumentError(f"{self._filename} has more than {MAX_MEMBERS} members")
        plain = posixpath.normpath(name)
        if _leads_out(name):
            raise self._refusal(name, "which leads out of where it is unpacked")
        if not name or len(name) > _MAX_NAME or not name.isprintable():
            raise self._refusal(name, "which is no name of a file")
        if plain in self._names:
            raise self._refusal(name, "twice")
        if any(str(parent) in self._links for parent in PurePosixPath(plain).parents):
            raise self._refusal(name, "which lies behind a link")
        self._names.add(plain)

    def _size(self, name: str, size: int) -> None:
        self._unpacked += size
        if self._unpacked > self.limit:
            raise self._refusal(name, f"with which it would unpack to more than {self.limit} bytes")

    def _nested(self, name: str, inner: IO[bytes], depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise self._refusal(name, f"an archive in archives, more than {_MAX_DEPTH} deep")
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as copy:
            while piece := inner.read(_PIECE_BYTES):
                copy.write(piece)
            copy.seek(0)
            try:
                with zipfile.ZipFile(copy) as archive:
                    self.zip(archive, depth)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
                return  # it only has the name of an archive, or is one that most cannot unpack

    def _refusal(self, name: str, why: str) -> InvalidArgumentError:
        return InvalidArgumentError(f"{self._filename} has a member {name[:100]!r}, {why}")


class BoundedGzip(gzip.GzipFile):
    """What is in a .gz file, as long as it is not too much; tarfile by itself reads headers of any size into memory.

    Args:
        file: the packed file.
        limit: of the bytes in it.
    """

    def __init__(self, file: IO[bytes], limit: int) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._limit = limit

    def read(self, size: int | None = -1) -> bytes:
        """As of every file.

        Raises:
            tarfile.ReadError: too much is asked for at once, or is there at all.
        """
        if size is None or not 0 <= size <= _MAX_READ_BYTES:
            raise tarfile.ReadError(f"it has a header of {size} bytes; at most {_MAX_READ_BYTES} are read")
        self._check(self.tell() + size)
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of every file; raises as `read` does."""
        self._check(offset)
        return super().seek(offset, whence)

    def _check(self, place: int) -> None:
        if place > self._limit + _MAX_READ_BYTES:
            raise tarfile.ReadError(f"it would unpack to more than {self._limit} bytes")


def _leads_out(name: str) -> bool:
    plain = name.replace("\\", "/")
    return plain.startswith("/") or ".." in PurePosixPath(plain).parts or ":" in plain.split("/")[0]
