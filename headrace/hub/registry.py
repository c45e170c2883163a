"""A client of OCI registries, as far as models need one: the mirror's, or any other that asks for a password at most."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from headrace.core.errors import DataLossError, InvalidArgumentError, NotFoundError
from headrace.hub.transport import Reply, Transport, refused
from headrace.modelpack import manifest as manifests
from headrace.modelpack.files import ModelFile

_ACCEPT = ", ".join([manifests.MANIFEST_TYPE, manifests.DOCKER_MANIFEST_TYPE, manifests.INDEX_TYPE])


@dataclass(frozen=True, slots=True)
class Listed:
    """What a manifest says: its digest, and the model's files."""

    digest: str
    files: tuple[ModelFile, ...]


class Registry:
    """A registry.

    Args:
        url: such as `https://models.example`.
        transport: sends requests.
    """

    def __init__(self, url: str, transport: Transport) -> None:
        self._url = url.rstrip("/")
        self._transport = transport

    def manifest(self, name: str, reference: str) -> Listed:
        """The manifest of a model.

        Args:
            name: of the model.
            reference: its version, or `sha256:` and the digest of the manifest.

        Raises:
            NotFoundError: there is none.
            DataLossError: another one came than has the digest.
            InvalidArgumentError: it does not describe a model.
        """
        url = f"{self._url}/v2/{name}/manifests/{quote(reference, safe=':')}"
        reply = self._transport.persistently("GET", url, {"Accept": _ACCEPT}, manifests.MAX_MANIFEST_BYTES)
        if reply.status == 404:
            raise NotFoundError(f"{self._url} has no model {name} with the version {reference}")
        if reply.status != 200:
            raise refused(reply, url)
        digest = hashlib.sha256(reply.body).hexdigest()
        told = reply.headers.get("Docker-Content-Digest", f"sha256:{digest}")
        for wanted in (told, reference if reference.startswith("sha256:") else told):
            if wanted != f"sha256:{digest}":
                raise DataLossError(f"{url} sent a manifest with sha256:{digest}; expected {wanted[:100]}")
        files = manifests.parse(reply.body).model_files()
        if files is None:
            raise InvalidArgumentError(f"{name}:{reference} in {self._url} is no model of plain files (ModelPack with raw layers)")
        return Listed(digest, files)

    def blob_url(self, name: str, digest: str) -> str:
        """Where a blob is."""
        return f"{self._url}/v2/{name}/blobs/sha256:{digest}"

    def has_manifest(self, name: str, version: str) -> str | None:
        """The digest of the manifest that a version has; None where there is no such version."""
        url = f"{self._url}/v2/{name}/manifests/{version}"
        reply = self._transport.persistently("GET", url, {"Accept": _ACCEPT}, manifests.MAX_MANIFEST_BYTES)
        if reply.status not in (200, 404):
            raise refused(reply, url)
        return hashlib.sha256(reply.body).hexdigest() if reply.status == 200 else None

    def has_blob(self, name: str, digest: str) -> bool:
        """True when a blob is there."""
        url = self.blob_url(name, digest)
        reply = self._transport.persistently("HEAD", url, {})
        if reply.status not in (200, 404):
            raise refused(reply, url)
        return reply.status == 200

    def begin(self, name: str, digest: str) -> str | None:
        """Begins to upload a blob: the URL to send it to; None where the registry took it from another repository."""
        url = f"{self._url}/v2/{name}/blobs/uploads/?mount=sha256:{digest}"
        reply = self._transport.ask("POST", url, {"Content-Length": "0"})
        if reply.status == 201:
            return None
        if reply.status != 202:
            raise refused(reply, url)
        return self._place(reply, url)

    def append(self, place: str, start: int, data: bytes) -> str:
        """Sends the next part of a blob; the URL to go on with."""
        headers = {"Content-Range": f"{start}-{start + len(data) - 1}", "Content-Type": "application/octet-stream"}
        reply = self._transport.ask("PATCH", place, headers, data)
        if reply.status != 202:
            raise refused(reply, place)
        return self._place(reply, place)

    def received(self, place: str) -> int:
        """How many bytes of a blob have come."""
        reply = self._transport.persistently("GET", place, {})
        if reply.status not in (200, 202, 204):
            raise refused(reply, place)
        last = reply.headers.get("Range", "0-0").rpartition("-")[2]
        return int(last) + 1 if last.isdecimal() and last != "0" else 0

    def end(self, place: str, digest: str) -> None:
        """Says that a blob is whole, so that the registry verifies it."""
        url = f"{place}{'&' if '?' in place else '?'}digest=sha256:{digest}"
        reply = self._transport.ask("PUT", url, {"Content-Length": "0"})
        if reply.status != 201:
            raise refused(reply, url)

    def put_manifest(self, name: str, version: str, data: bytes) -> None:
        """Gives a manifest its version, which publishes the model."""
        url = f"{self._url}/v2/{name}/manifests/{version}"
        reply = self._transport.ask("PUT", url, {"Content-Type": manifests.MANIFEST_TYPE}, data)
        if reply.status != 201:
            raise refused(reply, url)

    def _place(self, reply: Reply, url: str) -> str:
        location = reply.headers.get("Location", "")
        if not location:
            raise DataLossError(f"{self._url} began an upload, and did not say where")
        return urljoin(url, location)
