"""OCI manifests, and those that describe a model (CNCF ModelPack): each file is a layer, whose digest is the file's.

Sources: the OCI image specification 1.1, the ModelPack specification.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.modelpack.files import ModelFile, check_files

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json"
MODEL_TYPE = "application/vnd.cncf.model.manifest.v1+json"
MODEL_CONFIG_TYPE = "application/vnd.cncf.model.config.v1+json"
PATH_KEY = "org.cncf.model.filepath"
TITLE_KEY = "org.opencontainers.image.title"
VERSION_KEY = "org.opencontainers.image.version"
MAX_MANIFEST_BYTES = 8 << 20

_ONE = (MANIFEST_TYPE, DOCKER_MANIFEST_TYPE)
_LISTS = (INDEX_TYPE, DOCKER_LIST_TYPE)
_RAW = re.compile(r"application/vnd\.cncf\.model\.(?:weight|weight\.config|doc|code|dataset)\.v1\.raw")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_DOCUMENTS = (".md", ".rst", ".pdf", "license", "notice", "copying")
_SETTINGS = (".json", ".yaml", ".yml", ".toml", ".txt")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest refers to.

    Attributes:
        media_type: of the content.
        digest: its sha256 in hex.
        size: in bytes.
        annotations: of the reference.
        elsewhere: it need not be in the registry (a layer that may not be distributed).
    """

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] = field(default_factory=dict)
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest, or an index of manifests.

    Attributes:
        media_type: its own.
        artifact_type: what it is of; that of its configuration where it does not say.
        config: None of an index.
        layers: its blobs.
        manifests: of an index.
        subject: the manifest that it is about; None for most.
        annotations: its own.
    """

    media_type: str
    artifact_type: str
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None
    annotations: dict[str, str]

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """What has to be in the registry before it."""
        found = (*([self.config] if self.config is not None else []), *self.layers)
        return tuple(each for each in found if not each.elsewhere)

    def model_files(self) -> tuple[ModelFile, ...] | None:
        """The files of the model that it describes; None when it is no ModelPack of plain files.

        Raises:
            InvalidArgumentError: it is one, of files that no model can have.
        """
        kinds = {self.artifact_type, self.config.media_type if self.config is not None else ""}
        if not kinds & {MODEL_TYPE, MODEL_CONFIG_TYPE}:
            return None
        if not all(_RAW.fullmatch(each.media_type) and PATH_KEY in each.annotations for each in self.layers) or not self.layers:
            return None
        return check_files(ModelFile(each.annotations[PATH_KEY], each.digest, each.size) for each in self.layers)


def parse_digest(text: str) -> str:
    """The hexadecimal digits of `sha256:...`.

    Raises:
        InvalidArgumentError: it is no sha256 digest.
    """
    found = _DIGEST.fullmatch(text)
    if found is None:
        raise InvalidArgumentError(f"{text[:100]!r} is no digest; expected sha256: and 64 hexadecimal digits in lower case")
    return found[1]


def parse(data: bytes, media_type: str = "") -> Manifest:
    """Reads a manifest.

    Args:
        data: its text.
        media_type: what it came as; "" when that is not known.

    Raises:
        InvalidArgumentError: it is no manifest, or of another type than it came as.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise InvalidArgumentError(f"the manifest has {len(data)} bytes; at most {MAX_MANIFEST_BYTES} are read")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"the manifest is no JSON: {error}") from None
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise InvalidArgumentError("the manifest has no schemaVersion 2, the only one that is known")
    own = document.get("mediaType", media_type) or (INDEX_TYPE if "manifests" in document else MANIFEST_TYPE)
    if own not in (*_ONE, *_LISTS) or media_type not in ("", own):
        raise InvalidArgumentError(
            f"the manifest says that it is {str(own)[:100]!r}, and came as {media_type[:100]!r}; expected one of"
            f" {', '.join((*_ONE, *_LISTS))} in both places"
        )
    config = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    if own in _ONE:
        config = _descriptor(document.get("config"), "config")
        layers = _descriptors(document.get("layers"), "layers")
    else:
        manifests = _descriptors(document.get("manifests"), "manifests")
    artifact = document.get("artifactType") or (config.media_type if config is not None else "")
    subject = document.get("subject")
    if not isinstance(artifact, str):
        raise InvalidArgumentError(f"the manifest's artifactType is {artifact!r}; expected a media type")
    about = _descriptor(subject, "subject") if subject is not None else None
    return Manifest(own, artifact, config, layers, manifests, about, _annotations(document.get("annotations"), "the manifest"))


def build(name: str, version: str, files: Iterable[ModelFile]) -> tuple[bytes, bytes]:
    """The manifest of a model and the configuration that it refers to; the same for the same model, to the last byte."""
    found = check_files(files)
    config = _encoded(
        {
            "descriptor": {"name": name, "version": version},
            "config": {"format": "tensorflow"} if any(each.path.endswith("saved_model.pb") for each in found) else {},
            "modelfs": {"type": "layers", "diffIds": [f"sha256:{each.digest}" for each in found]},
        }
    )
    manifest = _encoded(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": MODEL_TYPE,
            "config": _reference(MODEL_CONFIG_TYPE, hashlib.sha256(config).hexdigest(), len(config)),
            "layers": [
                _reference(_layer_type(each.path), each.digest, each.size)
                | {"annotations": {PATH_KEY: each.path, TITLE_KEY: each.path}}
                for each in found
            ],
            "annotations": {TITLE_KEY: name, VERSION_KEY: version},
        }
    )
    return manifest, config


def _layer_type(path: str) -> str:
    last = path.rpartition("/")[2].lower()
    if last.endswith(_DOCUMENTS) or last.partition(".")[0] in _DOCUMENTS:
        kind = "doc"
    elif last.endswith((".py", ".ipynb")):
        kind = "code"
    elif last.endswith(_SETTINGS):
        kind = "weight.config"
    else:
        kind = "weight"
    return f"application/vnd.cncf.model.{kind}.v1.raw"


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _reference(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def _descriptors(value: object, where: str) -> tuple[Descriptor, ...]:
    if not isinstance(value, list):
        raise InvalidArgumentError(f"the manifest's {where} are no list")
    return tuple(_descriptor(each, f"{where}[{place}]") for place, each in enumerate(value))


def _descriptor(value: object, where: str) -> Descriptor:
    if not isinstance(value, dict):
        raise InvalidArgumentError(f"the manifest has no {where}, or one that is no object")
    kind, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(kind, str) or not isinstance(digest, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise InvalidArgumentError(f"the manifest's {where} needs mediaType, digest and size")
    elsewhere = "nondistributable" in kind or "rootfs.foreign" in kind
    return Descriptor(kind, parse_digest(digest), size, _annotations(value.get("annotations"), where), elsewhere)


def _annotations(value: object, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise InvalidArgumentError(f"the annotations of {where} are no texts by name")
    return value
