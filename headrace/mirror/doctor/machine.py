"""Looks at this machine: what is installed, the configuration, the folder and its disk."""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from headrace.core import durable
from headrace.core.distribution import VERSION
from headrace.core.errors import OpError
from headrace.mirror.doctor.findings import Finding, failed, ok, skipped, warning

_LEAST_BYTES = 1 << 30
_LEAST_SHARE = 0.05
_FOLDERS = ("blobs", "partial", "pages", "uploads")
_PROBE = b"headrace mirror doctor"


def installed() -> Finding:
    """Which distribution is here; two of them take each other's files when one is removed."""
    found = [name for name in ("headrace", "headrace-slim") if _version(name)]
    if len(found) > 1:
        return failed(
            "installation",
            "headrace and headrace-slim are both installed; they bring the same files",
            "pip uninstall headrace-slim headrace, then install one of them",
        )
    return ok("installation", f"{found[0] if found else 'headrace'} {VERSION}")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def configuration(readers: dict[str, Callable[[], object]]) -> Iterator[Finding]:
    """Whether each file can be read as the mirror reads it; `readers` are by what they read."""
    for about, read in readers.items():
        try:
            read()
        except OpError as error:
            yield failed(about, error.message, "mend the file; a mirror does not start with it")
        else:
            yield ok(about, "can be read")


def folder(root: Path) -> Iterator[Finding]:
    """Whether the mirror can keep files in its folder."""
    about = "folder"
    if not root.exists():
        parent = next(each for each in root.absolute().parents if each.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            yield failed(
                about, f"{root} is not there, and {parent} may not be written to", f"mkdir {root}, and chown it to this user"
            )
            return
        yield warning(
            about, f"{root} is not there yet; `headrace mirror serve` makes it", "name the folder of the mirror with --root"
        )
        yield from _disk(parent)
        return
    if not root.is_dir():
        yield failed(about, f"{root} is no folder", "give --root, the folder of the mirror")
        return
    problem = _written(root)
    if problem:
        yield failed(about, *problem)
        for each in ("disk", "index of the store"):
            yield skipped(each, "the folder does not work")
        return
    yield ok(about, f"{root} can be written to, and keeps what is written")
    yield from _file_systems(root)
    yield from _disk(root)
    yield from _index(root)


def _written(root: Path) -> tuple[str, str] | None:
    """Why a file cannot be written, brought to the disk, renamed and read; and what to do about it."""
    target = root / f".doctor-{secrets.token_hex(6)}"
    try:
        durable.write(target, _PROBE)
        if target.read_bytes() != _PROBE:
            return f"{root} does not give back what was written", "look at the disk, and at the kernel's log"
    except OSError as error:
        said = f"a file cannot be kept in {root}: {error.strerror}"
        if error.errno in (errno.EACCES, errno.EPERM):
            return said, f"chown -R {root} to the user that runs the mirror"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return said, "make room on the disk, or lower --high_gib"
        if error.errno == errno.EROFS:
            return said, "mount the file system for writing"
        return said, "look at the disk, and at the kernel's log"
    finally:
        target.unlink(missing_ok=True)
    return None


def _file_systems(root: Path) -> Iterator[Finding]:
    """Files get their place by being renamed, which works within one file system only."""
    here = root.stat().st_dev
    apart = [name for name in _FOLDERS if (root / name).exists() and (root / name).stat().st_dev != here]
    locked = [name for name in _FOLDERS if (root / name).exists() and not os.access(root / name, os.R_OK | os.W_OK | os.X_OK)]
    if apart:
        remedy = "put all of the folder on one file system"
        yield failed("one file system", f"{', '.join(apart)} of {root} are on another file system", remedy)
    if locked:
        remedy = f"chown -R {root} to the user that runs the mirror"
        yield failed("folders", f"{', '.join(locked)} of {root} may not be written to", remedy)


def _disk(root: Path) -> Iterator[Finding]:
    found = os.statvfs(root)
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    said = f"{free / (1 << 30):.1f} of {total / (1 << 30):.1f} GiB are free"
    if found.f_favail == 0 and found.f_files:
        yield failed(
            "disk", "the file system has no room for more files (inodes)", "remove small files, or take another file system"
        )
    elif free < _LEAST_BYTES // 4:
        yield failed("disk", said, "make room, or lower --high_gib")
    elif free < _LEAST_BYTES or free < _LEAST_SHARE * total:
        yield warning("disk", said, "make room, or lower --high_gib")
    else:
        yield ok("disk", said)


def _index(root: Path) -> Iterator[Finding]:
    path = root / "index.sqlite"
    if not path.exists():
        return
    try:
        # Where no mirror runs, nothing is made beside the index: it would belong to whoever calls the doctor.
        alone = "" if path.with_name("index.sqlite-wal").exists() else "&immutable=1"
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{alone}", uri=True, timeout=10)
        try:
            (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            database.close()
    except sqlite3.Error as error:
        answer = str(error)
    if answer == "ok":
        yield ok("index of the store", "is whole")
    else:
        yield failed(
            "index of the store", f"is damaged: {answer}", f"stop the mirror and remove {path}*; it is made anew at the start"
        )
