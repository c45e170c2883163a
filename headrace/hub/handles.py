"""Handles: what a model is called.

./exported/digits                                   a folder
acme/digits:3   acme/digits:latest   acme/digits    a version in the registry HEADRACE_HUB_URL; without one, the highest
acme/digits:3@sha256:...                            the same, and it must have this manifest
https://models.example/acme/digits/3                an archive, as TensorFlow Hub's protocol gives it
https://models.example/digits.tar.gz@sha256:...     the same, and the archive must have this digest
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from headrace.core.errors import InvalidArgumentError
from headrace.modelpack.names import LATEST, check_name, check_version
from headrace.store import digests

_PIN = re.compile(r"(.*)@sha256:([0-9a-fA-F]{64})")
_COMPRESSED = ("tf-hub-format", "compressed")
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})?")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,254}")
_MAIN = "main"
_ARCHIVES = (".tar.gz", ".tgz", ".tar")


@dataclass(frozen=True, slots=True)
class Folder:
    """A model in a folder of this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class Archive:
    """A model in an archive behind a URL.

    Attributes:
        url: as it was typed: the cache's key, as in tensorflow_hub.
        digest: what the archive must have; "" for any.
    """

    url: str
    digest: str

    @property
    def asked(self) -> str:
        """The URL that the archive is asked for by."""
        path, mark, query = self.url.partition("?")
        if path.endswith(_ARCHIVES) or _COMPRESSED[0] in query:
            return self.url
        return f"{path}?{query}{'&' if mark else ''}{'='.join(_COMPRESSED)}"


@dataclass(frozen=True, slots=True)
class Version:
    """A model in the registry.

    Attributes:
        name: such as `acme/digits`.
        version: such as `3`; `latest` for the highest.
        digest: what its manifest must have; "" for any.
    """

    name: str
    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of Hugging Face's protocol.

    Attributes:
        name: such as `acme/digits`.
        revision: a branch, a tag, or the id of a commit.
    """

    name: str
    revision: str

    def __str__(self) -> str:
        return f"hf://{self.name}@{self.revision}"


def parse(handle: str) -> Folder | Archive | Version | Repository:
    """What a handle names.

    Raises:
        InvalidArgumentError: it can be none.
    """
    if not handle or "\0" in handle:
        raise InvalidArgumentError(f"{handle[:100]!r} is no handle of a model; expected a folder, a URL, or name:version")
    if os.path.isdir(handle):  # false for what can be no path; pathlib raises
        return Folder(Path(handle))
    pinned = _PIN.fullmatch(handle)
    named, digest = (pinned[1], digests.check(pinned[2].lower())) if pinned is not None else (handle, "")
    scheme, parted, _ = named.partition("://")
    if scheme == "hf" and parted:
        return _repository(handle)
    if parted:
        if scheme not in ("http", "https"):
            raise InvalidArgumentError(f"{handle[:200]!r} is behind {scheme}://; models are fetched from http:// and https:// URLs")
        return Archive(named, digest)
    name, parted, version = named.partition(":")
    try:
        return Version(check_name(name), check_version(version) if parted else LATEST, digest)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{handle[:200]!r} is no folder that is here, and no model: {error.message}") from None


def _repository(handle: str) -> Repository:
    name, parted, revision = handle.removeprefix("hf://").partition("@")
    if _REPOSITORY.fullmatch(name) is None or (parted and (_REVISION.fullmatch(revision) is None or ".." in revision)):
        raise InvalidArgumentError(f"{handle[:200]!r} is no repository; expected such as hf://acme/digits@main")
    return Repository(name, revision or _MAIN)
