"""Version directories: which there are, which are wanted, and whether their content changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from headrace.core.errors import NotFoundError

_NUMBER = re.compile(r"[0-9]+", re.ASCII)
_MAX_VERSION = 2**63 - 1
_MAX_FILES = 100_000

Fingerprint = tuple[tuple[str, int, int], ...]
"""Relative path, size in bytes and modification time in ns of every file of a directory."""


def parse_version(name: str) -> int | None:
    """The version that a directory name stands for (`"00000123"` is 123), None when it is not an int64."""
    if not _NUMBER.fullmatch(name):
        return None
    number = int(name) if len(name.lstrip("0")) <= 19 else _MAX_VERSION + 1
    return number if number <= _MAX_VERSION else None


def list_versions(base_path: Path) -> dict[int, Path]:
    """The version directories under `base_path`, by number.

    Two names of one number (`"1"` and `"01"`) count as one version: the last in alphabetical order is taken.

    Raises:
        NotFoundError: `base_path` is missing or is not a directory.
    """
    try:
        with os.scandir(base_path) as entries:
            names = sorted(entry.name for entry in entries if parse_version(entry.name) is not None and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(
            f"could not find base path {base_path}; expected a directory with one numbered directory a version"
        ) from None
    return {int(name): base_path / name for name in names}


def fingerprint(path: Path) -> Fingerprint:
    """What the files under `path` look like from outside, so that a copy in progress shows as a change."""
    found: list[tuple[str, int, int]] = []
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.path.join(folder, name)
            try:
                status = os.stat(file)
            except FileNotFoundError:
                continue
            found.append((os.path.relpath(file, path), status.st_size, status.st_mtime_ns))
            if len(found) == _MAX_FILES:
                return tuple(sorted(found))
    return tuple(sorted(found))


class VersionPolicy(Protocol):
    """Chooses which of the versions found are to be served."""

    def choose(self, versions: Iterable[int]) -> set[int]:
        """The wanted ones of `versions`."""


@dataclass(frozen=True, slots=True)
class Latest:
    """Serves the highest `num_versions` versions."""

    num_versions: int = 1

    def choose(self, versions: Iterable[int]) -> set[int]:
        """The highest ones of `versions`."""
        return set(sorted(versions, reverse=True)[: max(self.num_versions, 1)])


@dataclass(frozen=True, slots=True)
class All:
    """Serves every version."""

    def choose(self, versions: Iterable[int]) -> set[int]:
        """All of `versions`."""
        return set(versions)


@dataclass(frozen=True, slots=True)
class Specific:
    """Serves the versions named, as far as they are there."""

    versions: frozenset[int]

    def choose(self, versions: Iterable[int]) -> set[int]:
        """Those of `versions` that are named."""
        return set(versions) & self.versions
