"""Uploads of blobs that are on their way: a file each, so that an upload is gone on with after a break, also of the mirror."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headrace.core import durable
from headrace.core.errors import FailedPreconditionError
from headrace.mirror.models.oci.errors import OciError
from headrace.store.digests import PIECE_BYTES

_NAME = re.compile(r"[0-9a-f]{32}")
_KEPT_SECONDS = 24 * 3600.0
_MOST = 200
"""Of uploads that nobody goes on with: those of one uploader."""


@dataclass(slots=True)
class _State:
    """The digest of the first `size` bytes of an upload."""

    digest: hashlib._Hash
    size: int


class Upload:
    """An upload that one request writes to.

    Attributes:
        path: of the file.
        size: how many bytes have come.
    """

    def __init__(self, path: Path, handle: int, state: _State) -> None:
        self.path = path
        self._handle = handle
        self._state = state

    @property
    def size(self) -> int:
        """How many bytes have come."""
        return self._state.size

    @property
    def digest(self) -> str:
        """The sha256 of what has come."""
        return self._state.digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Adds what comes next."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        self._state.digest.update(data)
        self._state.size += len(data)


class Uploads:
    """The uploads that are on their way.

    Args:
        folder: for the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._states: dict[str, _State] = {}

    def begin(self, name: str, owner: str) -> str:
        """Makes an upload into a repository.

        Args:
            name: of the repository.
            owner: who uploads.

        Returns:
            What the upload is called.

        Raises:
            OciError: its owner has too many that did not end.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._clean(owner)
        upload = secrets.token_hex(16)
        durable.write(self._folder / f"{upload}.json", json.dumps({"name": name, "owner": owner}).encode())
        (self._folder / upload).touch()
        self._states[upload] = _State(hashlib.sha256(), 0)
        return upload

    def size(self, upload: str, name: str, owner: str) -> int:
        """How many bytes have come.

        Raises:
            OciError: there is no such upload into this repository by this owner.
        """
        return self._find(upload, name, owner).stat().st_size

    @contextlib.contextmanager
    def opened(self, upload: str, name: str, owner: str) -> Iterator[Upload]:
        """The upload, to be written to.

        Raises:
            OciError: there is no such upload into this repository by this owner.
            FailedPreconditionError: another request writes to it.
        """
        path = self._find(upload, name, owner)
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FailedPreconditionError("another request writes to this upload; wait until it has ended") from None
            yield Upload(path, handle, self._state(upload, handle))
        finally:
            os.close(handle)

    def forget(self, upload: str) -> None:
        """Ends an upload, whose file may be gone by now."""
        self._states.pop(upload, None)
        for path in (self._folder / upload, self._folder / f"{upload}.json"):
            path.unlink(missing_ok=True)

    def _find(self, upload: str, name: str, owner: str) -> Path:
        unknown = OciError("BLOB_UPLOAD_UNKNOWN", 404, f"there is no upload {upload[:40]!r} into {name}; begin another one")
        if _NAME.fullmatch(upload) is None:
            raise unknown
        path = self._folder / upload
        try:
            known = json.loads((self._folder / f"{upload}.json").read_bytes())
        except (FileNotFoundError, ValueError):
            raise unknown from None
        if known != {"name": name, "owner": owner} or not path.exists():
            raise unknown
        return path

    def _state(self, upload: str, handle: int) -> _State:
        """The digest of what has come; read again where another process, or none, has written it."""
        size = os.lseek(handle, 0, os.SEEK_END)
        state = self._states.get(upload)
        if state is None or state.size != size:
            state = _State(hashlib.sha256(), 0)
            os.lseek(handle, 0, os.SEEK_SET)
            while piece := os.read(handle, PIECE_BYTES):
                state.digest.update(piece)
                state.size += len(piece)
            self._states[upload] = state
        return state

    def _clean(self, owner: str) -> None:
        """Forgets what nobody goes on with."""
        own = 0
        for path in self._folder.glob("*.json"):
            upload = path.name.removesuffix(".json")
            try:
                used = max(path.stat().st_mtime, (self._folder / upload).stat().st_mtime)
                own += json.loads(path.read_bytes()).get("owner") == owner
            except (FileNotFoundError, ValueError):
                continue
            if used < time.time() - _KEPT_SECONDS:
                self.forget(upload)
        if own >= _MOST:
            raise OciError("TOOMANYREQUESTS", 429, f"{owner} has begun {own} uploads that did not end; end or delete some")
