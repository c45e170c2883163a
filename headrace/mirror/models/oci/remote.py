"""Repositories of another registry: manifests and blobs that were asked for, kept, each verified by its digest."""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from yarl import URL

from headrace.core import durable
from headrace.core.errors import DataLossError, InvalidArgumentError, UnavailableError
from headrace.mirror.downloads import Wanted
from headrace.mirror.models.oci.errors import OciError
from headrace.mirror.models.oci.records import Records
from headrace.mirror.models.oci.registry import Content
from headrace.mirror.pages.freshness import Freshness, freshness
from headrace.mirror.upstream.client import Upstream
from headrace.modelpack import manifest as manifests
from headrace.modelpack.names import check_name, check_version
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex

logger = logging.getLogger(__name__)

_ACCEPT = ", ".join(
    [manifests.MANIFEST_TYPE, manifests.INDEX_TYPE, manifests.DOCKER_MANIFEST_TYPE, manifests.DOCKER_LIST_TYPE],
)


class Remote:
    """Another registry. Its manifests by digest are kept for good, its tags for a while.

    Args:
        upstream: asks it.
        folder: for what is known of it.
        store: keeps manifests and blobs; they make room for others.
        index: is told of them.
        private: patterns of names that it is not asked for.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        upstream: Upstream,
        folder: Path,
        store: BlobStore,
        index: BlobIndex,
        private: Sequence[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._upstream = upstream
        self._folder = folder
        self._records = Records(folder)
        self._store = store
        self._index = index
        self._private = tuple(private)
        self._clock = clock

    async def manifest(self, name: str, reference: str) -> Content:
        """A manifest by its tag, or by its digest with `sha256:` before it.

        Raises:
            OciError: there is none, or the name is private.
            UnavailableError: the other registry does not answer, and what is kept is too old.
            DataLossError: another one came than has the digest.
        """
        self._check_asked(name)
        if reference.startswith("sha256:"):
            digest = _digest(reference)
            return self._kept(name, digest) or await self._fetch(name, reference)
        known = self._tag(name, _tag(reference))
        age = freshness(self._clock() - known[1], self._upstream.options) if known is not None else Freshness.EXPIRED
        if known is not None and age is Freshness.FRESH and (kept := self._kept(name, known[0])) is not None:
            return kept
        try:
            found = await self._fetch(name, reference)
        except UnavailableError as error:
            kept = self._kept(name, known[0]) if known is not None and age is not Freshness.EXPIRED else None
            if kept is None:
                raise
            logger.warning("%s:%s is given out as it was: %s", name, reference, error)
            return kept
        self._write_tag(name, reference, found.digest)
        return found

    def blob(self, name: str, digest: str) -> Wanted:
        """A blob that one of the kept manifests needs.

        Raises:
            OciError: none does, or the name is private.
        """
        self._check_asked(name)
        if not self._records.has_blob(name, digest):
            raise OciError(
                "BLOB_UNKNOWN", 404, f"no manifest of {name} that was asked for has a blob sha256:{digest}; ask for it first"
            )
        return Wanted(self._upstream, digest, str(self._url(name, "blobs", f"sha256:{digest}")), None)

    def tags(self, name: str) -> list[str]:
        """The tags that were asked for."""
        self._check_asked(name)
        return self._records.tags(name)

    def _check_asked(self, name: str) -> None:
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self._private):
            raise OciError(
                "NAME_UNKNOWN", 404, f"there is no repository {name} here, and private names are not looked for elsewhere"
            )

    def _kept(self, name: str, digest: str) -> Content | None:
        media_type = self._records.manifest_type(name, digest)
        if media_type is None or digest not in self._store:
            return None
        return Content(self._store.path(digest).read_bytes(), digest, media_type)

    async def _fetch(self, name: str, reference: str) -> Content:
        url = self._url(name, "manifests", reference)
        async with self._upstream.small(url, {"Accept": _ACCEPT}) as response:
            if response.status != 200:
                raise OciError(
                    "MANIFEST_UNKNOWN", 404, f"neither this mirror nor {self._upstream.options.name!r} has {name}:{reference}"
                )
            data = await self._upstream.read(response, manifests.MAX_MANIFEST_BYTES, f"the manifest of {name}")
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
            told = response.headers.get("Docker-Content-Digest", "")
        digest = hashlib.sha256(data).hexdigest()
        for wanted in (told, reference if reference.startswith("sha256:") else ""):
            if wanted not in ("", f"sha256:{digest}"):
                raise DataLossError(f"the manifest of {name}:{reference} came with sha256:{digest}, not {wanted[:100]}")
        try:
            found = manifests.parse(data, kind)
        except InvalidArgumentError as error:
            raise DataLossError(
                f"{self._upstream.options.name!r} gives {name}:{reference}, which is no manifest: {error.message}"
            ) from None
        await asyncio.to_thread(self._keep, name, digest, data, found)
        return Content(data, digest, found.media_type)

    def _keep(self, name: str, digest: str, data: bytes, found: manifests.Manifest) -> None:
        self._store.put(data, digest)
        self._index.add(digest, len(data))
        for blob in found.blobs:
            self._records.add_blob(name, blob.digest)
        self._records.add_manifest(name, digest, found.media_type)

    def _url(self, name: str, kind: str, reference: str) -> URL:
        base = self._upstream.options.url.rstrip("/")
        return URL(f"{base}/v2/{check_name(name)}/{kind}/{quote(reference, safe=':')}", encoded=True)

    def _tag(self, name: str, tag: str) -> tuple[str, float] | None:
        """What a tag stood for, and when that was asked."""
        digest = self._records.tagged(name, tag)
        if digest is None:
            return None
        try:
            return digest, float(json.loads(self._checked(name, tag).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return digest, 0.0

    def _write_tag(self, name: str, tag: str, digest: str) -> None:
        if self._records.tagged(name, tag) != digest:
            self._records.tag(name, tag, digest)
        path = self._checked(name, tag)
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write(path, json.dumps(self._clock()).encode())

    def _checked(self, name: str, tag: str) -> Path:
        return self._folder / quote(check_name(name), safe="") / "checked" / check_version(tag)


def _digest(reference: str) -> str:
    try:
        return manifests.parse_digest(reference)
    except InvalidArgumentError as error:
        raise OciError("DIGEST_INVALID", 400, error.message) from None


def _tag(reference: str) -> str:
    try:
        return check_version(reference)
    except InvalidArgumentError as error:
        raise OciError("MANIFEST_UNKNOWN", 404, error.message) from None
