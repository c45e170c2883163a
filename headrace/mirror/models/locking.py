"""Locks between processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from headrace.store.reception import is_at


@contextlib.contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Takes a lock of the operating system for the block, where nobody has it; gives whether it did. Its file goes with it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        if not is_at(handle, path):  # who had it before has removed it meanwhile
            yield False
            return
        try:
            yield True
        finally:
            path.unlink()
    finally:
        os.close(handle)
