"""Memory that a helper process fills and its server keeps: weights change hands without a copy, and without a file's name."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any

import numpy as np

from headrace.serving.engines.base import Array


def anonymous() -> int:
    """A descriptor of an empty file without a name: in memory, or in the folder of temporary files where the system has no such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("headrace-version", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Filling:
    """Appends to such a file.

    Args:
        descriptor: the file's.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._end = 0

    def store(self, content: Any) -> int:
        """Appends bytes, and gives their place, which is the begin of a page.

        Raises:
            OSError: there is no room.
        """
        begin = -(-self._end // mmap.PAGESIZE) * mmap.PAGESIZE
        view = memoryview(content).cast("B")
        written = 0
        while written < len(view):
            written += os.pwrite(self._descriptor, view[written:], begin + written)
        self._end = begin + written
        return begin


def content_of(descriptor: int) -> Array:
    """What was appended, as bytes that may be changed without changing the file. They stay as long as a view of them."""
    size = os.fstat(descriptor).st_size
    if not size:
        return np.empty(0, np.uint8)
    return np.frombuffer(mmap.mmap(descriptor, size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE), np.uint8)
