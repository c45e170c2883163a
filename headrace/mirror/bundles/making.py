"""Makes a bundle of what a mirror has. The same content, name, version, times and keys give the same bytes."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from packaging.version import InvalidVersion, Version

from headrace.core import durable
from headrace.core.errors import DataLossError, FailedPreconditionError, InvalidArgumentError, NotFoundError
from headrace.mirror.bundles.archive import ArchiveWriter
from headrace.mirror.bundles.keys import sign
from headrace.mirror.bundles.manifest import SBOM, Manifest, Member, check_name, check_version, file_member, page_name
from headrace.mirror.bundles.pages import BundlePage
from headrace.mirror.bundles.published import PublishedFiles, PublishedPages
from headrace.mirror.bundles.sbom import sbom
from headrace.mirror.bundles.verifying import MANIFEST, SIGNATURES
from headrace.mirror.index.filenames import told_by
from headrace.mirror.index.page import Document, sha256_of
from headrace.mirror.offline.held import held_document
from headrace.mirror.offline.kept import KeptPages
from headrace.mirror.offline.provenance import ProvenanceFiles
from headrace.mirror.pages.stored import PageFiles
from headrace.mirror.selection.requirements import Asked, Request
from headrace.store.blobs import BlobStore

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Label:
    """What a bundle is called.

    Attributes:
        name: bundles of one name follow one another.
        version: rises from one to the next.
        created: in seconds since 1970.
        expires: in seconds since 1970.
    """

    name: str
    version: int
    created: int
    expires: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into a bundle: pages, and how large each file is that they list, by digest."""

    pages: Sequence[BundlePage]
    sizes: dict[str, int]


class Holdings:
    """What a mirror has: pages of upstreams, and those that bundles brought.

    Args:
        root: of the mirror.
        private: also the packages of one's own.
        refusal: why a file of a project is left out; None for one that is not.

    Attributes:
        refused: why files were left out, by name.

    Raises:
        NotFoundError: it is no mirror's.
    """

    def __init__(
        self, root: Path, private: bool = False, refusal: Callable[[str, Document], str | None] = lambda _project, _file: None
    ) -> None:
        if not (root / "blobs").is_dir():
            raise NotFoundError(f"{root} holds no mirror; expected a folder that `headrace mirror pull --root` has used")
        self._store = BlobStore(root, read_only=True)
        self._kept = KeptPages(PageFiles(root / "pages"), self._store, ProvenanceFiles(root / "provenance"), private=private)
        self._published = PublishedPages(PublishedFiles(root))
        self._refusal = refusal
        self.refused: dict[str, str] = {}

    def everything(self) -> Contents:
        """All pages, with all files that are here."""
        projects = sorted({*self._kept.projects(), *self._published.projects()})
        found = [self._page(project, lambda _: True) for project in projects]
        return self._contents([page for page in found if page is not None])

    def pinned(self, request: Request) -> Contents:
        """The files that pins name, such as a pull's lock.

        Raises:
            InvalidArgumentError: a requirement pins no version.
            FailedPreconditionError: nothing of a pinned version is here.
        """
        contents = request.pinned_contents()
        wanted: dict[str, set[Version]] = {}
        for asked in request.requirements:
            wanted.setdefault(asked.project, set()).add(_pinned(asked))
        pages = []
        for project, versions in sorted(wanted.items()):
            page = self._page(project, _keeper(versions, contents.get(project)))
            lacking = versions - (_versions(page) if page is not None else set())
            if page is None or lacking:
                told = ", ".join(f"{project} {version}" for version in sorted(lacking))
                reasons = "".join(f"\nrefused: {reason}" for _, reason in sorted(self.refused.items()))
                raise FailedPreconditionError(f"no files of {told} are here; bring them with `headrace mirror pull`{reasons}")
            pages.append(page)
        return self._contents(pages)

    def _page(self, project: str, keeps: Callable[[Document], bool]) -> BundlePage | None:
        found = self._published.find(project) or self._kept.find(project)
        if found is None or found[1].document is None:
            return None
        source, page = found

        def allowed(file: Document) -> bool:
            reason = self._refusal(project, file) if keeps(file) else ""
            if reason:
                self.refused[file["filename"]] = reason
            return reason is None

        document = held_document(found[1].document, allowed, self._store.__contains__, source.provenance)
        if not document["files"]:
            return None
        urls = sorted({file["provenance"] for file in document["files"] if isinstance(file.get("provenance"), str)})
        named = {url: each for url in urls if (each := source.provenance(url)) is not None}
        document["files"].sort(key=lambda file: file["filename"])
        return BundlePage(source.name, project, page.serial, document, named)

    def _contents(self, pages: Sequence[BundlePage]) -> Contents:
        if not pages:
            raise FailedPreconditionError("nothing to bundle is here; bring files with `headrace mirror pull`")
        digests = {digest for page in pages for digest in page.contents().values()}
        return Contents(pages, {digest: self._store.path(digest).stat().st_size for digest in digests})

    def pieces(self, digest: str, called: str) -> Iterator[bytes]:
        """The bytes of a file.

        Raises:
            DataLossError: it is damaged.
        """
        state = hashlib.sha256()
        with self._store.path(digest).open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                state.update(piece)
                yield piece
        if state.hexdigest() != digest:
            raise DataLossError(f"{called} is damaged in the store; `headrace mirror fsck --repair` puts it aside")


def _keeper(versions: set[Version], digests: frozenset[str] | None) -> Callable[[Document], bool]:
    """Lets files of these versions through, and of them only those with these digests, where some are given."""

    def keeps(file: Document) -> bool:
        told = told_by(file["filename"])
        return told is not None and told.version in versions and (digests is None or sha256_of(file) in digests)

    return keeps


def _versions(page: BundlePage) -> set[Version]:
    return {told.version for file in page.document["files"] if (told := told_by(file["filename"])) is not None}


def _pinned(asked: Asked) -> Version:
    specifiers = list(asked.requirement.specifier)
    if len(specifiers) == 1 and specifiers[0].operator in ("==", "==="):
        try:
            return Version(specifiers[0].version)
        except InvalidVersion:
            pass
    raise InvalidArgumentError(
        f"{asked.place}: {asked.requirement} pins no version; a bundle is made of NAME==VERSION, such as the lock that pull writes"
    )


def make(holdings: Holdings, contents: Contents, label: Label, keys: Sequence[Ed25519PrivateKey], out: Path) -> Manifest:
    """Writes a bundle; what it says of itself.

    Args:
        holdings: has the files.
        contents: what goes in.
        label: what it is called.
        keys: sign it.
        out: the file to write; nothing stays of it when this fails.

    Raises:
        InvalidArgumentError: the label is wrong, or `out` cannot be written.
        DataLossError: a file is damaged.
    """
    check_name(label.name)
    check_version(label.version)
    if label.expires <= label.created:
        raise InvalidArgumentError("the bundle would expire before it is made; choose a later time")
    pages = {page_name(page.upstream, page.project): page for page in contents.pages}
    bodies = {name: pages[name].to_bytes() for name in sorted(pages)}
    parts = sbom(label.name, label.version, label.created, contents.pages, holdings_metadata(holdings))
    manifest = Manifest(
        label.name,
        label.version,
        label.created,
        label.expires,
        tuple(_member(name, body) for name, body in bodies.items()),
        _member(SBOM, parts),
        tuple(_files(contents)),
    )
    data = manifest.to_bytes()
    work = out.with_name(f".{out.name}.{secrets.token_hex(6)}.partial")
    try:
        with work.open("xb") as file:
            archive = ArchiveWriter(file)
            archive.add(MANIFEST, data)
            archive.add(SIGNATURES, sign(data, keys))
            for name, body in bodies.items():
                archive.add(name, body)
            archive.add(SBOM, parts)
            for member in manifest.files:
                archive.add_pieces(member.name, member.size, holdings.pieces(member.sha256, member.called))
            archive.finish()
            file.flush()
            os.fsync(file.fileno())
        durable.move(work, out)
    except OSError as error:
        raise InvalidArgumentError(f"{out} cannot be written: {error.strerror}") from None
    finally:
        work.unlink(missing_ok=True)
    return manifest


def holdings_metadata(holdings: Holdings) -> Callable[[str], bytes]:
    """Reads metadata files by their digest."""
    return lambda digest: b"".join(holdings.pieces(digest, f"the metadata {digest}"))


def _member(name: str, body: bytes) -> Member:
    return Member(name, hashlib.sha256(body).hexdigest(), len(body))


def _files(contents: Contents) -> Iterator[Member]:
    names: dict[str, set[str]] = {}
    for page in contents.pages:
        for filename, digest in page.contents().items():
            names.setdefault(digest, set()).add(filename)
    for digest in sorted(names):
        yield file_member(digest, contents.sizes[digest], names[digest])
