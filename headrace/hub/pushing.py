"""Pushes a folder as a version of a model: only the files that the registry lacks, going on after breaks."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from headrace.core import durable
from headrace.core.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
)
from headrace.hub.progress import transfer
from headrace.hub.registry import Registry
from headrace.hub.transport import Progress, Transport
from headrace.modelpack.files import ModelFile, check_files
from headrace.modelpack.manifest import build
from headrace.modelpack.names import LATEST, check_name, check_version
from headrace.store import digests

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 8 << 20
_FIRST_WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did.

    Attributes:
        digest: of the manifest: what to pin by.
        files: of the model.
        sent_bytes: how much had to go.
        fresh: False when the version was there already, the same.
    """

    digest: str
    files: int
    sent_bytes: int
    fresh: bool


def push(
    folder: Path, name: str, version: str, url: str, token: str, cache: Path, timeout_seconds: float = 60.0, tries: int = 5
) -> Pushed:
    """Makes a version of a model out of a folder.

    Args:
        folder: with the model's files.
        name: of the model, such as `acme/digits`.
        version: another one than `latest`.
        url: of the registry, such as `http://127.0.0.1:8466`.
        token: of somebody who may.
        cache: a folder that remembers how far files came, so that the next push goes on there.
        timeout_seconds: between two parts of an answer.
        tries: of a transfer that gets no further.

    Raises:
        InvalidArgumentError: the folder, the name or the version cannot be those of a model.
        AlreadyExistsError: the version is there with another content.
        UnauthenticatedError, PermissionDeniedError: the registry refuses.
        UnavailableError: it does not answer.
        FailedPreconditionError: a file changed meanwhile.
    """
    check_name(name)
    if check_version(version) == LATEST:
        raise InvalidArgumentError(f"{LATEST!r} always is the highest version, and cannot be pushed; give a number")
    paths = _paths(folder)
    with transfer(f"reading {folder}", sum(path.stat().st_size for path in paths.values())) as told:
        files = check_files(_file(each, path, told) for each, path in paths.items())
    manifest, config = build(name, version, files)
    digest = hashlib.sha256(manifest).hexdigest()
    registry = Registry(url, Transport(timeout_seconds, tries, url, token))
    there = registry.has_manifest(name, version)
    if there == digest:
        return Pushed(digest, len(files), 0, False)
    if there is not None:
        raise AlreadyExistsError(
            f"{name}:{version} is in {url} with another content (sha256:{there}); a version stands for one, push the next one"
        )
    lacking = {each.digest: each for each in files if not registry.has_blob(name, each.digest)}
    total = sum(each.size for each in lacking.values())
    with transfer(f"{name}:{version}", total) as told:
        for file in lacking.values():
            memory = (
                cache / f"{hashlib.sha1(f'{url} {name} {file.digest}'.encode(), usedforsecurity=False).hexdigest()}.headrace.upload"
            )
            _send(registry, name, file, paths[file.path], memory, told, tries)
    _send_config(registry, name, config)
    registry.put_manifest(name, version, manifest)
    return Pushed(digest, len(files), total, True)


def _paths(folder: Path) -> dict[str, Path]:
    """The files below a folder, by their paths in it."""
    if not folder.is_dir():
        raise InvalidArgumentError(f"{folder} is no folder; expected a SavedModel, or another folder with a model's files")
    found = {}
    for parent, folders, names in os.walk(folder):
        for each in (*folders, *names):
            path = Path(parent, each)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise InvalidArgumentError(f"{path} is neither a file nor a folder; a model has nothing else")
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = path
    return found


def _file(name: str, path: Path, told: Progress) -> ModelFile:
    size = path.stat().st_size
    digest = digests.of_file(path)
    told(size)
    return ModelFile(name, digest, size)


def _send_config(registry: Registry, name: str, config: bytes) -> None:
    digest = hashlib.sha256(config).hexdigest()
    if registry.has_blob(name, digest):
        return
    place = registry.begin(name, digest)
    if place is not None:
        registry.end(registry.append(place, 0, config), digest)


def _begin(registry: Registry, name: str, file: ModelFile, memory: Path) -> tuple[str, int] | None:
    """Where to send a file, and how much of it has come; None where nothing has to be sent.

    An upload that an earlier push has begun is gone on with, if the registry still knows it.
    """
    with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
        place = memory.read_text()
        with contextlib.suppress(NotFoundError, InvalidArgumentError, PermissionDeniedError):
            if place and (come := registry.received(place)) <= file.size:
                return place, come
    begun = registry.begin(name, file.digest)
    return (begun, 0) if begun is not None else None


def _send(registry: Registry, name: str, file: ModelFile, path: Path, memory: Path, told: Progress, tries: int) -> None:
    """Sends a file in chunks. After a break the registry says how much has come."""
    begun = _begin(registry, name, file, memory)
    if begun is None:
        told(file.size)
        return
    place, start = begun
    told(start)
    failures = 0
    memory.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as content:
        while start < file.size:
            durable.write(memory, place.encode())
            content.seek(start)
            data = content.read(_CHUNK_BYTES)
            if not data:
                raise FailedPreconditionError(f"{path} became shorter while it was sent; push it again")
            try:
                place = registry.append(place, start, data)
            except UnavailableError as error:
                failures += 1
                if failures >= tries:
                    raise
                logger.info("goes on after: %s", error)
                time.sleep(_FIRST_WAIT_SECONDS * 2**failures)
                come = registry.received(place)
                told(come - start)
                start = come
                continue
            failures = 0
            start += len(data)
            told(len(data))
    memory.unlink(missing_ok=True)
    registry.end(place, file.digest)
