"""From a handle to a folder with a verified model."""

from __future__ import annotations

import logging
import re
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
from headrace.hub.handles import Archive, Folder, Repository, Version, parse
from headrace.hub.hugging_face import HuggingFace, is_commit
from headrace.hub.progress import transfer
from headrace.hub.registry import Registry
from headrace.hub.settings import Settings, of_environment
from headrace.hub.transferring import Remote, fetch_files
from headrace.hub.transport import Transport
from headrace.modelpack.names import LATEST
from headrace.store import digests

logger = logging.getLogger(__name__)

_COMMIT = re.compile(r"[0-9a-f]{40}")


def resolve(handle: str, settings: Settings | None = None) -> str:
    """The folder of a model, which is fetched where it is not in the cache, and verified.

    Args:
        handle: a folder; `name:version` in the registry HEADRACE_HUB_URL; a URL as TensorFlow Hub has them; or
            `hf://owner/repository@revision`. `@sha256:...` behind a version or URL says what the manifest or archive must be.
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
    if isinstance(found, Repository):
        return str(_of_hugging_face(found, chosen))
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
        transport = Transport(settings.timeout_seconds, settings.tries, settings.url, settings.token)
        registry = Registry(settings.url, transport)
        remotes = [Remote(each.path, registry.blob_url(version.name, each.digest), each.size, each.digest) for each in found.files]
        fetch_files(str(version), remotes, entry, settings, transport, f"{settings.url}/{version}@sha256:{digest}")

    path = once(entry, fetch)
    if settings.url and not version.digest and reference.read() != digest:
        reference.write(digest)
    return path


def _of_hugging_face(found: Repository, settings: Settings) -> Path:
    if not settings.hugging_face:
        raise NotFoundError(
            f"neither HF_ENDPOINT nor HEADRACE_HUB_URL says where {found} is; set one, such as to http://127.0.0.1:8466"
        )
    transport = Transport(settings.timeout_seconds, settings.tries)
    hub = HuggingFace(settings.hugging_face, transport)
    reference = Reference(settings.cache, f"{settings.hugging_face}/{found}", _COMMIT)
    commit = found.revision if is_commit(found.revision) else reference.read() if settings.offline else None
    if commit is None:
        try:
            _check_online(str(found), settings)
            commit = hub.commit(found.name, found.revision)
        except UnavailableError as error:
            commit = reference.read()
            if commit is None:
                raise
            logger.warning("%s: what it was last known to be is used: %s", found, error)
    entry = Entry(settings.cache, f"hf://{found.name}@{commit}")

    def fetch() -> None:
        _check_online(str(found), settings)
        fetch_files(str(found), hub.files(found.name, commit), entry, settings, transport, f"hf://{found.name}@{commit}")

    path = once(entry, fetch)
    if not is_commit(found.revision) and reference.read() != commit:
        reference.write(commit)
    return path


def _registry(settings: Settings) -> Registry:
    if not settings.url:
        raise NotFoundError("HEADRACE_HUB_URL does not say which registry has models; set it, such as to http://127.0.0.1:8466")
    return Registry(settings.url, Transport(settings.timeout_seconds, settings.tries, settings.url, settings.token))


def _check_online(what: str, settings: Settings) -> None:
    if settings.offline:
        raise FailedPreconditionError(
            f"the model {what} is not in the cache {settings.cache}, and HEADRACE_HUB_OFFLINE forbids to fetch it; fetch it"
            f" beforehand with: headrace hub pull {what}"
        )
