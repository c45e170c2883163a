"""Keys of bundles (Ed25519), and the file that says whose bundles are trusted.

[[key]]
name = "acme releases"
ed25519 = "..."              # the public key, 32 bytes in base64
bundles = ["acme-*"]         # patterns of the names that it may sign; all without it
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import json
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from headrace.core.errors import AlreadyExistsError, DataLossError, InvalidArgumentError, PermissionDeniedError
from headrace.mirror.bundles.manifest import canonical

_DOMAIN = b"headrace bundle manifest 1\n"
"""Stands before what is signed, so that the signature is good for nothing else."""
MAX_SIGNATURES_BYTES = 64 << 10
_MAX_SIGNATURES = 32
_KEY_BYTES = 32
_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key.

    Attributes:
        name: what people call it.
        public: its 32 bytes.
        bundles: patterns of the names of bundles that it may sign.
    """

    name: str
    public: bytes
    bundles: tuple[str, ...] = ("*",)

    @property
    def id(self) -> str:
        """Short, made of the key itself."""
        return key_id(self.public)


def key_id(public: bytes) -> str:
    """What a key is called in signatures: the start of its sha256."""
    return hashlib.sha256(public).hexdigest()[:16]


def generate(private_path: Path, public_path: Path, name: str, password: bytes | None) -> str:
    """Makes a pair of keys: a PEM file that only its owner may read, and a trust file with the public key; its id.

    Raises:
        AlreadyExistsError: one of the files is there.
    """
    key = Ed25519PrivateKey.generate()
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    public = key.public_key().public_bytes_raw()
    text = f"[[key]]\nname = {json.dumps(name)}\ned25519 = {json.dumps(base64.b64encode(public).decode())}\n"
    if public_path.exists():
        raise AlreadyExistsError(f"{public_path} is there; another name keeps it from being lost")
    _write_new(private_path, pem, 0o600)
    _write_new(public_path, text.encode(), 0o644)
    return key_id(public)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise AlreadyExistsError(f"{path} is there; another name keeps it from being lost") from None
    except OSError as error:
        raise InvalidArgumentError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def read_private(path: Path, password: bytes | None) -> Ed25519PrivateKey:
    """The private key in a PEM file.

    Raises:
        InvalidArgumentError: the file cannot be read, holds no Ed25519 key, or the password is wrong or missing.
    """
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), password)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidArgumentError(f"the key {path} cannot be read: {error}") from None
    if not isinstance(found, Ed25519PrivateKey):
        raise InvalidArgumentError(f"{path} is a key of another kind; expected Ed25519, as `headrace mirror keygen` makes it")
    return found


def read_trust(path: Path) -> list[TrustedKey]:
    """The keys in a trust file.

    Raises:
        InvalidArgumentError: it cannot be read, or has mistakes.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise InvalidArgumentError(f"the trust file {path} has more than {_MAX_FILE_BYTES} bytes")
        found = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"the trust file {path} cannot be read: {error}") from None
    entries = found.get("key")
    if set(found) != {"key"} or not isinstance(entries, list) or not entries:
        raise InvalidArgumentError(f"the trust file {path} has no keys; expected [[key]] tables with name and ed25519")
    return [_trusted(path, entry) for entry in entries]


def _trusted(path: Path, entry: Any) -> TrustedKey:
    if not isinstance(entry, dict) or not {"name", "ed25519"} <= set(entry) <= {"name", "ed25519", "bundles"}:
        raise InvalidArgumentError(f"the trust file {path} has a key with other fields than name, ed25519 and bundles")
    name, patterns = entry["name"], entry.get("bundles", ["*"])
    if not isinstance(name, str) or not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
        raise InvalidArgumentError(f"the trust file {path} has a key whose name is no text, or whose bundles are no patterns")
    try:
        public = base64.b64decode(entry["ed25519"], validate=True)
        if len(public) != _KEY_BYTES:
            raise ValueError(f"it has {len(public)} bytes, not {_KEY_BYTES}")
    except (TypeError, ValueError, binascii.Error) as error:
        raise InvalidArgumentError(f"the trust file {path} has a damaged key {name!r}: {error}") from None
    return TrustedKey(name, public, tuple(patterns))


def sign(manifest: bytes, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """The signatures of a manifest, as a member of the bundle."""
    found = {}
    for key in keys:
        found[key_id(key.public_key().public_bytes_raw())] = base64.b64encode(key.sign(_DOMAIN + manifest)).decode()
    return canonical({"signatures": [{"ed25519": value, "key": name} for name, value in sorted(found.items())]})


def verify(manifest: bytes, signatures: bytes, trusted: Sequence[TrustedKey]) -> list[TrustedKey]:
    """The trusted keys that have signed a manifest.

    Raises:
        DataLossError: the signatures cannot be read.
        PermissionDeniedError: no trusted key has signed it, or a signature of one is wrong.
    """
    named = _signatures(signatures)
    known = {key.id: key for key in trusted}
    found = []
    for name, signature in named.items():
        if name not in known:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(known[name].public).verify(signature, _DOMAIN + manifest)
        except InvalidSignature:
            raise PermissionDeniedError(
                f"the signature of key {name} ({known[name].name}) is wrong: the bundle was changed after that; get it again"
            ) from None
        found.append(known[name])
    if not found:
        told = ", ".join(f"{key.id} ({key.name})" for key in trusted)
        raise PermissionDeniedError(
            f"the bundle is signed by {', '.join(named) or 'nobody'}, and trusted are {told};"
            " if the key is one that you expect, add it to the trust file"
        )
    return found


def _signatures(data: bytes) -> dict[str, bytes]:
    try:
        entries = json.loads(data)["signatures"]
        if not isinstance(entries, list) or len(entries) > _MAX_SIGNATURES:
            raise ValueError(f"expected a list of at most {_MAX_SIGNATURES}")
        return {str(entry["key"])[:16]: base64.b64decode(entry["ed25519"], validate=True) for entry in entries}
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error) as error:
        raise DataLossError(f"the bundle's signatures are damaged: {error}") from None


def check_may_sign(keys: Sequence[TrustedKey], name: str) -> list[TrustedKey]:
    """Those keys that may sign bundles of this name.

    Raises:
        PermissionDeniedError: none of them may.
    """
    found = [key for key in keys if any(fnmatch.fnmatchcase(name, pattern) for pattern in key.bundles)]
    if not found:
        raise PermissionDeniedError(
            f"the bundle {name!r} is signed by {', '.join(key.name for key in keys)}; it is trusted for other names only"
        )
    return found
