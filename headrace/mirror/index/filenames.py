"""What the names of wheels and source archives say (PEP 427, PEP 625)."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.tags import Tag
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version


@dataclass(frozen=True, slots=True)
class Told:
    """What the name of a file says. `tags` is None of a source archive."""

    version: Version
    tags: frozenset[Tag] | None


def told_by(filename: str) -> Told | None:
    """What a file is by its name; None when it is neither a wheel nor a source archive."""
    try:
        if filename.endswith(".whl"):
            _, version, _, tags = parse_wheel_filename(filename)
            return Told(version, tags)
        return Told(parse_sdist_filename(filename)[1], None)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None
