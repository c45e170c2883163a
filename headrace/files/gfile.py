"""tf.io.gfile: files and directories, on this machine or behind URLs. Text is UTF-8."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import IO, Any

from headrace.core.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
    PermissionDeniedError,
)
from headrace.files.errors import named
from headrace.files.systems import FileStatistics, schemes, system_of

AnyPath = str | bytes | os.PathLike[str]
_MODES = ("r", "w", "a", "r+", "w+", "a+")


class GFile:
    """A file, opened when it is first read or written.

    Args:
        name: its path or URL.
        mode: `r`, `w`, `a`, with `+` for both ways and `b` for bytes.

    Raises:
        InvalidArgumentError: the mode is none of these.
    """

    def __init__(self, name: AnyPath, mode: str = "r") -> None:
        plain = mode.replace("b", "")
        if plain not in _MODES:
            raise InvalidArgumentError(f"the mode {mode!r} is none of {', '.join(_MODES)}, each with or without b")
        self.name = os.fsdecode(name)
        self.mode = mode
        self._plain = plain
        self._binary = "b" in mode
        self._file: IO[bytes] | None = None

    def _opened(self, *, reads: bool = False, writes: bool = False) -> IO[bytes]:
        both = "+" in self._plain
        if reads and not (both or self._plain == "r"):
            raise PermissionDeniedError(f"{self.name} is not open for reading but with the mode {self.mode!r}")
        if writes and not (both or self._plain != "r"):
            raise PermissionDeniedError(f"{self.name} is not open for writing but with the mode {self.mode!r}")
        if self._file is None:
            system, path = system_of(self.name)
            with named(self.name):
                self._file = system.open(path, f"{self._plain[0]}b{self._plain[1:]}")
        return self._file

    def _given(self, content: bytes) -> Any:
        return content if self._binary else content.decode()

    def size(self) -> int:
        """The file's length in bytes, as far as it was written out."""
        return stat(self.name).length

    def write(self, file_content: str | bytes) -> None:
        """Writes text or bytes.

        Raises:
            TypeError: it is neither.
            PermissionDeniedError: the file is open for reading only.
        """
        if not isinstance(file_content, str | bytes):
            raise TypeError(f"expected text or bytes to write, got {file_content!r}")
        file = self._opened(writes=True)
        with named(self.name):
            file.write(file_content.encode() if isinstance(file_content, str) else file_content)

    def read(self, n: int = -1) -> Any:
        """At most `n` bytes from where the file stands, all by default; as text unless the mode has `b`."""
        file = self._opened(reads=True)
        with named(self.name):
            return self._given(file.read(n))

    def readline(self) -> Any:
        """The next line with its newline; empty at the end."""
        file = self._opened(reads=True)
        with named(self.name):
            return self._given(file.readline())

    def readlines(self) -> list[Any]:
        """The lines that are left."""
        return list(self)

    def seek(self, offset: int, whence: int = 0) -> None:
        """Goes to a position, from the start (0), from here (1) or from the end (2).

        Raises:
            InvalidArgumentError: `whence` is none of these.
        """
        if whence not in (0, 1, 2):
            raise InvalidArgumentError(f"whence is {whence}; expected 0, 1 or 2")
        file = self._opened(reads=True)
        with named(self.name):
            file.seek(offset, whence)

    def tell(self) -> int:
        """The position in bytes."""
        return self._opened().tell()

    def seekable(self) -> bool:
        """True."""
        return True

    def flush(self) -> None:
        """Writes out what waits."""
        if self._file is not None:
            with named(self.name):
                self._file.flush()

    def close(self) -> None:
        """Closes the file, if it was opened; a file that nothing was written to is not made."""
        if self._file is not None:
            file, self._file = self._file, None
            with named(self.name):
                file.close()

    def __iter__(self) -> Iterator[Any]:
        """The lines."""
        while line := self.readline():
            yield line

    def __next__(self) -> Any:
        """The next line."""
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def exists(path: AnyPath) -> bool:
    """True when there is a file or directory.

    Raises:
        UnimplementedError: the path is a URL of a scheme that is not available.
    """
    try:
        stat(path)
    except (NotFoundError, FailedPreconditionError):  # the latter when what stands above is a file
        return False
    return True


def isdir(path: AnyPath) -> bool:
    """True for a directory."""
    try:
        return stat(path).is_directory
    except OpError:
        return False


def stat(path: AnyPath) -> FileStatistics:
    """What a file system tells of a path.

    Raises:
        NotFoundError: there is nothing.
    """
    text = os.fsdecode(path)
    system, place = system_of(text)
    with named(text):
        return system.stat(place)


def listdir(path: AnyPath) -> list[str]:
    """The names in a directory, in no order.

    Raises:
        NotFoundError: there is no such directory.
    """
    text = os.fsdecode(path)
    if not (exists(text) and isdir(text)):
        raise NotFoundError(f"could not find directory {text}")
    system, place = system_of(text)
    with named(text):
        return system.listdir(place)


def glob(pattern: AnyPath | Iterable[AnyPath]) -> list[str]:
    """The paths that a pattern, or one of several, fits; `*` stops at a slash and takes names that begin with a dot."""
    patterns = [pattern] if isinstance(pattern, str | bytes | os.PathLike) else list(pattern)
    found: list[str] = []
    for item in patterns:
        system, place = system_of(os.fsdecode(item))
        with named(os.fsdecode(item)):
            found += system.glob(place)
    return found


def mkdir(path: AnyPath) -> None:
    """Makes a directory; one that is there stays.

    Raises:
        NotFoundError: the directory above is missing.
        FailedPreconditionError: there is a file of that name.
    """
    _make(path, parents=False)


def makedirs(path: AnyPath) -> None:
    """Makes a directory and those above it, as far as they are missing.

    Raises:
        FailedPreconditionError: there is a file of that name.
    """
    _make(path, parents=True)


def _make(path: AnyPath, *, parents: bool) -> None:
    text = os.fsdecode(path)
    if exists(text):
        if not isdir(text):
            raise FailedPreconditionError(f"{text} is not a directory")
        return
    system, place = system_of(text)
    with named(text):
        (system.makedirs if parents else system.mkdir)(place)


def remove(path: AnyPath) -> None:
    """Removes a file.

    Raises:
        NotFoundError: there is none.
        FailedPreconditionError: it is a directory.
    """
    text = os.fsdecode(path)
    system, place = system_of(text)
    with named(text):
        system.remove(place)


def rmtree(path: AnyPath) -> None:
    """Removes a directory with all that is in it.

    Raises:
        NotFoundError: there is none.
    """
    text = os.fsdecode(path)
    system, place = system_of(text)
    with named(text):
        system.rmtree(place)


def copy(src: AnyPath, dst: AnyPath, overwrite: bool = False) -> None:
    """Copies a file.

    Raises:
        NotFoundError: there is no `src`.
        AlreadyExistsError: there is something at `dst` and `overwrite` is not set.
        InvalidArgumentError: `src` is a directory.
    """
    _transfer(src, dst, overwrite, moves=False)


def rename(src: AnyPath, dst: AnyPath, overwrite: bool = False) -> None:
    """Moves a file or directory.

    Raises:
        NotFoundError: there is no `src`.
        AlreadyExistsError: there is something at `dst` and `overwrite` is not set.
    """
    _transfer(src, dst, overwrite, moves=True)


def _transfer(src: AnyPath, dst: AnyPath, overwrite: bool, *, moves: bool) -> None:
    source, target = os.fsdecode(src), os.fsdecode(dst)
    found = stat(source)
    if not overwrite and exists(target):
        raise AlreadyExistsError(f"{target} already exists; remove it, or pass overwrite=True")
    system, place = system_of(source)
    other, goal = system_of(target)
    if found.is_directory and not (moves and system is other):
        raise InvalidArgumentError(f"{source} is a directory, which cannot be copied as a whole; copy its files")
    if system is other:
        with named(source):
            (system.rename if moves else system.copy)(place, goal)
        return
    with named(source), system.open(place, "rb") as reading, named(target), other.open(goal, "wb") as writing:
        while piece := reading.read(1 << 20):
            writing.write(piece)
    if moves:
        remove(source)


def walk(
    top: AnyPath, topdown: bool = True, onerror: Callable[[OpError], Any] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Every directory below one, itself first unless `topdown` is false: its path, its directories, its files.

    Args:
        top: where to begin.
        topdown: whether a directory comes before those in it.
        onerror: called with what went wrong at a directory, which is then passed over.
    """
    text = os.fsdecode(top)
    try:
        names = sorted(listdir(text))
    except OpError as error:
        if onerror is not None:
            onerror(error)
        return
    folders = [name for name in names if isdir(join(text, name))]
    files = [name for name in names if name not in set(folders)]
    if topdown:
        yield text, folders, files
    for name in folders:
        yield from walk(join(text, name), topdown, onerror)
    if not topdown:
        yield text, folders, files


def join(path: AnyPath, *paths: AnyPath) -> str:
    """Parts of a path as one, by `os.path.join`'s rules."""
    return os.path.join(os.fsdecode(path), *map(os.fsdecode, paths))


def get_registered_schemes() -> list[str]:
    """The schemes of URLs that may be used, with an empty one for plain paths; most need a package of their own."""
    return schemes()
