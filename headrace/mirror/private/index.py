"""The mirror's own index: projects whose names are private, uploaded by those who may."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import fnmatch
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version

from headrace.core.errors import AlreadyExistsError, DataLossError, InvalidArgumentError, NotFoundError, PermissionDeniedError
from headrace.mirror.index.names import normal_pattern
from headrace.mirror.index.page import API_VERSION, Document, metadata_sha256, sha256_of
from headrace.mirror.pages.stored import PageFiles, StoredPage
from headrace.mirror.private.packages import Package, identity, version_of
from headrace.mirror.upstream.source import FilePart
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex

NAME = "private"
"""What the index is called among the upstreams."""
_REMOVED = "_removed"
"""The key of a page's document on disk that holds the digests of files that were removed, by name; it is not given out."""
_PROVENANCE = "private:/provenance/"
_PROVENANCE_TYPE = "application/vnd.pypi.integrity.v1+json"


class PrivateIndex:
    """Projects of one's own. Several processes may share the files.

    Args:
        patterns: of the names that are private: they are never asked for upstream, whether or not they are here.
        files: keeps the pages.
        store: keeps the files.
        index: keeps them from making room for others.
        locks: a folder.
        clock: seconds since 1970.
    """

    name = NAME

    def __init__(
        self,
        patterns: Sequence[str],
        files: PageFiles,
        store: BlobStore,
        index: BlobIndex,
        locks: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._patterns = tuple(map(normal_pattern, patterns))
        self._files = files
        self._store = store
        self._index = index
        self._locks = locks
        self._clock = clock
        self._known: dict[str, tuple[int, StoredPage]] = {}

    def owns(self, project: str) -> bool:
        """True when the name is private."""
        return any(fnmatch.fnmatchcase(project, pattern) for pattern in self._patterns)

    def page(self, project: str) -> StoredPage:
        """The page of a private project.

        Raises:
            NotFoundError: nobody has uploaded it.
        """
        modified = self._files.modified(NAME, project)
        known = self._known.get(project)
        if known is not None and known[0] == modified:
            return known[1]
        page = self._read(project)
        if page is None:
            raise NotFoundError(f"the private project {project} has no files here; private names are not looked for elsewhere")
        if page.document is not None:
            page = replace(page, document={key: value for key, value in page.document.items() if key != _REMOVED})
        self._known[project] = (modified, page)
        return page

    def _read(self, project: str) -> StoredPage | None:
        """The page that is kept. Nobody else has it, so a damaged one is not taken for none."""
        page = self._files.read(NAME, project)
        if page is None and self._files.modified(NAME, project):
            raise DataLossError(
                f"the list of the files of {project} is damaged; put it back from a backup, or remove it and upload again"
            )
        return page

    def projects(self) -> list[str]:
        """The private projects that have files."""
        found = []
        for project in self._files.projects(NAME):
            document = self.page(project).document
            if document is not None and document["files"] and self.owns(project):
                found.append(project)
        return found

    def add(self, package: Package, filename: str, digest: str, size: int, provenance: bytes | None = None) -> bool:
        """Lists a file that is in the store. False when it was listed already, the same one.

        Args:
            package: what it is.
            filename: its name.
            digest: its sha256.
            size: in bytes.
            provenance: PEP 740's object about it, as JSON; None without one.

        Raises:
            PermissionDeniedError: its name is not private.
            AlreadyExistsError: a file of this name with another content is listed, or was; a name stands for one content, for
                good.
        """
        if not self.owns(package.project):
            raise PermissionDeniedError(
                f"{package.project} is not among the names that are private here ({', '.join(self._patterns) or 'none'})"
            )
        with self._locked(package.project):
            now = self._clock()
            known = self._read(package.project)
            document = known.document if known is not None and known.document is not None else _empty(package.project)
            for file in document["files"]:
                if file["filename"] == filename:
                    if sha256_of(file) == digest:
                        return False
                    raise AlreadyExistsError(f"{filename} is here with another content; give the new one another version")
                if identity(file["filename"]) == identity(filename):
                    raise AlreadyExistsError(
                        f"{filename} is here as {file['filename']}, which means the same; give it another version"
                    )
            if identity(filename) in map(identity, document.get(_REMOVED, {})):
                raise AlreadyExistsError(f"{filename} was removed here; its name is not used again: give the file another version")
            entry = self._entry(package, filename, digest, size, now)
            if provenance is not None:
                entry["provenance"] = f"{_PROVENANCE}{self._keep(provenance)}"
            document["files"].append(entry)
            document["versions"] = _versions(document)
            self._index.add(digest, size)
            self._index.pin([digest], NAME)
            self._files.write(NAME, package.project, StoredPage(document, "", None, now, now))
        return True

    def _entry(self, package: Package, filename: str, digest: str, size: int, now: float) -> Document:
        entry: Document = {
            "filename": filename,
            "url": f"private:/{filename}",
            "hashes": {"sha256": digest},
            "size": size,
            "upload-time": datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "yanked": False,
        }
        if package.requires_python:
            entry["requires-python"] = package.requires_python
        if package.metadata is not None:
            entry["core-metadata"] = entry["dist-info-metadata"] = {"sha256": self._keep(package.metadata)}
        return entry

    def _keep(self, data: bytes) -> str:
        """Takes a small file into the store, for good; its digest."""
        digest = hashlib.sha256(data).hexdigest()
        self._store.put(data, digest)
        self._index.add(digest, len(data))
        self._index.pin([digest], NAME)
        return digest

    def yank(self, project: str, version: str, filename: str, reason: str | None) -> list[str]:
        """Marks files so that only those install them who ask for this very version; or, with None as reason, no longer.

        Args:
            project: its normal name.
            version: whose files.
            filename: of the only one that is meant; "" means all of the version.
            reason: is shown by clients.

        Returns:
            The names of the files.

        Raises:
            NotFoundError: there is no such file.
        """
        with self._locked(project):
            page, document, chosen = self._chosen(project, version, filename)
            for file in chosen:
                file["yanked"] = False if reason is None else reason or True
            self._files.write(NAME, project, replace(page, document=document, fetched=self._clock()))
        return [file["filename"] for file in chosen]

    def remove(self, project: str, version: str, filename: str) -> list[str]:
        """Forgets files, and their content if nobody else keeps it; see `yank`. Their names are not used again."""
        with self._locked(project):
            page, document, chosen = self._chosen(project, version, filename)
            gone = {file["filename"]: sha256_of(file) for file in chosen}
            document["files"] = [file for file in document["files"] if file["filename"] not in gone]
            document["versions"] = _versions(document)
            document[_REMOVED] = {**document.get(_REMOVED, {}), **gone}
            self._files.write(NAME, project, replace(page, document=document, fetched=self._clock()))
            for digest in self._index.release([each for file in chosen for each in _digests(file)], NAME):
                if not self._uses(digest):
                    self._store.delete(digest)
                    self._index.forget(digest)
        return list(gone)

    def _uses(self, digest: str) -> bool:
        """True when a private file that is still listed has this content, or comes with it."""
        found = False
        for project in self._files.projects(NAME):
            page = self._read(project)
            files = page.document["files"] if page is not None and page.document is not None else []
            if any(digest in _digests(file) for file in files):
                self._index.pin([digest], NAME)
                found = True
        return found

    def _chosen(self, project: str, version: str, filename: str) -> tuple[StoredPage, Document, list[Document]]:
        """The page of a project, its document, and the files of it that are meant."""
        try:
            wanted = Version(version)
        except InvalidVersion:
            raise InvalidArgumentError(f"{version[:80]!r} is no version") from None
        page = self._read(project) if self.owns(project) else None
        document = page.document if page is not None else None
        files = document["files"] if document is not None else []
        chosen = [each for each in files if version_of(each["filename"]) == wanted and filename in ("", each["filename"])]
        if page is None or document is None or not chosen:
            raise NotFoundError(f"there is no private file {filename[:100]!r} of {project} {version}".replace(" ''", ""))
        return page, document, chosen

    def file(self, url: str, offset: int) -> AbstractAsyncContextManager[FilePart]:
        """Private files are in the store or nowhere; see Source.file."""
        raise NotFoundError(f"{url} is no longer in the store at byte {offset}; upload it again under another version")

    async def document(self, url: str, max_bytes: int) -> tuple[bytes, str]:
        """The provenance that came with an upload; see Source.document."""
        try:
            path = self._store.path(url.removeprefix(_PROVENANCE))
            data = await asyncio.to_thread(path.read_bytes)
        except (InvalidArgumentError, FileNotFoundError):
            raise NotFoundError(f"there is no {url} here") from None
        if len(data) > max_bytes:
            raise NotFoundError(f"{url} has more than {max_bytes} bytes")
        return data, _PROVENANCE_TYPE

    @contextlib.contextmanager
    def _locked(self, project: str) -> Iterator[None]:
        """Keeps other processes from changing the page."""
        self._locks.mkdir(parents=True, exist_ok=True)
        with (self._locks / f"{project}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _empty(project: str) -> Document:
    return {"meta": {"api-version": API_VERSION}, "name": project, "versions": [], "files": []}


def _versions(document: Document) -> list[str]:
    """The versions that a project's files have, in order."""
    found = {version for file in document["files"] if (version := version_of(file["filename"])) is not None}
    return [str(version) for version in sorted(found)]


def _digests(file: Document) -> list[str]:
    """What the store keeps for a file: its content, its metadata, its provenance."""
    provenance = str(file.get("provenance", "")).removeprefix(_PROVENANCE)
    return [digest for digest in (sha256_of(file), metadata_sha256(file), provenance) if digest]
