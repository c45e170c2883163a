"""Whole files as strings, and the names of files.

The ops are stateful here, though TensorFlow's are not: what a file holds may change, so no read is folded or moved past a write.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from headrace.core.errors import FailedPreconditionError, InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.files.errors import named
from headrace.files.systems import system_of


def matching(pattern: str) -> list[str]:
    """The paths, or URLs, that a pattern fits, in order."""
    system, place = system_of(pattern)
    with named(pattern):
        return sorted(system.glob(place))


def _scalar(value: Any, what: str) -> Any:
    if value.ndim:
        raise InvalidArgumentError(f"{what} must be a scalar string; got shape {list(value.shape)}")
    return value.item()


def _string(content: bytes) -> Any:
    out = np.empty((), object)
    out[()] = content
    return out


@op(
    "ReadFile",
    "filename: string -> contents: string",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=lambda filename: (),
)
def read_file(filename: Any) -> Any:
    """The content of a file of this machine, or behind a URL."""
    path = os.fsdecode(_scalar(filename, "filename"))
    system, place = system_of(path)
    with named(path), system.open(place, "rb") as file:
        return _string(file.read())


@op("WriteFile", "filename: string, contents: string -> ", host_only=True, stateful=True, differentiable=False)
def write_file_op(filename: Any, contents: Any) -> tuple[()]:
    """Writes a file, and makes the folders above it."""
    path = os.fsdecode(_scalar(filename, "filename"))
    content = _scalar(contents, "contents")
    system, place = system_of(path)
    with named(path):
        try:
            system.makedirs(os.path.dirname(place) or ".")
        except FileExistsError as error:
            raise FailedPreconditionError(f"{path}: a part of the path is a file, not a folder") from error
        with system.open(place, "wb") as file:
            file.write(content)
    return ()


def write_file(filename: Any, contents: Any, name: str | None = None) -> None:
    """Writes the string `contents` to a file, and makes the folders above it.

    Raises:
        FailedPreconditionError, PermissionDeniedError: the file cannot be written.
    """
    write_file_op.all(filename, contents, name=name)


@op(
    "MatchingFiles",
    "pattern: string -> filenames: string",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=lambda pattern: (None,),
)
def matching_files(pattern: Any) -> Any:
    """The names of the files that a pattern matches, or each of several, in order."""
    if pattern.ndim > 1:
        raise InvalidArgumentError(f"pattern must be a scalar or a vector of strings; got shape {list(pattern.shape)}")
    found = sorted(os.fsencode(name) for item in pattern.ravel().tolist() for name in matching(os.fsdecode(item)))
    names = np.empty(len(found), object)
    names[:] = found
    return names
