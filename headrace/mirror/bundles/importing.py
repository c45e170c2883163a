"""Imports a bundle: verifies all of it beside what is published, and then publishes it in one step.

archive ──▶ manifest: signed by a trusted key, in time, no older version
        ──▶ pages, list of components, files: each is what the manifest says ──▶ bundles/staging/
        ──▶ the end: nothing more comes
staging ──▶ store and bundles/pages (nobody looks there yet) ──▶ bundles/published.json, replaced at once
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from headrace.core import durable
from headrace.core.errors import DataLossError, FailedPreconditionError, OpError, ResourceExhaustedError, UnavailableError
from headrace.mirror.audit import AuditLog
from headrace.mirror.bundles.keys import TrustedKey
from headrace.mirror.bundles.manifest import Manifest, Member
from headrace.mirror.bundles.published import OWNER, PublishedBundle, PublishedFiles, PublishedPage
from headrace.mirror.bundles.verifying import Head, Verifier, check_time, read_head
from headrace.mirror.policy.places import AUDIT
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex, open_index

logger = logging.getLogger(__name__)

_COMING = "import"
"""Who keeps the files of a bundle while it is taken in."""
_SPARE_BYTES = 64 << 20
"""What is left free on the disk."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is taken.

    Attributes:
        trusted: keys.
        allow_rollback: also a version that is lower than the last one.
        check: verify only; nothing is changed.
    """

    trusted: Sequence[TrustedKey]
    allow_rollback: bool = False
    check: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        manifest: the bundle's.
        key: that it was taken for.
        before: the version of this name that was there; None when there was none.
        new_files: files that were not in the store.
        new_bytes: of them together.
        sbom: where the list of components is now; None after a check.
    """

    manifest: Manifest
    key: TrustedKey
    before: int | None
    new_files: int
    new_bytes: int
    sbom: Path | None


def import_bundle(file: BinaryIO, root: Path, rules: Rules, clock: Callable[[], float] = time.time) -> Imported:
    """Verifies a bundle, and publishes it unless it is only to be checked.

    Args:
        file: the archive; a pipe will do.
        root: of the mirror.
        rules: what is taken.
        clock: seconds since 1970.

    Raises:
        PermissionDeniedError: no trusted key has signed it.
        DataLossError: it is damaged; the member is named.
        FailedPreconditionError: it is expired, older than what is there, or gives a file's name another content.
        ResourceExhaustedError: the disk has no room for it.
        UnavailableError: another import is at work.
    """
    if rules.check:
        return _check(file, root, rules, clock())
    published = PublishedFiles(root)
    published.folder.mkdir(parents=True, exist_ok=True)
    audit = AuditLog(root / AUDIT, clock=clock)
    with _alone(published.folder):
        head: Head | None = None
        try:
            head = read_head(file, rules.trusted, clock())
            return _Import(root, published, head, rules, clock).run(audit)
        except OpError as error:
            told: dict[str, Any] = {"bundle": head.manifest.name, "version": head.manifest.version} if head is not None else {}
            audit.record("import", "refused", durable=True, **told, reason=error.message)
            raise
        finally:
            audit.close()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One import at a time; the lock goes with the process."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnavailableError(f"another import into {folder} is at work; wait for its end") from None
        yield


def _check(file: BinaryIO, root: Path, rules: Rules, now: float) -> Imported:
    head = read_head(file, rules.trusted, now)
    published = PublishedFiles(root)
    bundles = published.read()
    before = _order(bundles.get(head.manifest.name), head, rules)
    verifier = Verifier(head, published, bundles)
    for _, pieces in verifier.members():
        for _ in pieces:
            pass
    verifier.finish()
    there = BlobStore(root, read_only=True)
    new = [member.size for member in head.manifest.files if member.sha256 not in there]
    return Imported(head.manifest, head.keys[0], before, len(new), sum(new), None)


def _order(last: PublishedBundle | None, head: Head, rules: Rules) -> int | None:
    """The version that is there.

    Raises:
        FailedPreconditionError: the new one is older, or the same with another content.
    """
    if last is None:
        return None
    name, version = head.manifest.name, head.manifest.version
    if version < last.version and not rules.allow_rollback:
        raise FailedPreconditionError(
            f"{name} {version} is older than version {last.version}, which was imported: that would bring back what was replaced;"
            " to do so on purpose, use --allow-rollback"
        )
    if version == last.version and head.digest != last.manifest:
        raise FailedPreconditionError(
            f"{name} {version} was imported with another content; a version stands for one content, so give the new one the next"
        )
    return last.version


class _Import:
    """One import, by the only process that is about it."""

    def __init__(self, root: Path, published: PublishedFiles, head: Head, rules: Rules, clock: Callable[[], float]) -> None:
        self._published = published
        self._head = head
        self._manifest = head.manifest
        self._rules = rules
        self._clock = clock
        self._store = BlobStore(root)
        self._root = root
        self._staging = published.folder / "staging"
        self._new: list[Member] = []

    def run(self, audit: AuditLog) -> Imported:
        """Verifies and publishes."""
        bundles = self._published.read()
        last = bundles.get(self._manifest.name)
        before = _order(last, self._head, self._rules)
        told: dict[str, Any] = {"bundle": self._manifest.name, "version": self._manifest.version, "before": before}
        if before is not None and before > self._manifest.version:
            audit.record("import", "rollback", durable=True, **told)
        with self._prepared():
            self._receive(bundles)
            self._adopt()
            self._publish(bundles, last)
            self._tidy()
        sbom = self._sbom_path()
        audit.record("import", "imported", durable=True, **told, key=self._head.keys[0].name, manifest=self._head.digest)
        size = sum(member.size for member in self._new)
        return Imported(self._manifest, self._head.keys[0], before, len(self._new), size, sbom)

    @contextlib.contextmanager
    def _prepared(self) -> Iterator[None]:
        """A folder to work in, and no file of the bundle that is here makes room for others meanwhile."""
        shutil.rmtree(self._staging, ignore_errors=True)  # of an import that died
        self._staging.mkdir()
        try:
            with self._opened() as index:
                index.repin([member.sha256 for member in self._manifest.files], _COMING)
            yield
            with self._opened() as index:
                index.unpin(_COMING)
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BlobIndex]:
        index = open_index(self._root)
        try:
            yield index
        finally:
            index.close()

    def _receive(self, bundles: dict[str, PublishedBundle]) -> None:
        """Verifies every member on its way to the disk."""
        self._new = [member for member in self._manifest.files if member.sha256 not in self._store]
        new = {member.name for member in self._new}
        self._check_room()
        verifier = Verifier(self._head, self._published, bundles)
        for member, pieces in verifier.members():
            if member in self._manifest.files and member.name not in new:
                for _ in pieces:
                    pass
                continue
            try:
                with (self._staging / member.sha256).open("wb") as work:
                    for piece in pieces:
                        work.write(piece)
            except OSError as error:
                raise ResourceExhaustedError(f"{member.called} cannot be kept: {error}") from None
        verifier.finish()
        check_time(self._manifest, self._clock())  # it may have come slowly

    def _check_room(self) -> None:
        needed = sum(member.size for member in (*self._manifest.pages, self._manifest.sbom, *self._new))
        left = self._store.free_bytes()
        if left - needed < _SPARE_BYTES:
            raise ResourceExhaustedError(f"the disk has no room for the bundle: {needed} bytes are needed, {left} are left")

    def _adopt(self) -> None:
        """Brings everything where it belongs; nothing refers to it yet."""
        with self._opened() as index:
            for member in self._new:
                self._store.adopt(self._staging / member.sha256, member.sha256)
            for member in self._manifest.files:
                index.add(member.sha256, member.size)
            index.pin([member.sha256 for member in self._manifest.files], OWNER)
        for folder, members in (("pages", self._manifest.pages), ("sbom", (self._manifest.sbom,))):
            (self._published.folder / folder).mkdir(exist_ok=True)
            for member in members:
                target = self._published.page_path(member.sha256) if folder == "pages" else self._sbom_path()
                durable.sync(self._staging / member.sha256)
                durable.move(self._staging / member.sha256, target)

    def _publish(self, bundles: dict[str, PublishedBundle], last: PublishedBundle | None) -> None:
        """Makes it count. Projects that are not in it keep the pages that they have."""
        pages = dict(last.pages) if last is not None else {}
        for member in self._manifest.pages:
            _, upstream, project = member.name.removesuffix(".json").split("/")
            pages[project] = PublishedPage(upstream, member.sha256, self._manifest.created)
        bundles[self._manifest.name] = PublishedBundle(
            self._manifest.version,
            self._head.digest,
            self._manifest.created,
            self._manifest.expires,
            self._clock(),
            self._head.keys[0].id,
            pages,
        )
        self._published.write(bundles)

    def _tidy(self) -> None:
        """Lets go what no longer counts: its pages, and the hold on its files, which then make room as others do."""
        bundles = self._published.read()
        kept = {f"{page.sha256}.json" for bundle in bundles.values() for page in bundle.pages.values()}
        for path in (self._published.folder / "pages").iterdir():
            if path.name not in kept:
                path.unlink()
        try:
            published = set(self._published.contents())
        except (DataLossError, FileNotFoundError) as error:
            logger.warning("no file of bundles is let go while a page of theirs cannot be read: %s", error)
            return
        with self._opened() as index:
            index.repin(published, OWNER)

    def _sbom_path(self) -> Path:
        return self._published.folder / "sbom" / f"{self._manifest.name}-{self._manifest.version}.cdx.json"
