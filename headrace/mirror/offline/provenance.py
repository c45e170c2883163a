"""Provenance documents by their URL, kept for when nobody can be asked for them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from headrace.core import durable


@dataclass(frozen=True, slots=True)
class Provenance:
    """A document: its Content-Type and its text."""

    type: str
    body: str


class ProvenanceFiles:
    """The folder of the documents."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, url: str) -> Provenance | None:
        """The document of a URL; None when there is none, or a damaged one."""
        try:
            found = json.loads(self._path(url).read_bytes())
            return Provenance(found["type"], found["body"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def write(self, url: str, body: bytes, content_type: str) -> None:
        """Keeps a document; one that is no text is none."""
        path = self._path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        found = Provenance(content_type, body.decode("utf-8", "replace"))
        durable.write(path, json.dumps({"url": url, **asdict(found)}, ensure_ascii=False).encode())

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
