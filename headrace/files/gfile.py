"""tf.io.gfile: files and directories, on this machine or behind URLs. Text is UTF-8."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from headrace.core.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
)
from headrace.files.errors import named
from headrace.files.handle import GFile as GFile
from headrace.files.systems import FileStatistics, schemes, system_of

AnyPath = str | bytes | os.PathLike[str]
_WILD = "*?["


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
    """The paths that a pattern, or each of several, fits; `*` stops at a slash and takes names that begin with a dot.

    Where the first wildcard of a plain path stands in no folder, the names begin with `./`.
    """
    patterns = [pattern] if isinstance(pattern, str | bytes | os.PathLike) else list(pattern)
    found: list[str] = []
    for item in map(os.fsdecode, patterns):
        system, place = system_of(item)
        first = min((at for at in map(place.find, _WILD) if at >= 0), default=None)
        plain = first is None or "://" in item or os.path.dirname(place[:first])
        with named(item):
            found += sorted(system.glob(place if plain else f"./{place}"))
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


def join(path: Any, *paths: Any) -> Any:
    """The parts of a path, joined; a part that begins with a slash replaces those before it."""
    return os.path.join(path, *paths)


def get_registered_schemes() -> list[str]:
    """The schemes of URLs that may be used, with an empty one for plain paths; most need a package of their own."""
    return schemes()
