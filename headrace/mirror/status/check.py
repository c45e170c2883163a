"""What the last `headrace mirror fsck` found, kept in the root, so that the mirror can tell of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from headrace.core import durable

_FILE = "fsck.json"
_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the store.

    Attributes:
        ended: in seconds since 1970.
        files: that are in the store.
        damaged: of them, that were not what they should be.
        repaired: damaged ones were put aside.
    """

    ended: float
    files: int
    damaged: int
    repaired: bool

    @property
    def left(self) -> int:
        """Damaged files that are still there."""
        return 0 if self.repaired else self.damaged


def write(root: Path, check: Check) -> None:
    """Keeps what was found."""
    durable.write(root / _FILE, json.dumps(asdict(check)).encode())


def read(root: Path) -> Check | None:
    """What was found last; None when there is nothing, or nothing that can be read."""
    try:
        with (root / _FILE).open("rb") as file:
            found = json.loads(file.read(_MAX_BYTES))
        return Check(float(found["ended"]), int(found["files"]), int(found["damaged"]), bool(found["repaired"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
