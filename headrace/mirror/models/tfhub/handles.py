"""Handles of models."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headrace.core.errors import InvalidArgumentError

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?")
_MAX_LENGTH = 180


@dataclass(frozen=True, slots=True)
class Handle:
    """A version of a model.

    Attributes:
        name: `PUBLISHER/NAME`, where the name may have several parts.
        version: such as "3".
    """

    name: str
    version: str

    @property
    def path(self) -> str:
        """Behind the host of a handle."""
        return f"{self.name}/{self.version}"


def handle(path: str) -> Handle:
    """The handle at a path.

    Raises:
        InvalidArgumentError: it is none. One without a version is none: its content would change.
    """
    parts = path.strip("/").split("/")
    if len(parts) < 2 or len(path) > _MAX_LENGTH or ".." in path or not all(map(_PART.fullmatch, parts)):
        raise InvalidArgumentError(f"{path[:120]!r} is no handle of a model; expected PUBLISHER/NAME/VERSION")
    return Handle("/".join(parts[:-1]), parts[-1])
