"""From a handle to a folder with a verified model."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from headrace.core.errors import (
    DataLossError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)
from headrace.hub.archives import unpack
from headrace.hub.cache import Entry, Reference, once
from headrace.hub.handles import Archive, Folder, Version, parse
from headrace.hub.progress import transfer
from headrace.hub.registry import Listed, Registry
from headrace.hub.settings import Settings, of_environment
from headrace.hub.transport import Progress, Transport, free_bytes
from headrace.modelpack.names import LATEST
from headrace.store import digests

logger = logging.getLogger(__name__)

_SPARE_BYTES = 64 << 20


def resolve(handle: str, settings: Settings | None = None) -> str:
    """The folder of a model, which is fetched where it is not in the cache, and verified.

    Args:
        handle: a folder; `name:version` in the registry HEADRACE_HUB_URL; or a URL as TensorFlow Hub has them. `@sha256:...` behind
            one of the latter says what the manifest, or the archive, must be.
        settings: other ones than the environment's.

    Raises:
        NotFoundError: there is no such model.
        FailedPreconditionError: it is not in the cache, and nothing may be fetched (HEADRACE_HUB_OFFLINE).
        DataLossError: it is not what it should be.
        UnavailableError: its server does not answer.
        InvalidArgumentError: it can be no handle, or no model.
        ResourceExhaustedError: it is too large.
    """
    found = parse(handle)
    if isinstance(found, Folder):
        return handle
    chosen = settings or of_environment()
    if isinstance(found, Archive):
        return str(_of_archive(found, chosen))
    return str(_of_registry(found, chosen))


def _of_archive(archive: Archive, settings: Settings) -> Path:
    entry = Entry(settings.cache, archive.url)

    def fetch() -> None:
        _check_online(archive.url, settings)
        entry.parts.mkdir(parents=True, exist_ok=True)
        part = entry.parts / "archive"
        transport = Transport(settings.timeout_seconds, settings.tries)
        with transfer(archive.url, None) as told:
            transport.fetch(archive.asked, part, None, settings.max_bytes, told)
        digest = digests.of_file(part)
        if archive.digest not in ("", digest):
            shutil.rmtree(entry.parts)
            raise DataLossError(f"{archive.url} has sha256:{digest}; sha256:{archive.digest} was asked for. It is thrown away")
        try:
            unpack(part, entry.emptied(), settings.max_bytes)
        except (DataLossError, InvalidArgumentError, ResourceExhaustedError):
            shutil.rmtree(entry.parts)
            shutil.rmtree(entry.work)
            raise
        entry.install(archive.url, digest)

    return once(entry, fetch, archive.digest)


def _of_registry(version: Version, settings: Settings) -> Path:
    if not settings.url and not version.digest:
        raise NotFoundError(
            f"there is no folder {version.name!r} here, and HEADRACE_HUB_URL does not say which registry has the model {version}"
        )
    reference = Reference(settings.cache, f"{settings.url}/{version}")
    listed = None
    digest = version.digest or (reference.read() if version.version != LATEST or settings.offline else None)
    if digest is None:
        try:
            _check_online(str(version), settings)
            listed = _registry(settings).manifest(version.name, version.version)
            digest = listed.digest
        except UnavailableError as error:
            digest = reference.read()
            if digest is None:
                raise
            logger.warning("%s: what %s was last known to be is used: %s", version, LATEST, error)
    entry = Entry(settings.cache, f"sha256:{digest}")

    def fetch() -> None:
        _check_online(str(version), settings)
        found = listed or _registry(settings).manifest(version.name, f"sha256:{digest}")
        _fetch_files(version, found, entry, settings)

    path = once(entry, fetch)
    if settings.url and not version.digest and reference.read() != digest:
        reference.write(digest)
    return path


def _registry(settings: Settings) -> Registry:
    if not settings.url:
        raise NotFoundError("HEADRACE_HUB_URL does not say which registry has models; set it, such as to http://127.0.0.1:8466")
    return Registry(settings.url, Transport(settings.timeout_seconds, settings.tries, settings.url, settings.token))


def _fetch_files(version: Version, listed: Listed, entry: Entry, settings: Settings) -> None:
    """Fetches the files of a model and puts it into the cache."""
    total = sum(each.size for each in listed.files)
    if total > settings.max_bytes:
        raise ResourceExhaustedError(f"{version} has {total} bytes; at most {settings.max_bytes} are taken (HEADRACE_HUB_MAX_GIB)")
    entry.parts.mkdir(parents=True, exist_ok=True)
    if free_bytes(entry.parts) < total + _SPARE_BYTES:
        raise ResourceExhaustedError(f"the disk of {entry.root} has no room for {version} ({total} bytes)")
    transport = Transport(settings.timeout_seconds, settings.tries, settings.url, settings.token)
    registry = Registry(settings.url, transport)
    with transfer(str(version), total) as told:
        for digest, size in {each.digest: each.size for each in listed.files}.items():
            _fetch_blob(transport, registry.blob_url(version.name, digest), entry.parts / digest, size, told)
    work = entry.emptied()
    for file in listed.files:
        path = work / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(entry.parts / file.digest, path)
    entry.install(f"{settings.url}/{version}@sha256:{listed.digest}")


def _fetch_blob(transport: Transport, url: str, target: Path, size: int, told: Progress) -> None:
    if target.exists():
        if target.stat().st_size > size:
            target.unlink()
        else:
            told(target.stat().st_size)
    transport.fetch(url, target, size, size, told)
    found = digests.of_file(target)
    if found != target.name:
        target.unlink()
        raise DataLossError(f"{url} came with sha256:{found}; it is thrown away")


def _check_online(what: str, settings: Settings) -> None:
    if settings.offline:
        raise FailedPreconditionError(
            f"the model {what} is not in the cache {settings.cache}, and HEADRACE_HUB_OFFLINE forbids to fetch it; fetch it"
            f" beforehand with: headrace hub pull {what}"
        )
