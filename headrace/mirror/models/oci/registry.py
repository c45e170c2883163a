"""What the registry knows and does, apart from HTTP: manifests by tag and digest, blobs, and models as ModelPack manifests."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.core.errors import AlreadyExistsError, InvalidArgumentError, ResourceExhaustedError
from headrace.core.log_lines import fields
from headrace.mirror.models.oci.errors import OciError
from headrace.mirror.models.oci.records import Records
from headrace.mirror.models.published import Model, Published
from headrace.modelpack import manifest as manifests
from headrace.modelpack.files import ModelFile
from headrace.modelpack.names import LATEST, highest
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex

logger = logging.getLogger(__name__)

OWNER = "oci"
"""Who keeps in the store what manifests need."""
_SPARE_BYTES = 64 << 20
"""What is left free on the disk."""


@dataclass(frozen=True, slots=True)
class Content:
    """A manifest.

    Attributes:
        data: its text.
        digest: the sha256 of that.
        media_type: how it is to be read.
    """

    data: bytes
    digest: str
    media_type: str


class Registry:
    """Repositories of manifests and blobs. A tag stands for one manifest, for good; `latest` for the highest.

    Args:
        root: the mirror's folder.
        store: has all content.
        index: keeps what manifests need.
        published: the models: each is a manifest here, and each ModelPack manifest that is pushed is one of them.
    """

    def __init__(self, root: Path, store: BlobStore, index: BlobIndex, published: Published) -> None:
        self.records = Records(root / "oci")
        self._store = store
        self._index = index
        self._published = published
        self._described: dict[tuple[str, str], str] = {}

    def owns(self, name: str) -> bool:
        """True when a repository is here, so that it is not looked for elsewhere."""
        return self.records.exists(name) or bool(self._published.versions(name))

    def manifest(self, name: str, reference: str) -> Content:
        """A manifest by its tag, or by its digest with `sha256:` before it.

        Raises:
            OciError: there is none.
        """
        self._describe_all(name)
        try:
            digest = self._digest(name, reference)
        except InvalidArgumentError:  # what can be no reference, there is nothing of
            digest = None
        media_type = self.records.manifest_type(name, digest) if digest is not None else None
        if digest is None or media_type is None or digest not in self._store:
            raise OciError("MANIFEST_UNKNOWN", 404, f"the repository {name} has no manifest {reference[:100]}")
        return Content(self._store.path(digest).read_bytes(), digest, media_type)

    def blob_size(self, name: str, digest: str) -> int:
        """The size of a blob of a repository.

        Raises:
            OciError: it has none of this digest.
        """
        if not self._has(name, digest):
            self._describe_all(name)
        if not self._has(name, digest):
            raise OciError("BLOB_UNKNOWN", 404, f"the repository {name} has no blob sha256:{digest}")
        return self._store.path(digest).stat().st_size

    def tags(self, name: str) -> list[str]:
        """The tags of a repository, in the order of their characters.

        Raises:
            OciError: there is no such repository.
        """
        found = {*self.records.tags(name), *self._published.versions(name)}
        if not found and name not in self.records.repositories():
            raise OciError("NAME_UNKNOWN", 404, f"there is no repository {name} here")
        return sorted(found)

    def referrers(self, name: str, subject: str) -> list[dict[str, Any]]:
        """The descriptors of the manifests that are about the one with the digest `subject`."""
        return self.records.referrers(name, subject)

    def check_room(self, size: int) -> None:
        """Raises ResourceExhaustedError when so many bytes are more than the disk has room for."""
        if self._store.free_bytes() - size < _SPARE_BYTES:
            raise ResourceExhaustedError(f"the disk has no room for {size} bytes more")

    def add_blob(self, name: str, work: Path, digest: str, size: int) -> None:
        """Takes a blob, whose digest was computed, into a repository."""
        self._store.adopt(work, digest)
        self._index.add(digest, size)
        self.records.add_blob(name, digest)

    def mount(self, name: str, digest: str, source: str | None) -> bool:
        """Takes a blob of another repository, or of any, into this one; False when it is not there."""
        if source is not None:
            self._describe_all(source)
        held = self.records.holder(digest) if source is None else source
        if held is None or not self._has(held, digest):
            return False
        self._index.touch([digest])
        self.records.add_blob(name, digest)
        return True

    def put(self, name: str, reference: str, data: bytes, media_type: str) -> tuple[str, manifests.Manifest]:
        """Takes a manifest.

        Args:
            name: of the repository.
            reference: its tag, or its digest with `sha256:` before it.
            data: its text.
            media_type: what it came as.

        Returns:
            Its digest, and what it says.

        Raises:
            OciError: it cannot be read, or something that it needs is not here.
            AlreadyExistsError: the tag stands for another one.
        """
        digest = hashlib.sha256(data).hexdigest()
        tag = None if reference.startswith("sha256:") else reference
        if tag is None and manifests.parse_digest(reference) != digest:
            raise OciError("DIGEST_INVALID", 400, f"the manifest has the digest sha256:{digest}, not {reference}")
        if tag == LATEST:
            raise OciError("DENIED", 403, f"{LATEST!r} always is the highest tag, and cannot be pushed; give a version, such as :1")
        try:
            found = manifests.parse(data, media_type)
            files = found.model_files()
        except InvalidArgumentError as error:
            raise OciError("MANIFEST_INVALID", 400, error.message) from None
        with self.records.locked(name):
            self._take(name, digest, data, found)
            if tag is not None:
                self._tag(name, tag, digest, files)
        return digest, found

    def _take(self, name: str, digest: str, data: bytes, found: manifests.Manifest) -> None:
        self._check(name, found)
        self._index.pin([digest, *(each.digest for each in found.blobs)], OWNER)
        self._check(name, found)  # again: until it was pinned, a blob could make room for others
        self._store.put(data, digest)
        self._index.add(digest, len(data))
        self.records.add_manifest(name, digest, found.media_type)
        if found.subject is not None:
            descriptor = {
                "mediaType": found.media_type,
                "digest": f"sha256:{digest}",
                "size": len(data),
                "artifactType": found.artifact_type,
                "annotations": found.annotations,
            }
            self.records.add_referrer(name, found.subject.digest, digest, descriptor)

    def _check(self, name: str, found: manifests.Manifest) -> None:
        """Raises OciError when something that a manifest needs is not in the repository."""
        for blob in found.blobs:
            if not self._has(name, blob.digest):
                raise OciError(
                    "MANIFEST_BLOB_UNKNOWN", 404, f"the repository {name} has no blob sha256:{blob.digest}; push it first"
                )
            size = self._store.path(blob.digest).stat().st_size
            if size != blob.size:
                raise OciError(
                    "SIZE_INVALID", 400, f"the blob sha256:{blob.digest} has {size} bytes; the manifest says {blob.size}"
                )
        for each in found.manifests:
            if self.records.manifest_type(name, each.digest) is None:
                raise OciError("MANIFEST_BLOB_UNKNOWN", 404, f"{name} has no manifest sha256:{each.digest}; push it first")

    def _tag(self, name: str, tag: str, digest: str, files: tuple[ModelFile, ...] | None) -> None:
        try:
            there = self._digest(name, tag)
        except InvalidArgumentError as error:
            raise OciError("MANIFEST_INVALID", 400, error.message) from None
        if there not in (None, digest):
            raise AlreadyExistsError(
                f"{name}:{tag} is here with another content (sha256:{there}), and a tag stands for one; push it as the next version"
            )
        if there is not None:
            return
        if files is None:
            self.records.tag(name, tag, digest)
        else:
            self._published.publish(name, tag, files, manifest=digest)
        logger.info("pushed", extra=fields(repository=name, tag=tag, sha256=digest, model=files is not None))

    def _digest(self, name: str, reference: str) -> str | None:
        """The digest that a tag or a digest names; None where the tag names none."""
        if reference.startswith("sha256:"):
            return manifests.parse_digest(reference)
        if reference == LATEST:
            newest = highest({*self.records.tags(name), *self._published.versions(name)})
            return self._digest(name, newest) if newest is not None else None
        model = self._published.get(name, reference)
        return self._describe(model) if model is not None else self.records.tagged(name, reference)

    def _describe_all(self, name: str) -> None:
        for version in self._published.versions(name):
            if (name, version) not in self._described and (model := self._published.get(name, version)) is not None:
                self._describe(model)

    def _describe(self, model: Model) -> str:
        """The digest of a model's manifest, which is made where it was published without one."""
        known = self._described.get((model.name, model.version))
        if known is not None:
            return known
        digest = model.manifest
        if not digest:
            data, config = manifests.build(model.name, model.version, model.files)
            digest, config_digest = hashlib.sha256(data).hexdigest(), hashlib.sha256(config).hexdigest()
            for content, its_digest in ((data, digest), (config, config_digest)):
                self._store.put(content, its_digest)
                self._index.add(its_digest, len(content))
            self._index.pin([digest, config_digest], OWNER)
            self.records.add_blob(model.name, config_digest)
            self.records.add_manifest(model.name, digest, manifests.MANIFEST_TYPE)
        for file in model.files:
            self.records.add_blob(model.name, file.digest)
        self._described[model.name, model.version] = digest
        return digest

    def _has(self, name: str, digest: str) -> bool:
        return digest in self._store and self.records.has_blob(name, digest)
