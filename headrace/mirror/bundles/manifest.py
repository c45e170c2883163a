"""What a bundle says of itself: its name, version and time, and every member with its size and sha256."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.mirror.index.names import check_filename, normalize
from headrace.store import digests

FORMAT = "headrace-bundle-1"
MAX_BYTES = 64 << 20
MAX_PAGE_BYTES = 256 << 20
MAX_SBOM_BYTES = 512 << 20
MAX_FILE_BYTES = 1 << 40
"""What one member may have: the manifest itself, a page, the list of components, a file."""
_MAX_VERSION = (1 << 53) - 1
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")
_PAGE = re.compile(r"pages/([a-z0-9-]+)/([a-z0-9-]+)\.json")
SBOM = "sbom.cdx.json"
_KEYS = {"format", "name", "version", "created", "expires", "pages", "sbom", "files"}


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the archive.

    Attributes:
        name: its path in it.
        sha256: of its content.
        size: in bytes.
        filenames: what the file is called on pages, or the page's project; for people.
    """

    name: str
    sha256: str
    size: int
    filenames: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """What people know it as."""
        return f"{self.filenames[0]} ({self.name})" if self.filenames else self.name


@dataclass(frozen=True, slots=True)
class Manifest:
    """A bundle's own description.

    Attributes:
        name: bundles of one name follow one another.
        version: rises from one to the next.
        created: in seconds since 1970.
        expires: from then on it is not imported; in seconds since 1970.
        pages: by name.
        sbom: the list of components.
        files: by digest.
    """

    name: str
    version: int
    created: int
    expires: int
    pages: tuple[Member, ...]
    sbom: Member
    files: tuple[Member, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        """All members in the order of the archive."""
        return (*self.pages, self.sbom, *self.files)

    def to_bytes(self) -> bytes:
        """The one way to write it."""
        found = {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "created": time_text(self.created),
            "expires": time_text(self.expires),
            "pages": [{"name": page.name, "sha256": page.sha256, "size": page.size} for page in self.pages],
            "sbom": {"sha256": self.sbom.sha256, "size": self.sbom.size},
            "files": [{"filenames": list(file.filenames), "sha256": file.sha256, "size": file.size} for file in self.files],
        }
        return canonical(found)


def canonical(found: Any) -> bytes:
    """JSON with sorted keys, no blanks, and a line's end."""
    return json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def time_text(seconds: int) -> str:
    """A time of RFC 3339, in UTC and whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def page_name(upstream: str, project: str) -> str:
    """The member that holds a page."""
    return f"pages/{normalize(upstream)}/{normalize(project)}.json"


def page_of(name: str) -> tuple[str, str]:
    """The upstream and project of a page's member.

    Raises:
        DataLossError: it is not named like one.
    """
    match = _PAGE.fullmatch(name)
    if match is None or page_name(*match.groups()) != name:
        raise DataLossError(f"the bundle has a page called {name[:120]!r}; expected pages/UPSTREAM/PROJECT.json")
    return match[1], match[2]


def file_member(digest: str, size: int, filenames: Iterable[str]) -> Member:
    """The member that holds a file."""
    return Member(f"files/{digest}", digest, size, tuple(sorted(filenames)))


def check_name(name: str) -> str:
    """`name`, if it can be a bundle's.

    Raises:
        InvalidArgumentError: it cannot.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidArgumentError(f"{name[:120]!r} is no name of a bundle; expected lower-case letters, digits, '.', '_' and '-'")
    return name


def check_version(version: int) -> int:
    """`version`, if it can be a bundle's.

    Raises:
        InvalidArgumentError: it cannot.
    """
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= _MAX_VERSION:
        raise InvalidArgumentError(f"{version!r} is no version of a bundle; expected a number from 1 to {_MAX_VERSION}")
    return version


def parse(data: bytes) -> Manifest:
    """Reads a manifest.

    Raises:
        DataLossError: it is not exactly what `Manifest.to_bytes` writes.
    """
    try:
        found = json.loads(data)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise DataLossError(f"this is no bundle of the format {FORMAT}; a newer headrace may know it")
        if set(found) != _KEYS:
            raise DataLossError("the bundle's manifest lacks keys or has others than it should")
        manifest = Manifest(
            check_name(found["name"]),
            check_version(found["version"]),
            _seconds(found["created"]),
            _seconds(found["expires"]),
            tuple(_member(page["name"], page, MAX_PAGE_BYTES) for page in found["pages"]),
            _member(SBOM, found["sbom"], MAX_SBOM_BYTES),
            tuple(_file(file) for file in found["files"]),
        )
    except (InvalidArgumentError, KeyError, TypeError, ValueError, RecursionError, OverflowError) as error:
        raise DataLossError(f"the bundle's manifest is damaged: {error}") from None
    for page in manifest.pages:
        page_of(page.name)
    for group in (manifest.pages, manifest.files):
        names = [member.name for member in group]
        if names != sorted(set(names)):
            raise DataLossError("the bundle's manifest is not sorted, or names a member twice")
    if manifest.to_bytes() != data:
        raise DataLossError("the bundle's manifest is not written in the one way that it should be")
    return manifest


def _member(name: str, found: Any, most: int, filenames: tuple[str, ...] = ()) -> Member:
    size = found["size"]
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= most:
        raise DataLossError(f"the bundle's manifest says that {name} has {size!r} bytes; expected 0 to {most}")
    return Member(name, digests.check(found["sha256"]), size, filenames)


def _file(found: Any) -> Member:
    filenames = tuple(check_filename(name) for name in found["filenames"])
    return _member(f"files/{digests.check(found['sha256'])}", found, MAX_FILE_BYTES, filenames)


def _seconds(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
