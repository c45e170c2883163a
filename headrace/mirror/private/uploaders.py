"""Who may read, upload and manage which private projects, and publish which models."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hmac
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.core.errors import InvalidArgumentError, PermissionDeniedError, UnauthenticatedError
from headrace.core.tokens import token_hash, token_of

_KEYS = {"name", "token_sha256"}
_PATTERNS = {"projects", "read", "manage", "models"}
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Uploader:
    """Somebody who may upload, or read, or manage.

    Attributes:
        name: for the log.
        token_sha256: of the token, in hex.
        projects: patterns of the normal names that it may upload.
        models: patterns of the names of models that it may publish.
        read: of private projects and models that it may read, beside those that it may upload, publish or manage.
        manage: of those whose files it may yank and remove.
    """

    name: str
    token_sha256: str
    projects: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    manage: tuple[str, ...] = ()

    def may(self, project: str, role: str) -> bool:
        """True when it has a role, "read", "upload" or "manage", for a project."""
        patterns = {"upload": self.projects, "manage": self.manage, "read": (*self.read, *self.projects, *self.manage)}[role]
        return any(fnmatch.fnmatchcase(project, pattern) for pattern in patterns)

    def check(self, project: str, role: str = "upload") -> None:
        """Raises PermissionDeniedError for a project for which it has not this role."""
        if not self.may(project, role):
            raise PermissionDeniedError(f"{self.name} may not {role} {project}; ask who runs this mirror")

    def check_model(self, model: str, role: str = "publish") -> None:
        """Raises PermissionDeniedError for a model for which it has not this role, "publish" or "read"."""
        patterns = self.models if role == "publish" else (*self.models, *self.read)
        if not any(fnmatch.fnmatchcase(model, pattern) for pattern in patterns):
            raise PermissionDeniedError(f"{self.name} may not {role} the model {model}; ask who runs this mirror")


def identify(uploaders: Sequence[Uploader], authorization: str) -> Uploader:
    """Who sends a request with this Authorization header: `Bearer TOKEN`, or `Basic`, whose password is the token.

    Raises:
        UnauthenticatedError: nobody that is known.
    """
    token = token_of(authorization) or _password(authorization)
    if token is None:
        raise UnauthenticatedError("a token is needed: as password of any user name, or as a bearer token")
    given = token_hash(token)
    found = [each for each in uploaders if hmac.compare_digest(each.token_sha256, given)]  # all are compared, whatever comes out
    if not found:
        raise UnauthenticatedError("the token is not known here")
    return found[0]


def _password(authorization: str) -> str | None:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic" or len(rest) > 4096:
        return None
    try:
        _, parted, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password if parted else None


def read_uploaders(path: Path) -> tuple[Uploader, ...]:
    """Those in a TOML file: tables `[[uploader]]` with `name`, `token_sha256`, and patterns in
    `projects`, `read`, `manage` or `models`.

    Raises:
        InvalidArgumentError: the file cannot be read, or has mistakes.
    """
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"the uploaders {path} cannot be read: {error}") from None
    tables = document.get("uploader", [])
    if set(document) - {"uploader"} or not isinstance(tables, list):
        raise InvalidArgumentError(f"{path} has {', '.join(sorted(document))}; expected tables [[uploader]] only")
    return tuple(_uploader(path, place, table) for place, table in enumerate(tables, 1))


def _uploader(path: Path, place: int, table: object) -> Uploader:
    where = f"uploader {place} of {path}"
    if not isinstance(table, dict) or not _KEYS < set(table) <= _KEYS | _PATTERNS:
        raise InvalidArgumentError(
            f"{where} must have name, token_sha256, one or more of projects, read, manage and models, and nothing else"
        )
    name, known = table["name"], table["token_sha256"]
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError(f"{where} has the name {name!r}; expected a text")
    if not isinstance(known, str) or _HASH.fullmatch(known) is None:
        raise InvalidArgumentError(f"{where}: token_sha256 is no sha256 in hex; `headrace serve-token` makes a token and its hash")
    return Uploader(name, known, **{key: _patterns(where, table, key) for key in _PATTERNS})


def _patterns(where: str, table: dict[str, object], key: str) -> tuple[str, ...]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise InvalidArgumentError(f"{where}: {key} is {found!r}; expected a list of patterns")
    return tuple(found)
