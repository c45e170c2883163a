"""What the hub says of a commit's files, read with distrust."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from headrace.core.errors import DataLossError
from headrace.mirror.models.huggingface.names import is_path

_OID = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_SIZE = 1 << 50


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a commit.

    Attributes:
        path: in the repository.
        size: in bytes.
        oid: git's name of its content, a sha1 over it; of a large file's pointer where there is `sha256`.
        sha256: of a large file's content; None for a small one.
    """

    path: str
    size: int
    oid: str
    sha256: str | None


def without_xet(value: Any) -> Any:
    """A document without what leads clients to another storage, past the mirror, at every depth."""
    if isinstance(value, dict):
        return {key: without_xet(each) for key, each in value.items() if not key.lower().startswith("xet")}
    if isinstance(value, list):
        return [without_xet(each) for each in value]
    return value


def checked(items: Any, what: str) -> list[dict[str, Any]]:
    """The entries of one page of a tree, less what is neither file nor folder.

    Args:
        items: the page.
        what: it is, for errors.

    Raises:
        DataLossError: it is no such page, or a name in it would lead out of the repository's folder.
    """
    if not isinstance(items, list):
        raise DataLossError(f"{what} is no list")
    found = []
    for item in items:
        if not isinstance(item, dict) or item.get("type") not in ("file", "directory"):
            continue
        if not isinstance(item.get("path"), str) or not is_path(item["path"]):
            raise DataLossError(f"{what} has the name {str(item.get('path'))[:120]!r}, which may lead out of a folder")
        if item["type"] == "file":
            entry(item, what)
        found.append(item)
    return found


def entry(item: dict[str, Any], what: str) -> Entry:
    """The file that an item of a tree is.

    Raises:
        DataLossError: its size or its digest is none.
    """
    path, size, oid, large = item["path"], item.get("size"), item.get("oid"), item.get("lfs")
    sha256 = None
    if isinstance(large, dict):
        sha256, size = large.get("oid"), large.get("size", size)
        if not isinstance(sha256, str) or _SHA256.fullmatch(sha256) is None:
            raise DataLossError(f"{what} gives {path!r} the sha256 {str(sha256)[:80]!r}, which is none")
    if type(size) is not int or not 0 <= size < _MAX_SIZE:
        raise DataLossError(f"{what} gives {path!r} the size {str(size)[:80]!r}, which is none")
    if not isinstance(oid, str) or _OID.fullmatch(oid) is None:
        raise DataLossError(f"{what} gives {path!r} the id {str(oid)[:80]!r}; expected 40 hexadecimal digits")
    return Entry(path, size, oid, sha256)
