"""Folders that are whole or not there, filled from an archive or from another folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from headrace.core import durable
from headrace.core.errors import InvalidArgumentError
from headrace.mirror.models.archives import unpack


def fill(target: Path, source: Path, work: Path) -> None:
    """Makes the folder `target` in one step. One that is there goes.

    Args:
        target: its parent must exist.
        source: an archive, or a folder of plain files and folders.
        work: where it is collected, on the same file system.

    Raises:
        InvalidArgumentError: the source is not there, or holds links or devices.
        DataLossError: it is no archive that may be unpacked.
    """
    if not source.exists():
        raise InvalidArgumentError(f"{source} is not there; expected an archive (.tar or .tar.gz) or a folder")
    work.mkdir()
    try:
        if source.is_dir():
            _copy(source, work)
        else:
            unpack(source, work, source.name)
        for folder, _, _ in os.walk(work, topdown=False):
            durable.sync(Path(folder))
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
        durable.sync(target.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy(source: Path, work: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise InvalidArgumentError(f"{path} is neither a plain file nor a folder; put a copy of what it leads to there")
        place = work / path.relative_to(source)
        if path.is_dir():
            place.mkdir()
            continue
        shutil.copyfile(path, place)
        durable.sync(place)
    if not any(work.iterdir()):
        raise InvalidArgumentError(f"{source} is an empty folder; expected the files of a model")
