"""What the hub said of repositories, on disk: revisions and trees, one JSON file each, replaced in one step.

models/OWNER%2FNAME/revisions/main.json            what the branch is, and when the hub was asked
models/OWNER%2FNAME/trees/COMMIT/all.json          all files of a commit
models/OWNER%2FNAME/trees/COMMIT/HASH.json         the files of one of its folders
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from headrace.core import durable
from headrace.mirror.models.huggingface.names import Repository

Items = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Revision:
    """What the hub said of a revision.

    Attributes:
        document: it, with the commit in `sha`; None of one that is not there.
        hub_code: why it is not there, as in errors.CODES.
        message: the same for people.
        checked: when the hub was asked, in seconds since 1970.
    """

    document: dict[str, Any] | None
    hub_code: str
    message: str
    checked: float


class Kept:
    """The folder of it all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def revision(self, repository: Repository, revision: str) -> Revision | None:
        """The revision that is kept; None when there is none, or a damaged one, which will be asked for anew."""
        try:
            return Revision(**_read(self._revision_path(repository, revision)))
        except (OSError, ValueError, TypeError):
            return None

    def keep_revision(self, repository: Repository, revision: str, found: Revision) -> None:
        """Keeps a revision."""
        _write(self._revision_path(repository, revision), asdict(found))

    def tree(self, repository: Repository, commit: str, folder: str | None) -> Items | None:
        """The items of a commit, or of one of its folders; None when they are not kept."""
        try:
            found: Items = _read(self._tree_path(repository, commit, folder))["items"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return found

    def keep_tree(self, repository: Repository, commit: str, folder: str | None, items: Items) -> None:
        """Keeps them."""
        _write(self._tree_path(repository, commit, folder), {"folder": folder, "items": items})

    def _repository_path(self, repository: Repository) -> Path:
        return self._folder / repository.kind / quote(repository.id, safe="")

    def _revision_path(self, repository: Repository, revision: str) -> Path:
        return self._repository_path(repository) / "revisions" / f"{quote(revision, safe='')}.json"

    def _tree_path(self, repository: Repository, commit: str, folder: str | None) -> Path:
        name = "all" if folder is None else hashlib.sha256(folder.encode()).hexdigest()[:32]
        return self._repository_path(repository) / "trees" / commit / f"{name}.json"


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write(path, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
