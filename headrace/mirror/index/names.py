"""Names of projects and files (PEP 503, PEP 427, PEP 625)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

from headrace.core.errors import InvalidArgumentError

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_RUNS = re.compile(r"[-_.]+")
_MAX_CHARACTERS = 200
_MAX_FILENAME = 255


def normalize(name: str) -> str:
    """The normal form of a project's name.

    Raises:
        InvalidArgumentError: it is no name of a project; so no name can leave the folder of the pages.
    """
    if len(name) > _MAX_CHARACTERS or _NAME.fullmatch(name) is None:
        raise InvalidArgumentError(
            f"{name[:80]!r} is no project name; expected letters, digits, '.', '_' and '-', the first and last a letter or digit"
        )
    return _RUNS.sub("-", name).lower()


def normal_pattern(pattern: str) -> str:
    """A pattern of names, such as `Acme_*`, so that it fits normal names."""
    return _RUNS.sub("-", pattern).lower()


def matches(project: str, patterns: Iterable[str]) -> bool:
    """True when a normal name fits one of the patterns, such as `acme-*`."""
    return any(pattern == "*" or fnmatch.fnmatchcase(project, pattern) for pattern in patterns)


def check_filename(filename: str) -> str:
    """`filename`, if it can be that of a package's file.

    Raises:
        InvalidArgumentError: it is empty, too long, or has separators of paths or control characters in it.
    """
    odd = any(character in "/\\" or ord(character) < 32 or ord(character) == 127 for character in filename)
    if not 0 < len(filename) <= _MAX_FILENAME or odd or filename in (".", ".."):
        raise InvalidArgumentError(f"{filename[:80]!r} is no name of a file")
    return filename
