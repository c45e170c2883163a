"""Names of repositories, revisions and files, as they may stand in URLs and in names of files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from headrace.core.errors import InvalidArgumentError

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NOT_IN_REVISION = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{")
_MAX_QUOTED_REVISION = 200
_MAX_PATH = 1024
KINDS = ("models", "datasets", "spaces")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository.

    Attributes:
        kind: "models", "datasets" or "spaces".
        id: `OWNER/NAME`, or `NAME` alone.
    """

    kind: str
    id: str

    @property
    def policy_name(self) -> str:
        """What patterns of a policy are compared with, in lower case since the hub does not tell cases apart."""
        return (self.id if self.kind == "models" else f"{self.kind}/{self.id}").lower()

    @property
    def api_path(self) -> str:
        """Where its API is, below the hub's URL."""
        return f"api/{self.kind}/{self.id}"

    @property
    def files_path(self) -> str:
        """Where its files are, below the hub's URL."""
        return self.id if self.kind == "models" else f"{self.kind}/{self.id}"


def repository(kind: str, name: str) -> Repository:
    """The repository of this kind and id.

    Raises:
        InvalidArgumentError: the hub has no such ids.
    """
    parts = name.split("/")
    if kind not in KINDS or len(parts) > 2 or not all(map(_PART.fullmatch, parts)) or "--" in name or ".." in name:
        raise InvalidArgumentError(f"{name[:120]!r} is no id of a repository; expected OWNER/NAME")
    return Repository(kind, name)


def is_commit(revision: str) -> bool:
    """True for the full id of a commit, which always means the same files."""
    return _COMMIT.fullmatch(revision) is not None


def check_revision(revision: str) -> str:
    """A revision that may be asked for: a branch, a tag, a reference such as refs/pr/1, or a commit.

    Raises:
        InvalidArgumentError: git has no such names.
    """
    quoted = quote(revision, safe="")
    if not revision or _NOT_IN_REVISION.search(revision) or len(quoted) > _MAX_QUOTED_REVISION:
        raise InvalidArgumentError(f"{revision[:120]!r} is no name of a revision; expected a branch, a tag or a commit")
    return revision


def is_path(path: str) -> bool:
    """True for the path of a file that leads nowhere else on any system."""
    parts = path.split("/")
    plain = path.isprintable() and "\\" not in path and len(path) <= _MAX_PATH
    return plain and all(part not in ("", ".", "..") for part in parts)
