"""Putting a finished folder in place: nobody ever sees half of it under its final name."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.core.durable import sync
from headrace.core.errors import AlreadyExistsError

KNOWN = frozenset({"saved_model.pb", "fingerprint.pb", "variables", "assets", "headrace.digest", "keras_metadata.pb"})
"""What a SavedModel folder may hold to be replaced as a whole."""


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Gives a folder to fill beside `target`; on success it becomes `target`, on an error it is removed.

    An existing SavedModel is replaced; it stays until the new one is complete.

    Raises:
        AlreadyExistsError: `target` is a file, or a folder that holds anything else than a SavedModel.
    """
    _check(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".{target.name}.{secrets.token_hex(6)}.partial")
    work.mkdir()
    try:
        yield work
        _sync_tree(work)
        _check(target)
        _swap(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise AlreadyExistsError(f"{str(target)!r} exists and is no folder; choose another path to save to")
    foreign = sorted(entry.name for entry in target.iterdir() if entry.name not in KNOWN)
    if foreign:
        raise AlreadyExistsError(
            f"{str(target)!r} holds {foreign[0]!r}, which is no part of a SavedModel; saving replaces the whole folder, so choose"
            " another path or move that away"
        )


def _swap(work: Path, target: Path) -> None:
    if not target.exists():
        work.rename(target)
    else:
        # A folder cannot be renamed over one that is not empty, so the old model steps aside first.
        old = target.with_name(f".{target.name}.{secrets.token_hex(6)}.old")
        target.rename(old)
        try:
            work.rename(target)
        except OSError:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    sync(target.parent)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)
