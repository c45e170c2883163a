"""Fills the cache of tensorflow_hub, so that it loads public handles without network.

CACHE/SHA1/                     the model; SHA1 is that of the handle as it is typed
CACHE/SHA1.descriptor.txt       which one it is
CACHE/SHA1.lock, SHA1.UID.tmp/  whoever is at it: tensorflow_hub waits meanwhile
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from headrace.core import durable
from headrace.core.errors import FailedPreconditionError, InvalidArgumentError
from headrace.mirror.models.placing import fill
from headrace.mirror.models.tfhub.handles import Handle, handle


def model_of(typed: str) -> Handle:
    """The model that a handle names, whatever host it is of.

    Raises:
        InvalidArgumentError: it is no handle.
    """
    parts = urlsplit(typed)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidArgumentError(f"{typed[:200]!r} is no handle; expected such as https://HOST/PUBLISHER/NAME/VERSION")
    return handle(parts.path.removeprefix("/tfhub"))


def folder_of(typed: str, cache: Path) -> Path:
    """Where tensorflow_hub looks for a handle."""
    return cache / hashlib.sha1(typed.encode(), usedforsecurity=False).hexdigest()


def is_seeded(typed: str, cache: Path) -> bool:
    """True when the model is there."""
    folder = folder_of(typed, cache)
    return folder.is_dir() and any(folder.iterdir())


def seed(typed: str, source: Path, cache: Path) -> Path:
    """Puts a model into a cache.

    Args:
        typed: its handle, exactly as programs have it.
        source: an archive or a folder with the model.
        cache: what TFHUB_CACHE_DIR is set to.

    Returns:
        The model's folder.

    Raises:
        FailedPreconditionError: somebody is at it.
        InvalidArgumentError, DataLossError: see placing.fill.
    """
    model_of(typed)
    cache.mkdir(parents=True, exist_ok=True)
    target = folder_of(typed, cache)
    lock, uid = Path(f"{target}.lock"), uuid.uuid4().hex
    try:
        handle = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise FailedPreconditionError(f"{lock} is there: somebody fetches {typed}; wait, or remove it when nobody does") from None
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{socket.gethostname()}.{os.getpid()}.{uid}")
        fill(target, source, Path(f"{target}.{uid}.tmp"))
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        text = f"Module: {typed}\nDownload Time: {now}\nDownloader Hostname: {socket.gethostname()} (PID:{os.getpid()})"
        durable.write(Path(f"{target}.descriptor.txt"), text.encode())
    finally:
        lock.unlink(missing_ok=True)
    return target
