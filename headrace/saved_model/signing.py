"""Signatures of models as OpenSSF Model Signing (OMS) has them, by an elliptic-curve key; `model-signing` makes and checks them.

The signature is a Sigstore bundle over a manifest with the SHA-256 of every file below the model's folder, the signature's own file
left out. It needs the extra `headrace[signing]`.
"""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from headrace.core.errors import (
    DataLossError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from headrace.saved_model.digest import SIGNATURE

_LONGEST = 600
"""Characters of the library's message that are passed on; it lists every file that differs."""
_MOST_BYTES = 64 << 20
"""Of a signature or key; a manifest takes about 200 bytes a file."""

AnyPath = str | os.PathLike[str]


def sign(folder: AnyPath, private_key: AnyPath, signature: AnyPath | None = None, password: str | None = None) -> Path:
    """Signs a model.

    Args:
        folder: of the model.
        private_key: a PEM file with an elliptic-curve key (P-256, P-384 or P-521).
        signature: the file to write; `model.sig` in the folder by default.
        password: of the key, when it is encrypted.

    Returns:
        The path of the signature, which is there whole or not at all.

    Raises:
        NotFoundError: there is no such folder or key.
        InvalidArgumentError: the key cannot be read, or the folder holds a link.
        FailedPreconditionError: `model-signing` is not installed.
    """
    root, target = _model(folder), _signature(folder, signature)
    key = _file(private_key, "private key")
    signing = _library("signing")
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        # The library declares the password as a text but hands it on to one that takes bytes.
        secret = None if password is None else password.encode()
        config = signing.Config().use_elliptic_key_signer(private_key=key, password=secret)
        config.set_hashing_config(_hashing(root, target)).sign(root, partial)
        partial.replace(target)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{str(root)!r} cannot be signed with the key {str(key)!r}: {_short(error)}") from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def verify_signature(folder: AnyPath, public_key: AnyPath, signature: AnyPath | None = None) -> None:
    """Checks that a model is what was signed with the key, file by file: none changed, none missing, none more.

    Args:
        folder: of the model.
        public_key: a PEM file.
        signature: the file; `model.sig` in the folder by default.

    Raises:
        NotFoundError: there is no such folder, key or signature.
        PermissionDeniedError: another key made the signature.
        DataLossError: the signature is damaged, or the model is not what was signed.
        InvalidArgumentError: the key cannot be read.
        FailedPreconditionError: `model-signing` is not installed.
    """
    root, made = _model(folder), _file(_signature(folder, signature), "signature")
    key = _file(public_key, "public key")
    verifying = _library("verifying")
    try:
        verifier = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"the public key {str(key)!r} cannot be read: {_short(error)}") from error
    try:
        verifier.set_hashing_config(_hashing(root, made)).verify(root, made)
    except Exception as error:  # a bundle is parsed by several libraries, each with errors of its own
        text = _short(error)
        if "Key mismatch" in text or type(error).__name__ == "InvalidSignature":
            raise PermissionDeniedError(f"{str(made)!r} was not made with the key that {str(key)!r} belongs to") from error
        if "Signature mismatch" in text or "symlink" in text:
            raise DataLossError(f"{str(root)!r} is not the model that was signed: {_differences(str(error)) or text}") from error
        raise DataLossError(f"the signature {str(made)!r} is damaged: {type(error).__name__}: {text}") from error


def _library(module: str) -> ModuleType:
    try:
        return importlib.import_module(f"model_signing.{module}")
    except ModuleNotFoundError as error:
        raise FailedPreconditionError(
            f"models are signed and verified by model-signing, which needs {error.name}; install headrace[signing]"
        ) from error


def _hashing(root: Path, signature: Path) -> Any:
    """How the files are hashed: each whole, all but the signature."""
    ignored = [signature] if root.resolve() in signature.resolve().parents else []
    return _library("hashing").Config().set_ignored_paths(paths=ignored, ignore_git_paths=False)


def _model(folder: AnyPath) -> Path:
    root = Path(folder)
    if not root.is_dir():
        raise NotFoundError(f"there is no folder {str(root)!r}")
    return root


def _signature(folder: AnyPath, signature: AnyPath | None) -> Path:
    return Path(folder) / SIGNATURE if signature is None else Path(signature)


def _file(path: AnyPath, what: str) -> Path:
    file = Path(path)
    if not file.is_file():
        raise NotFoundError(f"there is no {what} {str(file)!r}")
    if file.stat().st_size > _MOST_BYTES:
        raise InvalidArgumentError(f"the {what} {str(file)!r} takes {file.stat().st_size} bytes; expected {_MOST_BYTES} at most")
    return file


def _differences(text: str) -> str:
    """The files that the library says differ, without its digests."""
    changed = ", ".join(re.findall(r"Hash mismatch for \\?'(.+?)\\?': Expected", text))
    found = [f"changed are {changed}"] if changed else []
    for kind, what in (("Extra", "more are"), ("Missing", "missing are")):
        found += [f"{what} {names}" for names in re.findall(rf"{kind} files[^:]*: ([^\"'\]]+)", text)]
    return _cut("; ".join(found))


def _short(error: Exception) -> str:
    return _cut(" ".join(str(error).split()))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
