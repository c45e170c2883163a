"""Reads a configuration file: a protocol buffer in text format."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from headrace.core.errors import InvalidArgumentError, NotFoundError, OpError, PermissionDeniedError, UnavailableError
from headrace.proto.messages import POOL

logger = logging.getLogger(__name__)

MAX_BYTES = 8 << 20
"""Of a configuration file."""


def read(path: Path, kind: Any) -> Any:
    """The message of class `kind` whose text `path` holds.

    Raises:
        NotFoundError, PermissionDeniedError, UnavailableError: the file cannot be read.
        InvalidArgumentError: it is longer than 8 MiB, or is no text of such a message; the error names line and column.
    """
    return parse(load(path), kind, str(path))


def load(path: Path) -> bytes:
    """The bytes of a text for `parse`, which refuses one that is too long; not more than that is read of it (see `read`)."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from None


def read_known(path: Path, kind: Any) -> Any:
    """As `read`, but fields that `kind` lacks are passed over; the log names the first one."""
    data = load(path)
    try:
        return parse(data, kind, str(path))
    except InvalidArgumentError as error:
        message = parse(data, kind, str(path), pass_over=True)  # any other mistake is refused here
        logger.warning("fields without a counterpart here are not used: %s", error.message)
        return message


def parse(data: bytes, kind: Any, source: str, pass_over: bool = False) -> Any:
    """The message of class `kind` that a text stands for.

    Args:
        data: the text.
        kind: the class.
        source: names the text in errors (see `read`).
        pass_over: passes over fields that `kind` lacks.
    """
    name = kind.DESCRIPTOR.full_name
    if len(data) > MAX_BYTES:
        raise InvalidArgumentError(f"{source} is longer than {MAX_BYTES} bytes; expected a text of {name}")
    try:
        return text_format.Parse(data.decode("utf-8-sig"), kind(), descriptor_pool=POOL, allow_unknown_field=pass_over)
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(f"{source} is not UTF-8 at byte {error.start}; expected a text of {name}") from None
    except RecursionError:
        raise InvalidArgumentError(f"{source} is nested too deep; expected a text of {name}") from None
    except text_format.ParseError as error:
        line, column = error.GetLine(), error.GetColumn()
        place = source if line is None else f"{source}:{line}:{column or 1}"
        text = str(error).removeprefix(f"{line}:{column} : ").rstrip(".")
        raise InvalidArgumentError(f"{place}: {text}; expected a text of {name}") from None


def _unreadable(path: Path, error: OSError) -> OpError:
    text = f"cannot read {path}: {os.strerror(error.errno) if error.errno else error}; expected a readable file"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFoundError(text)
    return PermissionDeniedError(text) if error.errno in (errno.EACCES, errno.EPERM) else UnavailableError(text)
