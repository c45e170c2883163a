"""How a file comes into the store: one receiver writes its parts, others may read along, and only a file with the right
digest gets its name.

    receiver ──▶ partial file (locked) ──▶ digest is right ──▶ synced, renamed: a blob
                     ▲                     └ wrong: unlinked; whoever reads along sees that and gives up
    readers ─────────┘ up to the last HELD_BYTES, which are given out once the file is a blob

The receiver's lock is the operating system's, so it goes with its process. Whoever takes over goes on where the parts end.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.core import durable
from headrace.core.errors import DataLossError
from headrace.store.digests import PIECE_BYTES

HELD_BYTES = 64 << 10
"""What readers do not get of a file before its digest is known to be right: without its end no file is complete."""


class Reception:
    """The one receiver of a file; in a `with` block, at whose end the lock is given back.

    Attributes:
        size: how many bytes are there already.
    """

    def __init__(self, handle: int, partial: Path, target: Path, digest: str) -> None:
        self._handle = handle
        self._partial = partial
        self._target = target
        self._digest = digest
        self._state = hashlib.sha256()
        self.size = 0
        self._read_again()

    def write(self, data: bytes | memoryview) -> None:
        """Adds what comes next."""
        self._state.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        self.size += len(data)

    def discard(self) -> None:
        """Throws away what is there, so that whoever reads along gives up. This receiver is of no use from then on."""
        self._partial.unlink(missing_ok=True)

    def finish(self) -> Path:
        """Makes a blob of what has come.

        Raises:
            DataLossError: it does not have the digest; it is thrown away.
        """
        found = self._state.hexdigest()
        if found != self._digest:
            self.discard()
            raise DataLossError(f"{self.size} bytes came with sha256 {found}; expected {self._digest}; they are thrown away")
        os.fsync(self._handle)
        os.fchmod(self._handle, 0o644)
        durable.folder(self._target.parent)
        durable.move(self._partial, self._target)
        return self._target

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._handle)

    def _read_again(self) -> None:
        """The digest of the parts that an earlier receiver left."""
        os.lseek(self._handle, 0, os.SEEK_SET)
        while piece := os.read(self._handle, PIECE_BYTES):
            self._state.update(piece)
            self.size += len(piece)


def receive(partial: Path, target: Path, digest: str) -> Reception | None:
    """The receiver of a file; None while there is another, and when the file is whole by now."""
    handle = lock_partial(partial)
    if handle is None:
        return None
    try:
        if target.exists():  # the receiver before this one has just finished
            partial.unlink()
            os.close(handle)
            return None
        return Reception(handle, partial, target, digest)
    except BaseException:
        os.close(handle)
        raise


def lock_partial(partial: Path, create: bool = True) -> int | None:
    """The partial file, open and locked; None when another one has the lock, or it is not there and not to be made.

    A file that lost its name meanwhile is let go.
    """
    while True:
        try:
            handle = os.open(partial, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        except FileNotFoundError:
            if create:
                raise
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        if is_at(handle, partial):
            return handle
        os.close(handle)


def is_at(handle: int, path: Path) -> bool:
    """True while an open file has this name."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False
