"""A page as far as its files are in the store, and the source of files that are nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from headrace.core.errors import NotFoundError, ResourceExhaustedError
from headrace.mirror.index.filenames import told_by
from headrace.mirror.index.page import Document, metadata_sha256, sha256_of
from headrace.mirror.offline.provenance import Provenance
from headrace.mirror.pages.stored import StoredPage
from headrace.mirror.upstream.source import FilePart
from headrace.store.blobs import BlobStore

_METADATA_KEYS = ("core-metadata", "dist-info-metadata", "data-dist-info-metadata")
Keeps = Callable[[Document], bool]


def held_document(document: Document, keeps: Keeps, has: Callable[[str], bool], provenance: Callable[[str], Any]) -> Document:
    """The page with those files only that `keeps` lets through, and with nothing named that is not there.

    Args:
        document: the page.
        keeps: decides on a file by its entry.
        has: whether the file with a digest is there.
        provenance: what is kept under a URL; None for nothing.
    """
    files = []
    for file in document["files"]:
        digest = sha256_of(file)
        if digest is None or not has(digest) or not keeps(file):
            continue
        metadata = metadata_sha256(file)
        lacking = set(_METADATA_KEYS) if metadata is None or not has(metadata) else set()
        if not isinstance(file.get("provenance"), str) or provenance(file["provenance"]) is None:
            lacking.add("provenance")
        files.append({key: value for key, value in file.items() if key not in lacking})
    held = {**document, "files": files}
    if isinstance(document.get("versions"), list):
        there = {package.version for file in files if (package := told_by(file["filename"])) is not None}
        held["versions"] = [each for each in document["versions"] if _version(document, each) in there]
    return held


def _version(document: Document, text: Any) -> object:
    package = told_by(f"x-{text}.tar.gz") if isinstance(text, str) else None
    return package.version if package is not None else None


def held_page(
    page: StoredPage, store: BlobStore, provenance: Callable[[str], Any], keeps: Keeps = lambda _: True
) -> StoredPage | None:
    """A page that lists what is in the store; None when it lists nothing."""
    if page.document is None:
        return None
    document = held_document(page.document, keeps, store.__contains__, provenance)
    return replace(page, document=document) if document["files"] else None


class HeldSource:
    """Where files are from that are in the store or nowhere; see Source.

    Args:
        name: of the upstream that they once came from, which stands in their URLs.
        provenance: what is kept under a URL.
    """

    def __init__(self, name: str, provenance: Callable[[str], Provenance | None]) -> None:
        self._name = name
        self._provenance = provenance

    @property
    def name(self) -> str:
        """Stands in the mirror's URLs of files."""
        return self._name

    def file(self, url: str, offset: int) -> AbstractAsyncContextManager[FilePart]:
        """Nobody is asked; see Source.file."""
        name = url.rpartition("/")[2]
        raise NotFoundError(f"{name} is not here from byte {offset} on, and this mirror asks nobody for it; bring it with a bundle")

    def provenance(self, url: str) -> Provenance | None:
        """What is kept under a URL."""
        return self._provenance(url)

    async def document(self, url: str, max_bytes: int) -> tuple[bytes, str]:
        """A provenance that is kept; see Source.document."""
        found = self._provenance(url)
        if found is None:
            raise NotFoundError(f"the document {url.rpartition('/integrity/')[2]} is not here, and this mirror asks nobody for it")
        body = found.body.encode()
        if len(body) > max_bytes:
            raise ResourceExhaustedError(f"the document {url} has more than {max_bytes} bytes")
        return body, found.type
