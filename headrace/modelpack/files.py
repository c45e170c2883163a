"""The files of a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from headrace.core.errors import InvalidArgumentError

MAX_FILES = 20_000
_MAX_PATH = 1000
_MAX_PART = 255


@dataclass(frozen=True, slots=True, order=True)
class ModelFile:
    """A file of a model.

    Attributes:
        path: below the model's folder, with `/` between its parts.
        digest: the sha256 of its content, in hex.
        size: in bytes.
    """

    path: str
    digest: str
    size: int


def check_path(path: str) -> str:
    """`path`, if a model can have a file there.

    Raises:
        InvalidArgumentError: it leads out of the model's folder, or is no path that every system can have.
    """
    parts = path.split("/")
    odd = any(ord(each) < 32 or ord(each) == 127 or each == "\\" for each in path)
    if (
        odd
        or len(path) > _MAX_PATH
        or path.startswith("/")
        or any(each in ("", ".", "..") or len(each) > _MAX_PART for each in parts)
    ):
        raise InvalidArgumentError(f"{path[:200]!r} is no path of a file in a model; expected such as variables/variables.index")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{path[:200]!r} is no path of a file in a model: it is no Unicode text") from None
    return path


def check_files(files: Iterable[ModelFile]) -> tuple[ModelFile, ...]:
    """The files in order, if a model can have these.

    Raises:
        InvalidArgumentError: there are none, too many, two at one path, or one where another has a folder.
    """
    found = tuple(sorted(files))
    if not 0 < len(found) <= MAX_FILES:
        raise InvalidArgumentError(f"a model has 1 to {MAX_FILES} files, not {len(found)}")
    paths = {check_path(each.path) for each in found}
    if len(paths) < len(found):
        raise InvalidArgumentError("two files of the model have the same path")
    for path in paths:
        if inside := next((str(each) for each in PurePosixPath(path).parents if str(each) in paths), None):
            raise InvalidArgumentError(f"the model has a file {inside!r}, and another one in a folder of this name")
    return found
