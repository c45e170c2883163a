"""File systems behind one interface: this machine's, and those of URLs, which fsspec knows."""

from __future__ import annotations

import errno
import glob
import importlib
import os
import shutil
import stat
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from headrace.core.errors import UnimplementedError


class FileStatistics(NamedTuple):
    """What a file system tells of a file.

    Attributes:
        length: bytes.
        mtime_nsec: when it was changed, in nanoseconds since 1970; 0 where it is not known.
        is_directory: whether it is a directory.
    """

    length: int
    mtime_nsec: int
    is_directory: bool


class FileSystem(Protocol):
    """What can be done with paths. What fails raises an OSError."""

    def open(self, path: str, mode: str) -> IO[bytes]:
        """The file, opened for bytes."""

    def stat(self, path: str) -> FileStatistics:
        """What there is."""

    def listdir(self, path: str) -> list[str]:
        """The names in a directory."""

    def glob(self, pattern: str) -> list[str]:
        """The paths that a pattern fits, in which `*` stops at a slash."""

    def mkdir(self, path: str) -> None:
        """Makes a directory in one that is there."""

    def makedirs(self, path: str) -> None:
        """Makes a directory and those above it, as far as they are missing."""

    def remove(self, path: str) -> None:
        """Removes a file."""

    def rmtree(self, path: str) -> None:
        """Removes a directory with all that is in it, or a file."""

    def rename(self, path: str, target: str) -> None:
        """Moves a file or directory; a file in the way is replaced."""

    def copy(self, path: str, target: str) -> None:
        """Copies a file."""


class LocalFiles:
    """This machine's files."""

    def open(self, path: str, mode: str) -> IO[bytes]:
        """See FileSystem.open."""
        return open(path, mode)

    def stat(self, path: str) -> FileStatistics:
        """See FileSystem.stat."""
        found = os.stat(path)
        return FileStatistics(found.st_size, found.st_mtime_ns, stat.S_ISDIR(found.st_mode))

    def listdir(self, path: str) -> list[str]:
        """See FileSystem.listdir."""
        return os.listdir(path)

    def glob(self, pattern: str) -> list[str]:
        """See FileSystem.glob."""
        return glob.glob(pattern, include_hidden=True)

    def mkdir(self, path: str) -> None:
        """See FileSystem.mkdir."""
        Path(path).mkdir()

    def makedirs(self, path: str) -> None:
        """See FileSystem.makedirs."""
        Path(path).mkdir(parents=True, exist_ok=True)

    def remove(self, path: str) -> None:
        """See FileSystem.remove."""
        if Path(path).is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        Path(path).unlink()

    def rmtree(self, path: str) -> None:
        """See FileSystem.rmtree."""
        if Path(path).is_dir() and not Path(path).is_symlink():
            shutil.rmtree(path)
        else:
            Path(path).unlink()

    def rename(self, path: str, target: str) -> None:
        """See FileSystem.rename."""
        Path(path).replace(target)

    def copy(self, path: str, target: str) -> None:
        """See FileSystem.copy."""
        shutil.copyfile(path, target)


class RemoteFiles:
    """The files of one scheme of URLs."""

    def __init__(self, scheme: str) -> None:
        """Finds the file system.

        Raises:
            UnimplementedError: fsspec is not installed, or does not know the scheme or lacks a package for it.
        """
        try:
            self._fs: Any = importlib.import_module("fsspec").filesystem(scheme)
        except (ImportError, ValueError) as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == "fsspec"
            reason = "fsspec is not installed; install headrace[files]" if missing else str(error)
            raise UnimplementedError(f"file system scheme {scheme!r} is not available: {reason}") from error

    def open(self, path: str, mode: str) -> IO[bytes]:
        """See FileSystem.open."""
        opened: IO[bytes] = self._fs.open(path, mode)
        return opened

    def stat(self, path: str) -> FileStatistics:
        """See FileSystem.stat."""
        found = self._fs.info(path)
        when = found.get("mtime") or found.get("LastModified") or found.get("created")
        seconds = when.timestamp() if hasattr(when, "timestamp") else when if isinstance(when, int | float) else 0.0
        return FileStatistics(int(found.get("size") or 0), int(seconds * 1e9), found["type"] == "directory")

    def listdir(self, path: str) -> list[str]:
        """See FileSystem.listdir."""
        if self._fs.isfile(path):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory")
        return [name.rstrip("/").rpartition("/")[2] for name in self._fs.ls(path, detail=False)]

    def glob(self, pattern: str) -> list[str]:
        """See FileSystem.glob."""
        return [self._fs.unstrip_protocol(name) for name in self._fs.glob(pattern.replace("**", "*"))]

    def mkdir(self, path: str) -> None:
        """See FileSystem.mkdir."""
        self._fs.mkdir(path, create_parents=False)

    def makedirs(self, path: str) -> None:
        """See FileSystem.makedirs."""
        self._fs.makedirs(path, exist_ok=True)

    def remove(self, path: str) -> None:
        """See FileSystem.remove."""
        if self._fs.isdir(path):
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        self._fs.rm_file(path)

    def rmtree(self, path: str) -> None:
        """See FileSystem.rmtree."""
        self._fs.rm(path, recursive=True)

    def rename(self, path: str, target: str) -> None:
        """See FileSystem.rename."""
        self._fs.mv(path, target, recursive=True)

    def copy(self, path: str, target: str) -> None:
        """See FileSystem.copy."""
        self._fs.cp_file(path, target)


def schemes() -> list[str]:
    """The schemes of URLs that may be used; most need a package of their own."""
    try:
        more = importlib.import_module("fsspec").available_protocols()
    except ModuleNotFoundError:
        more = []
    return sorted({"", "file", *more} - {"local"})


def local(name: Any) -> str:
    """The path of a file on this machine: `name` without `file://`.

    Raises:
        UnimplementedError: it is a URL of another scheme.
    """
    system, place = system_of(os.fsdecode(name))
    if system is LOCAL:
        return place
    raise UnimplementedError(f"{os.fsdecode(name)!r} is a URL; only files of this machine can be used here")


LOCAL = LocalFiles()
_remote: dict[str, RemoteFiles] = {}


def system_of(path: str) -> tuple[FileSystem, str]:
    """The file system of a path, and the path as it takes it.

    Raises:
        UnimplementedError: the path is a URL of a scheme that is not available.
    """
    scheme, mark, rest = path.partition("://")
    if not mark:
        return LOCAL, path
    if scheme == "file":
        return LOCAL, rest
    if scheme not in _remote:
        _remote[scheme] = RemoteFiles(scheme)
    return _remote[scheme], path
