"""What guards the files of a SavedModel: `fingerprint.pb`, which TensorFlow reads, and `headrace.digest`, which it ignores.

`saved_model.pb` has no checksum of its own. Models written here carry the SHA-256 of every file but the data shards
(whose tensors have checksums each).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headrace.core.errors import DataLossError
from headrace.proto.farmhash import fingerprint64
from headrace.proto.messages import FingerprintDef, parse, serialize

DIGEST = "headrace.digest"
FINGERPRINT = "fingerprint.pb"
MODEL = "saved_model.pb"
INDEX = "variables/variables.index"
_MAX_DIGEST = 1 << 24


def make_fingerprint(model: bytes, meta_graph: Any, index: bytes) -> bytes:
    """The content of `fingerprint.pb`: hashes that tell whether two models are the same program with the same weights.

    `checkpoint_hash` is what TensorFlow computes. The others are hashes of the same parts without TensorFlow's
    normalization, so they compare with those of models written by Headrace only.
    """
    signatures = meta_graph.signature_def
    proto = FingerprintDef(
        saved_model_checksum=fingerprint64(model),
        graph_def_program_hash=fingerprint64(serialize(meta_graph.graph_def)),
        signature_def_hash=fingerprint64(b"".join(serialize(signatures[key]) for key in sorted(signatures))),
        saved_object_graph_hash=fingerprint64(serialize(meta_graph.object_graph_def)),
        checkpoint_hash=fingerprint64(index),
        uuid=str(uuid.uuid4().int),
    )
    return serialize(proto)


def _guarded(folder: Path) -> Iterator[str]:
    """Paths below `folder` of the files that the digest covers."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != DIGEST and ".data-" not in path.name:
            yield name


def make_digest(folder: Path) -> bytes:
    """The content of `headrace.digest` for the files in `folder`."""
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in _guarded(folder)}
    return json.dumps({"sha256": files}, indent=1, sort_keys=True).encode() + b"\n"


def _read_digest(path: Path) -> dict[str, str]:
    damaged = DataLossError(f"{path} is damaged: expected a JSON object of file names and SHA-256 values; save the model again")
    if path.stat().st_size > _MAX_DIGEST:
        raise damaged
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise damaged from None
    files = content.get("sha256") if isinstance(content, dict) else None
    if not isinstance(files, dict) or not all(isinstance(v, str) for v in files.values()) or MODEL not in files:
        raise damaged
    return files


def verify(folder: Path) -> None:
    """Checks the files of a SavedModel against its digest and fingerprint, as far as it has them.

    Raises:
        DataLossError: a file is missing, truncated or changed.
    """
    digest = folder / DIGEST
    if digest.is_file():
        for name, expected in _read_digest(digest).items():
            path = folder / name
            if not path.is_file() or folder.resolve() not in path.resolve().parents:
                raise DataLossError(f"the SavedModel {str(folder)!r} lacks the file {name!r} that its {DIGEST} lists")
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            if found != expected:
                raise DataLossError(f"{path} is damaged: its SHA-256 is {found}; {DIGEST} says {expected}")
    fingerprint = folder / FINGERPRINT
    if fingerprint.is_file():
        _verify_fingerprint(folder, parse(FingerprintDef, fingerprint.read_bytes(), str(fingerprint)))


def _verify_fingerprint(folder: Path, proto: Any) -> None:
    """Checks the index of the variables; how TensorFlow hashes the other parts differs from version to version."""
    index = folder / INDEX
    if not proto.checkpoint_hash:
        return
    if not index.is_file():
        raise DataLossError(f"the SavedModel {str(folder)!r} lacks {INDEX}, which its {FINGERPRINT} covers")
    found = fingerprint64(index.read_bytes())
    if found != proto.checkpoint_hash:
        raise DataLossError(f"{index} is damaged: its fingerprint is {found}; {FINGERPRINT} says {proto.checkpoint_hash}")
