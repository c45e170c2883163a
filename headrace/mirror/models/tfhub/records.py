"""Which archive a handle stands for, for good: as pinned by who runs the mirror, or as it was when it was first asked for."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from headrace.core import durable
from headrace.core.errors import InvalidArgumentError
from headrace.mirror.models.tfhub.handles import Handle, handle

PINNED, FIRST_USE, PUBLISHED = "pinned", "first-use", "published"
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Record:
    """An archive.

    Attributes:
        digest: its sha256, in hex.
        size: in bytes; None while only its digest is known.
        trust: PINNED, FIRST_USE or PUBLISHED.
        made: when it came, in seconds since 1970.
    """

    digest: str
    size: int | None
    trust: str
    made: float


class Records:
    """The records, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, asked: Handle) -> Record | None:
        """The record of a handle; None when there is none, or a damaged one."""
        try:
            found = Record(**json.loads(self.path(asked).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return found if _DIGEST.fullmatch(str(found.digest)) else None

    def put(self, asked: Handle, record: Record) -> None:
        """Keeps the record of a handle."""
        self._folder.mkdir(parents=True, exist_ok=True)
        durable.write(self.path(asked), json.dumps(asdict(record)).encode())

    def path(self, asked: Handle) -> Path:
        """Where it is."""
        return self._folder / f"{quote(asked.path, safe='')}.json"


def read_pins(path: Path) -> Mapping[str, str]:
    """The sha256 of archives by the path of their handle, from a TOML file with the table `[pins]`.

    Raises:
        InvalidArgumentError: the file cannot be read, or has mistakes.
    """
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"the pins {path} cannot be read: {error}") from None
    table = document.get("pins")
    if set(document) != {"pins"} or not isinstance(table, dict):
        raise InvalidArgumentError(f"{path} must have the table [pins], and nothing else")
    found = {}
    for name, text in table.items():
        match = _DIGEST.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise InvalidArgumentError(f"{path} pins {name!r} to {text!r}; expected a sha256, as 64 hexadecimal digits")
        found[handle(name).path] = match[1]
    return found
