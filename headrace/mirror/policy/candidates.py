"""A file of a page as rules look at it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime

from packaging.version import InvalidVersion, Version

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.index.names import normalize
from headrace.mirror.index.page import Document, sha256_of

_ARCHIVES = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z", ".tar")
_BY_POSITION = (".whl", ".egg")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file.

    Attributes:
        project: its project's normal name.
        file: its entry in the page.
        name: the file's name.
        digest: its sha256; "" without one.
        version_text: as its name has it; "" when it cannot be told.
        version: None when it is none.
        uploaded: when it came to be upstream, in seconds since 1970; None when its page does not say.
    """

    project: str
    file: Document
    name: str
    digest: str
    version_text: str
    version: Version | None
    uploaded: float | None

    @property
    def is_wheel(self) -> bool:
        """True when installing it runs no code of its own."""
        return self.name.endswith(".whl")


def candidate(project: str, file: Document) -> Candidate:
    """A file of a project's page."""
    name = file["filename"]
    text = version_text(project, name)
    return Candidate(project, file, name, sha256_of(file) or "", text, parsed(text), upload_time(file))


def upload_time(file: Document) -> float | None:
    """When a file came to be upstream, in seconds since 1970; None when its page does not say."""
    text = file.get("upload-time")
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.timestamp() if found.tzinfo is not None else None


def version_text(project: str, filename: str) -> str:
    """The version in a file's name; "" when there is none."""
    if filename.endswith(_BY_POSITION):
        parts = filename.rpartition(".")[0].split("-")
        return parts[1] if len(parts) > 1 else ""
    archive = next((ending for ending in _ARCHIVES if filename.endswith(ending)), "")
    stem = filename.removesuffix(archive) if archive else filename.rpartition(".")[0]
    rest = _after_name(project, stem)
    return rest if archive else rest.partition("-")[0]  # installers have their platform after the version


def _after_name(project: str, stem: str) -> str:
    place = stem.find("-", len(project) - 1)
    while place > 0:
        try:
            if normalize(stem[:place]) == project:
                return stem[place + 1 :]
        except InvalidArgumentError:
            return ""
        place = stem.find("-", place + 1)
    return stem.rpartition("-")[2] if "-" in stem else ""


@functools.lru_cache(maxsize=1 << 15)
def parsed(text: str) -> Version | None:
    """A version (PEP 440); None when the text is none."""
    try:
        return Version(text)
    except InvalidVersion:
        return None
