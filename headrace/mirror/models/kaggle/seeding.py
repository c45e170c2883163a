"""Fills the cache of kagglehub, so that it loads models without network.

CACHE/models/OWNER/MODEL/FRAMEWORK/VARIATION/VERSION/           the files
CACHE/models/OWNER/MODEL/FRAMEWORK/VARIATION/VERSION.complete   all of them are there
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from headrace.core import durable
from headrace.core.errors import InvalidArgumentError
from headrace.mirror.models.placing import fill

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class KaggleHandle:
    """A version of a variation of a model."""

    owner: str
    model: str
    framework: str
    variation: str
    version: str


def kaggle_handle(text: str) -> KaggleHandle:
    """The handle in OWNER/MODEL/FRAMEWORK/VARIATION/VERSION.

    Raises:
        InvalidArgumentError: it is none.
    """
    parts = text.strip("/").split("/")
    if len(parts) != 5 or not all(map(_SLUG.fullmatch, parts[:4])) or ".." in text or not _VERSION.fullmatch(parts[4]):
        raise InvalidArgumentError(f"{text[:200]!r} is no handle of Kaggle; expected OWNER/MODEL/FRAMEWORK/VARIATION/VERSION")
    return KaggleHandle(*parts)


def folder_of(handle: KaggleHandle, cache: Path) -> Path:
    """Where kagglehub looks for a model."""
    return cache / "models" / handle.owner / handle.model / handle.framework / handle.variation / handle.version


def marker_of(handle: KaggleHandle, cache: Path) -> Path:
    """What says that all of it is there."""
    folder = folder_of(handle, cache)
    return folder.with_name(f"{folder.name}.complete")


def seed(handle: KaggleHandle, source: Path, cache: Path) -> Path:
    """Puts a model into a cache; its marker comes last.

    Args:
        handle: of the model.
        source: an archive or a folder with the model.
        cache: what KAGGLEHUB_CACHE is set to.

    Returns:
        The model's folder.

    Raises:
        InvalidArgumentError, DataLossError: see placing.fill.
    """
    target, marker = folder_of(handle, cache), marker_of(handle, cache)
    target.parent.mkdir(parents=True, exist_ok=True)
    marker.unlink(missing_ok=True)  # what is there is not whole while it is replaced
    fill(target, source, target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp"))
    durable.write(marker, b"")
    return target
