"""What the repositories of the registry hold; the content itself is in the store.

oci/acme%2Fdigits/manifests/DIGEST            a manifest: its media type
                  blobs/DIGEST                a blob that was put into this repository
                  tags/3                      the digest of a manifest that is no model
                  referrers/SUBJECT/DIGEST    a manifest that is about another one: its descriptor
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from headrace.core import durable
from headrace.modelpack.names import check_name, check_version
from headrace.store import digests


class Records:
    """The folder of the repositories. Several processes may share it.

    Args:
        folder: it is made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def repositories(self) -> list[str]:
        """The names of all that have a manifest."""
        return sorted(unquote(path.name) for path in self._folder.glob("[!.]*") if (path / "manifests").is_dir())

    def exists(self, name: str) -> bool:
        """True when something was put into a repository."""
        return self._of(name, "").is_dir()

    def add_blob(self, name: str, digest: str) -> None:
        """Notes that a blob belongs to a repository."""
        path = self._of(name, "blobs") / digests.check(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def has_blob(self, name: str, digest: str) -> bool:
        """True when a blob belongs to a repository."""
        return (self._of(name, "blobs") / digests.check(digest)).exists()

    def holder(self, digest: str) -> str | None:
        """Some repository that a blob belongs to."""
        found = next(self._folder.glob(f"[!.]*/blobs/{digests.check(digest)}"), None)
        return unquote(found.parent.parent.name) if found is not None else None

    def add_manifest(self, name: str, digest: str, media_type: str) -> None:
        """Notes that a manifest belongs to a repository."""
        self._write(self._of(name, "manifests") / digests.check(digest), {"mediaType": media_type})

    def manifest_type(self, name: str, digest: str) -> str | None:
        """The media type of a manifest; None when it does not belong to the repository."""
        found = _read(self._of(name, "manifests") / digests.check(digest))
        return str(found["mediaType"]) if found is not None else None

    def tag(self, name: str, tag: str, digest: str) -> None:
        """Names a manifest."""
        self._write(self._of(name, "tags") / check_version(tag), {"digest": digests.check(digest)})

    def tagged(self, name: str, tag: str) -> str | None:
        """The digest of the manifest that a tag names."""
        found = _read(self._of(name, "tags") / check_version(tag))
        return str(found["digest"]) if found is not None else None

    def tags(self, name: str) -> list[str]:
        """The tags of a repository."""
        return sorted(path.name for path in self._of(name, "tags").glob("[!.]*"))

    def add_referrer(self, name: str, subject: str, digest: str, descriptor: dict[str, Any]) -> None:
        """Notes that a manifest is about another one, `subject`."""
        self._write(self._of(name, "referrers") / digests.check(subject) / digests.check(digest), descriptor)

    def referrers(self, name: str, subject: str) -> list[dict[str, Any]]:
        """The descriptors of all manifests that are about `subject`."""
        found = [_read(path) for path in sorted((self._of(name, "referrers") / digests.check(subject)).glob("[!.]*"))]
        return [each for each in found if each is not None]

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keeps other threads and processes from changing a repository."""
        folder = self._folder / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / quote(check_name(name), safe="")).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _of(self, name: str, part: str) -> Path:
        return self._folder / quote(check_name(name), safe="") / part

    def _write(self, path: Path, document: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write(path, json.dumps(document).encode())


def _read(path: Path) -> dict[str, Any] | None:
    """A record; None where there is none, or a damaged one."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None
