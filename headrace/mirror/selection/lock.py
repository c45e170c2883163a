"""The lock of a pull: requirements whose every file is named by its sha256, as pip's and uv's `--require-hashes` want them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headrace.mirror.selection.resolving import Pin


@dataclass(frozen=True, slots=True)
class Locked:
    """A version, and the sha256 of its files that were taken."""

    pin: Pin
    digests: tuple[str, ...]


def lock_text(locked: Iterable[Locked]) -> str:
    """The file; versions without files are left out."""
    lines = []
    for each in sorted(locked, key=lambda one: (one.pin.project, one.pin.version, str(one.pin.marker or ""))):
        if each.digests:
            marker = f" ; {each.pin.marker}" if each.pin.marker is not None else ""
            hashes = "".join(f" \\\n    --hash=sha256:{digest}" for digest in sorted(set(each.digests)))
            lines.append(f"{each.pin.project}=={each.pin.version}{marker}{hashes}\n")
    return "".join(lines)
