"""Brings the files of a model into the cache, each verified before it counts."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from headrace.core.errors import DataLossError, ResourceExhaustedError
from headrace.hub.cache import Entry
from headrace.hub.progress import transfer
from headrace.hub.settings import Settings
from headrace.hub.transport import Progress, Transport, free_bytes
from headrace.modelpack.files import ModelFile, check_files
from headrace.store import digests

_SPARE_BYTES = 64 << 20
_SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Remote:
    """A file of a model that is to be fetched.

    Attributes:
        path: in the model.
        url: where it is.
        size: in bytes.
        digest: its sha256 (64 hexadecimal digits), or the id that git gives it (40).
    """

    path: str
    url: str
    size: int
    digest: str


def fetch_files(model: str, remotes: Iterable[Remote], entry: Entry, settings: Settings, transport: Transport, source: str) -> None:
    """Fetches all files of a model and puts it into the cache. What an earlier one has fetched of them is gone on with.

    Args:
        model: for people.
        remotes: its files.
        entry: its place in the cache, locked.
        settings: bounds.
        transport: sends requests.
        source: what to note about where it came from.

    Raises:
        DataLossError: a file is not what it should be.
        ResourceExhaustedError: the model is too large.
        OpError: as `Transport.fetch`.
    """
    wanted = list(remotes)
    files = check_files(ModelFile(each.path, each.digest, each.size) for each in wanted)
    total = sum(each.size for each in wanted)
    if total > settings.max_bytes:
        raise ResourceExhaustedError(f"{model} has {total} bytes; at most {settings.max_bytes} are taken (HEADRACE_HUB_MAX_GIB)")
    entry.parts.mkdir(parents=True, exist_ok=True)
    if free_bytes(entry.parts) < total + _SPARE_BYTES:
        raise ResourceExhaustedError(f"the disk of {entry.root} has no room for {model} ({total} bytes)")
    with transfer(model, total) as told:
        for remote in {each.digest: each for each in wanted}.values():
            _fetch(transport, remote, entry.parts / remote.digest, told)
    work = entry.emptied()
    for remote in wanted:
        path = work / remote.path
        path.parent.mkdir(parents=True, exist_ok=True)
        _place(entry.parts / remote.digest, path)
    entry.install(source, files=files if all(len(each.digest) == _SHA256_DIGITS for each in files) else None)


def _place(part: Path, path: Path) -> None:
    """Gives a file that came its place in the model; the part stays, so that a crash costs no transfer."""
    if part.stat().st_nlink == 1:
        with contextlib.suppress(OSError):  # some file systems have no second names
            path.hardlink_to(part)
            return
    shutil.copyfile(part, path)  # also of a second file with this content


def _fetch(transport: Transport, remote: Remote, target: Path, told: Progress) -> None:
    if target.exists():
        if target.stat().st_size > remote.size:
            target.unlink()
        else:
            told(target.stat().st_size)
    transport.fetch(remote.url, target, remote.size, remote.size, told)
    found = digests.of_file(target) if len(remote.digest) == _SHA256_DIGITS else _git_id(target)
    if found != remote.digest:
        target.unlink()
        raise DataLossError(f"{remote.url} came with the digest {found}, not {remote.digest}; it is thrown away")


def _git_id(path: Path) -> str:
    """The id that git gives a file of this content."""
    state = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(digests.PIECE_BYTES):
            state.update(piece)
    return state.hexdigest()
