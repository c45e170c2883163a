"""Reads a bundle, and lets through what it should be: nothing is believed before a trusted signature is seen."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from headrace.core.errors import DataLossError, FailedPreconditionError
from headrace.mirror.bundles.archive import ArchiveReader
from headrace.mirror.bundles.keys import MAX_SIGNATURES_BYTES, TrustedKey, check_may_sign, verify
from headrace.mirror.bundles.manifest import MAX_BYTES, Manifest, Member, parse, time_text
from headrace.mirror.bundles.pages import BundlePage, read_page
from headrace.mirror.bundles.published import PublishedBundle, PublishedFiles
from headrace.mirror.index.page import sha256_of

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
SIGNATURES = "manifest.sig"


@dataclass(frozen=True, slots=True)
class Head:
    """The start of a bundle, which a trusted key has signed.

    Attributes:
        manifest: it.
        digest: its sha256.
        keys: the trusted ones that have signed it.
        reader: of what follows.
    """

    manifest: Manifest
    digest: str
    keys: Sequence[TrustedKey]
    reader: ArchiveReader


def read_head(file: BinaryIO, trusted: Sequence[TrustedKey], now: float) -> Head:
    """The start of a bundle.

    Raises:
        DataLossError: this is no bundle, or a damaged one.
        PermissionDeniedError: no trusted key has signed it, or none that may.
        FailedPreconditionError: it has expired.
    """
    reader = ArchiveReader(file)
    data = reader.first(MANIFEST, MAX_BYTES)
    keys = verify(data, reader.first(SIGNATURES, MAX_SIGNATURES_BYTES), trusted)
    manifest = parse(data)
    keys = check_may_sign(keys, manifest.name)
    check_time(manifest, now)
    return Head(manifest, hashlib.sha256(data).hexdigest(), keys, reader)


def check_time(manifest: Manifest, now: float) -> None:
    """Raises FailedPreconditionError for a bundle that has expired."""
    if now >= manifest.expires:
        raise FailedPreconditionError(
            f"{manifest.name} {manifest.version} expired at {time_text(manifest.expires)}; here it is {time_text(int(now))};"
            " get a newer bundle, or set this machine's clock"
        )


class Verifier:
    """The members of a bundle, each as it is read.

    Args:
        head: the start of it.
        published: what is here.
        bundles: what counts of it.
    """

    def __init__(self, head: Head, published: PublishedFiles, bundles: Mapping[str, PublishedBundle]) -> None:
        self._head = head
        self._published = published
        self._bundles = bundles
        self._named: dict[str, set[str]] = {}
        self._sizes: dict[str, tuple[str, int]] = {}
        self._projects: set[str] = set()

    def members(self) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Each member with its bytes; these must be read to their end, where they are known to be right.

        Raises:
            DataLossError: a member is damaged, or does not fit the others; while its bytes are read.
            FailedPreconditionError: a file's name stands for another content here.
        """
        manifest = self._head.manifest
        for member in manifest.pages:
            data = b"".join(self._pieces(member))
            self._take_page(read_page(member.name, data))
            yield member, iter((data,))
        self._compare()
        for member in (manifest.sbom, *manifest.files):
            yield member, self._pieces(member)

    def finish(self) -> None:
        """The end of the bundle; DataLossError when more comes."""
        self._head.reader.finish()

    def _pieces(self, member: Member) -> Iterator[bytes]:
        state = hashlib.sha256()
        for piece in self._head.reader.pieces(member.name, member.size, member.called):
            state.update(piece)
            yield piece
        if state.hexdigest() != member.sha256:
            raise DataLossError(
                f"the bundle is damaged: {member.called} has sha256 {state.hexdigest()}, and the manifest says {member.sha256};"
                " copy it again"
            )

    def _take_page(self, page: BundlePage) -> None:
        if page.project in self._projects:
            raise DataLossError(f"the bundle has two pages of {page.project}; a project has one upstream")
        self._projects.add(page.project)
        contents = page.contents()
        for filename, digest in contents.items():
            self._named.setdefault(digest, set()).add(filename)
        for file in page.document["files"]:
            whole, size = sha256_of(file), file.get("size")
            if whole is not None and isinstance(size, int):
                self._sizes[whole] = (file["filename"], size)
        self._check_names(page.project, contents)

    def _check_names(self, project: str, contents: Mapping[str, str]) -> None:
        """Compares with what is here; a page of that which is damaged or lost is about to be replaced, and says nothing."""
        for bundle in self._bundles.values():
            if project not in bundle.pages:
                continue
            try:
                known = self._published.page(project, bundle.pages[project]).contents()
            except (DataLossError, FileNotFoundError) as error:
                logger.warning("a page that was imported before cannot be compared with the new one: %s", error)
                continue
            changed = [name for name, digest in contents.items() if known.get(name, digest) != digest]
            if changed:
                raise FailedPreconditionError(
                    f"the bundle has another content for {changed[0]} than was imported before; a file's name stands for one"
                )

    def _compare(self) -> None:
        """Pages and manifest must name the same files."""
        files = {member.sha256: member for member in self._head.manifest.files}
        for listed, names in self._named.items():
            if listed not in files:
                raise DataLossError(f"the bundle's pages list {sorted(names)[0]}, and the bundle does not have it")
        for listed, member in files.items():
            if tuple(sorted(self._named.get(listed, ()))) != member.filenames:
                raise DataLossError(f"the bundle has {member.called}, and its pages do not list it so")
            named, size = self._sizes.get(listed, ("", member.size))
            if size != member.size:
                raise DataLossError(f"the bundle has {member.size} bytes of {named}, and its page says {size}")
