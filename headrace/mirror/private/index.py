"""The mirror's own index: projects whose names are private, uploaded by those who may."""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

from headrace.core.errors import AlreadyExistsError, DataLossError, NotFoundError, PermissionDeniedError
from headrace.mirror.index.names import normal_pattern
from headrace.mirror.index.page import API_VERSION, Document, sha256_of
from headrace.mirror.pages.stored import PageFiles, StoredPage
from headrace.mirror.private.packages import Package, identity
from headrace.mirror.upstream.source import FilePart
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex

NAME = "private"
"""What the index is called among the upstreams."""


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

    def add(self, package: Package, filename: str, digest: str, size: int) -> bool:
        """Lists a file that is in the store. False when it was listed already, the same one.

        Raises:
            PermissionDeniedError: its name is not private.
            AlreadyExistsError: a file of this name with another content is listed; a name stands for one content, for good.
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
            document["files"].append(self._entry(package, filename, digest, size, now))
            document["versions"] = sorted({*document["versions"], package.version})
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
            metadata = hashlib.sha256(package.metadata).hexdigest()
            self._store.put(package.metadata, metadata)
            self._index.add(metadata, len(package.metadata))
            self._index.pin([metadata], NAME)
            entry["core-metadata"] = {"sha256": metadata}
        return entry

    def file(self, url: str, offset: int) -> AbstractAsyncContextManager[FilePart]:
        """Private files are in the store or nowhere; see Source.file."""
        raise NotFoundError(f"{url} is no longer in the store at byte {offset}; upload it again under another version")

    async def document(self, url: str, max_bytes: int) -> tuple[bytes, str]:
        """Private files have no provenance; see Source.document."""
        raise NotFoundError(f"there is no {url} of {max_bytes} bytes at most")

    @contextlib.contextmanager
    def _locked(self, project: str) -> Iterator[None]:
        """Keeps other processes from changing the page."""
        self._locks.mkdir(parents=True, exist_ok=True)
        with (self._locks / f"{project}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _empty(project: str) -> Document:
    return {"meta": {"api-version": API_VERSION}, "name": project, "versions": [], "files": []}
