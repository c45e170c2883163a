"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one look.

    Attributes:
        about: what was looked at, in a few words.
        state: a warning is something that works, but not as it should.
        said: what was found.
        remedy: what to do; "" where there is nothing to do.
    """

    about: str
    state: State
    said: str
    remedy: str = ""


def ok(about: str, said: str) -> Finding:
    """All is well."""
    return Finding(about, "ok", said)


def failed(about: str, said: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(about, "failed", said, remedy)


def warning(about: str, said: str, remedy: str) -> Finding:
    """It works, but not as it should."""
    return Finding(about, "warning", said, remedy)


def skipped(about: str, after: str) -> Finding:
    """It was not looked at, since something before it does not work."""
    return Finding(about, "skipped", f"not looked at, since {after}")
