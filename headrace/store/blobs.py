"""Files by the sha256 of their content, in a folder that several processes may use at the same time.

    blobs/ab/abcd...      whole files whose content has this digest; they never change
    partial/abcd...       what has come so far of a file with this digest, locked by the one process that receives it
    quarantine/abcd...    what turned out to be damaged, kept for whoever wants to know why
    pins/owner/abcd...    whoever wants to keep a file, whatever its age

The folder is the truth: a crash at any moment leaves whole blobs, and parts that are gone on with.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from headrace.core import durable
from headrace.core.errors import PermissionDeniedError
from headrace.store import digests
from headrace.store.pins import Pins
from headrace.store.reception import Reception, lock_partial, receive

_LOOK_SECONDS = 0.02


class BlobStore:
    """Whole files by their digest.

    Args:
        root: the folder; it is made where it is missing.
        read_only: nothing is written, so that a copy on a read-only file system can be used.
    """

    def __init__(self, root: Path, read_only: bool = False) -> None:
        self.root = root
        self.read_only = read_only
        self._blobs = root / "blobs"
        self._partial = root / "partial"
        self._quarantine = root / "quarantine"
        self.pins = Pins(root / "pins")
        if not read_only:
            for folder in (self._blobs, self._partial, self._quarantine):
                folder.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the file with this digest is, or would be.

        Raises:
            InvalidArgumentError: it is no digest.
        """
        return self._blobs / digests.check(digest)[:2] / digest

    def partial_path(self, digest: str) -> Path:
        """Where the parts of this file are collected."""
        return self._partial / digests.check(digest)

    def __contains__(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def receive(self, digest: str) -> Reception | None:
        """Begins, or goes on, to take in the file with this digest; None when another
        process or thread is about it, or has just finished.

        Raises:
            InvalidArgumentError: it is no digest.
            PermissionDeniedError: the store is read-only.
        """
        self._writable()
        return receive(self.partial_path(digest), self.path(digest), digest)

    def put(self, data: bytes, digest: str) -> Path:
        """Takes in a file that is at hand.

        Raises:
            DataLossError: its digest is another one.
            PermissionDeniedError: the store is read-only.
        """
        while digest not in self:
            reception = self.receive(digest)
            if reception is None:
                time.sleep(_LOOK_SECONDS)
                continue
            with reception:
                if reception.size:
                    reception.discard()
                    continue
                reception.write(data)
                reception.finish()
        return self.path(digest)

    def adopt(self, work: Path, digest: str) -> Path:
        """Takes in a file of the same file system, whose digest the caller has computed, by giving it its place."""
        self._writable()
        target = self.path(digest)
        if not target.exists():
            durable.sync(work)
            work.chmod(0o644)
            durable.folder(target.parent)
            durable.move(work, target)
        return target

    def delete(self, digest: str) -> None:
        """Forgets a file. Those who have it open can go on reading it."""
        self._writable()
        self.path(digest).unlink(missing_ok=True)

    def walk(self) -> Iterator[tuple[str, Path]]:
        """The digest and path of every file, in order."""
        for folder in sorted(self._blobs.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                if path.name.startswith(folder.name) and len(path.name) == 64:
                    yield path.name, path

    def damaged(self) -> Iterator[tuple[str, Path]]:
        """Reads all files; those whose content does not have their digest, or cannot be read."""
        for digest, path in self.walk():
            try:
                right = digests.of_file(path) == digest
            except FileNotFoundError:  # it has made room meanwhile
                continue
            except OSError:
                right = False
            if not right:
                yield digest, path

    def forget_parts(self, seconds: float, now: float) -> int:
        """Throws away parts of files that nobody has gone on with for so long; how many bytes they had."""
        self._writable()
        freed = 0
        for path in sorted(self._partial.iterdir()):
            handle = lock_partial(path, create=False) if digests.is_digest(path.name) else None
            if handle is None:
                continue
            try:
                found = os.fstat(handle)
                if now - found.st_mtime > seconds:
                    path.unlink()
                    freed += found.st_size
            finally:
                os.close(handle)
        return freed

    def quarantine(self, digest: str) -> Path:
        """Puts a file aside, so that it is no longer handed out; where it is now."""
        self._writable()
        target = self._quarantine / digests.check(digest)
        self.path(digest).replace(target)
        durable.sync(self._quarantine)
        return target

    def free_bytes(self) -> int:
        """What the file system has left, in bytes, for a process without special rights."""
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize

    def _writable(self) -> None:
        if self.read_only:
            raise PermissionDeniedError(f"the store at {self.root} is open for reading only")
