"""Whole files as strings, and the names of files.

The ops are stateful here, though TensorFlow's are not: what a file holds may change, so no read is folded or moved past a write.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

import numpy as np

from headrace.core.errors import FailedPreconditionError, InvalidArgumentError, UnimplementedError
from headrace.dispatch.opdef import op
from headrace.files.errors import as_op_error


def local(name: Any) -> str:
    """The path of a file on this machine: `name` without `file://`.

    Raises:
        UnimplementedError: it is a URL of another scheme.
    """
    text = os.fsdecode(name)
    scheme, mark, rest = text.partition("://")
    if not mark:
        return text
    if scheme == "file":
        return rest
    raise UnimplementedError(
        f"{text!r} is a URL of the scheme {scheme!r}; only files of this machine can be used; download it first"
    )


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
    """The content of a file."""
    path = local(_scalar(filename, "filename"))
    try:
        return _string(Path(path).read_bytes())
    except OSError as error:
        raise as_op_error(error, path) from error


@op("WriteFile", "filename: string, contents: string -> ", host_only=True, stateful=True, differentiable=False)
def write_file_op(filename: Any, contents: Any) -> tuple[()]:
    """Writes a file, and makes the folders above it."""
    path = local(_scalar(filename, "filename"))
    content = _scalar(contents, "contents")
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
    except FileExistsError as error:
        raise FailedPreconditionError(f"{path}: a part of the path is a file, not a folder") from error
    except OSError as error:
        raise as_op_error(error, path) from error
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
    found = sorted(os.fsencode(name) for item in pattern.ravel().tolist() for name in glob.glob(local(item)))
    names = np.empty(len(found), object)
    names[:] = found
    return names
