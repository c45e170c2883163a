"""Names and versions of models: those that an OCI registry takes as repository and tag."""

from __future__ import annotations

import re
from collections.abc import Iterable

from headrace.core.errors import InvalidArgumentError

LATEST = "latest"
"""In place of a version: the highest one."""

_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_MAX_NAME = 200
_PART = re.compile(r"\d+|[A-Za-z]+")
_BEFORE = ("dev", "a", "alpha", "b", "beta", "c", "pre", "preview", "rc")


def check_name(name: str) -> str:
    """`name`, if it can be that of a model.

    Raises:
        InvalidArgumentError: it cannot.
    """
    if len(name) + 2 * name.count("/") > _MAX_NAME or _NAME.fullmatch(name) is None:
        raise InvalidArgumentError(
            f"{name[:80]!r} is no name of a model; expected lower-case letters and digits, parted by one of . _ - or /,"
            f" such as acme/digits, of at most {_MAX_NAME} characters (a / counts three times)"
        )
    return name


def check_version(version: str) -> str:
    """`version`, if it can be that of a model.

    Raises:
        InvalidArgumentError: it cannot.
    """
    if _VERSION.fullmatch(version) is None:
        raise InvalidArgumentError(
            f"{version[:80]!r} is no version of a model; expected letters, digits, '.', '_' and '-', such as 3 or 1.2.0-rc1, of at"
            " most 128 characters"
        )
    return version


def order(version: str) -> tuple[tuple[int, int, str], ...]:
    """What versions are sorted by: numbers as numbers, a release after what came before it (`1.0-rc1` < `1.0` < `1.0.1`)."""
    parts: list[tuple[int, int, str]] = []
    for part in _PART.findall(version):
        if part.isdecimal():
            parts.append((3, int(part), ""))
        elif part.lower() in _BEFORE:
            parts.append((0, _BEFORE.index(part.lower()), ""))
        elif part.lower() != "v" or parts:
            parts.append((2, 0, part.lower()))
    return (*parts, (1, 0, ""))


def highest(versions: Iterable[str]) -> str | None:
    """What `latest` stands for: the highest version, of those with a number in front where there are any; None of none."""
    known = list(versions)
    numbered = [each for each in known if each.removeprefix("v")[:1].isdecimal()]
    return max(numbered or known, key=lambda each: (order(each), each), default=None)
