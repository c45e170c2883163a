"""A mirror whose folder cannot be written to, such as a copy on a disk that is mounted read-only."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from headrace.mirror.policy.places import FINDINGS

logger = logging.getLogger(__name__)


def is_copy(root: Path, offline: bool) -> bool:
    """True for a mirror that asks nobody and cannot write to its folder."""
    return offline and root.is_dir() and not os.access(root, os.W_OK)


@contextlib.contextmanager
def place_to_write(root: Path, copy: bool) -> Iterator[Path]:
    """Where a mirror writes what is no content: its audit log, what its policy found out, lists that it makes.

    Args:
        root: the mirror's folder, which is that place, too, unless it is a copy.
        copy: whether it cannot be written to. A folder that ends with the block takes its place, with what was found out before.
    """
    if not copy:
        yield root
        return
    logger.warning("%s cannot be written to; the audit log, and what the policy finds out, go when this mirror ends", root)
    with tempfile.TemporaryDirectory(prefix="headrace-mirror-") as folder:
        for path in root.glob(f"{FINDINGS}*"):
            shutil.copyfile(path, Path(folder, path.name))
        yield Path(folder)
