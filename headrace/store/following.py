"""Reads a file of the store along with its receiver, in this process or another one."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from headrace.core.errors import AbortedError
from headrace.store.blobs import BlobStore
from headrace.store.reception import HELD_BYTES, is_at


class Follower:
    """Reads a file that may still be coming; in a `with` block. The last bytes are given out once the digest is known to be right.

    Args:
        store: has it, or will.
        digest: of the file.

    Attributes:
        file: to read it by, as far as `available` says.

    Raises:
        FileNotFoundError: nothing of it is there.
    """

    def __init__(self, store: BlobStore, digest: str) -> None:
        self._whole = store.path(digest)
        self._partial = store.partial_path(digest)
        try:
            self.file = self._whole.open("rb")
        except FileNotFoundError:
            self.file = self._partial.open("rb")
        self._handle = self.file.fileno()

    @property
    def is_whole(self) -> bool:
        """True once the file is a blob."""
        return is_at(self._handle, self._whole)

    def available(self) -> int:
        """How many bytes from the start may be given out.

        Raises:
            AbortedError: what has come so far was thrown away.
        """
        if self.is_whole:
            return os.fstat(self._handle).st_size
        size = os.fstat(self._handle).st_size
        if not is_at(self._handle, self._partial) and not self.is_whole:
            raise AbortedError("what had come of this file was not what it should have been, and was thrown away; ask again")
        return max(0, size - HELD_BYTES)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the file; `available` says which may be asked for."""
        return os.pread(self._handle, size, offset)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.file.close()
