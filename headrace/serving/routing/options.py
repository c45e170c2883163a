"""How a server is told of traffic rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrafficOptions:
    """Where rules come from.

    Attributes:
        file: a TOML file of rules; None begins without any.
        poll_seconds: wait between two looks at it; 0 reads it once.
        remembered: how many requests, and how many users, outcomes can be joined to.
    """

    file: Path | None = None
    poll_seconds: float = 0.0
    remembered: int = 100_000
