"""Files that are whole or not there, also after a crash."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def sync(path: Path) -> None:
    """Waits until the file, or the list of names in the folder, at `path` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def folder(path: Path) -> None:
    """Makes a folder where there is none; its name is on the disk when this returns. The one around it must exist."""
    if not path.is_dir():
        path.mkdir(exist_ok=True)
        sync(path.parent)


def move(work: Path, target: Path) -> None:
    """Gives a file, which is on the disk, its name in one step; both are on one file system. A file of that name goes."""
    work.replace(target)
    sync(target.parent)


def write(target: Path, data: bytes) -> None:
    """Writes a whole file in one step, in place of one that may be there. Its folder must exist."""
    work = target.with_name(f".{target.name}.{secrets.token_hex(6)}.partial")
    try:
        with work.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        move(work, target)
    finally:
        work.unlink(missing_ok=True)
