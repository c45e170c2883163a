"""The digest of a model's content: the same for the same files under the same names, whatever folder they stand in.

It is the SHA-256 of one line for each file, in order of the path's UTF-8 bytes: the file's SHA-256 in hexadecimal, two spaces, the
path below the folder with "/" between its parts, and a newline. `sha256sum` prints such lines. Hidden files are left out, and the
signature `model.sig`, which is made for a content that has its digest already.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from headrace.core.errors import DataLossError, InvalidArgumentError, NotFoundError

SIGNATURE = "model.sig"
"""The file beside `saved_model.pb` that a signature is written to."""
_PIECE = 1 << 22


def content_digest(folder: str | os.PathLike[str]) -> str:
    """The digest of a folder, "sha256:" and 64 hexadecimal digits.

    Raises:
        NotFoundError: there is no such folder.
        InvalidArgumentError: a link leads out of the folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NotFoundError(f"there is no folder {str(root)!r}")
    whole = hashlib.sha256()
    for name in sorted((_name(root, path) for path in _files(root)), key=str.encode):
        whole.update(f"{_sha256(root / name)}  {name}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def verify_digest(folder: str | os.PathLike[str], expected: str) -> None:
    """Checks the content of a folder.

    Raises:
        InvalidArgumentError: `expected` is no digest.
        NotFoundError: there is no such folder.
        DataLossError: the content has another digest.
    """
    kind, _, digits = expected.partition(":")
    if kind != "sha256" or len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise InvalidArgumentError(f"{expected!r} is no digest; expected sha256: and 64 hexadecimal digits")
    found = content_digest(folder)
    if found != expected:
        raise DataLossError(f"the content of {os.fspath(folder)!r} has the digest {found}; expected {expected}")


def _files(root: Path) -> list[Path]:
    found = []
    for path in root.rglob("*"):
        if path == root / SIGNATURE or any(part.startswith(".") for part in path.relative_to(root).parts):
            continue
        if path.is_symlink() and root.resolve() not in path.resolve().parents:
            raise InvalidArgumentError(f"{str(path)!r} is a link that leads out of the model; replace it by the file itself")
        if path.is_file():
            found.append(path)
    return found


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _sha256(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            state.update(piece)
    return state.hexdigest()
