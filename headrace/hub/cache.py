"""The models that were fetched, laid out as tensorflow_hub does, so that both find each other's.

KEY/                      a model; KEY is the sha1 of its handle, or of its manifest's digest
KEY.descriptor.txt        tensorflow_hub's note of where it came from
KEY.headrace.json         the sha256 of each of its files
KEY.headrace.lock         locked by the one process that fetches it; the lock goes with the process
KEY.headrace.parts/       what has come so far, gone on with by the next
KEY.headrace.tmp/         the model, before it is whole
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from headrace.core import durable
from headrace.core.errors import DataLossError, FailedPreconditionError, ResourceExhaustedError
from headrace.modelpack.files import ModelFile, check_files
from headrace.store import digests

logger = logging.getLogger(__name__)

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Entry:
    """The place of a model in the cache.

    Args:
        root: the cache's folder.
        key: what stands for the model.
    """

    def __init__(self, root: Path, key: str) -> None:
        self.root = root
        self.folder = root / hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
        self.parts = self._beside("headrace.parts")
        self.work = self._beside("headrace.tmp")
        self._record = self._beside("headrace.json")

    @property
    def is_whole(self) -> bool:
        """True when the model is there."""
        return self.folder.is_dir() and any(self.folder.iterdir())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other threads and processes from fetching the same model."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            file = self._beside("headrace.lock").open("w")
        except OSError as error:
            raise FailedPreconditionError(f"the cache {self.root} cannot be written: {error}; set HEADRACE_HUB_CACHE") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("another process fetches this model; it is waited for")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def verified(self, archive_digest: str = "") -> Path:
        """The model's folder, once all its files were found to have the digests with which they came.

        Args:
            archive_digest: what the archive that it came in must have had; "" for any.

        Raises:
            DataLossError: a file was changed, is gone, or was added.
        """
        record = self._read()
        if record is None:
            record = self._adopt()
        if archive_digest and record.get("archive") != archive_digest:
            came = f"sha256:{record['archive']}" if record.get("archive") else "not known"
            raise DataLossError(
                f"the digest of the archive that {self.folder} came in is {came}; sha256:{archive_digest} was asked for."
                f" Remove {self.folder} to fetch it anew"
            )
        expected = {str(each["path"]): each for each in record["files"]}
        found = _paths(self.folder)
        wrong = sorted(expected.keys() ^ found.keys())
        wrong += [path for path in expected.keys() & found.keys() if digests.of_file(found[path]) != expected[path]["digest"]]
        if wrong:
            raise DataLossError(
                f"{len(wrong)} files of the model in {self.folder} are not as they came, such as {wrong[0]!r}; remove the folder"
                " to fetch it anew"
            )
        return self.folder

    def install(self, handle: str, archive_digest: str = "", files: Iterable[ModelFile] | None = None) -> None:
        """Makes the model of what is in `work`; it is there whole, or not at all, also after a crash.

        Args:
            handle: for people.
            archive_digest: of the archive that it came in; "" for none.
            files: with their sha256, where that is known; `verified` compares.
        """
        listed = files if files is not None else _listed(self.work)
        for path in _paths(self.work).values():
            path.chmod(0o644)
            durable.sync(path)
        self._write(handle, listed, archive_digest)
        try:
            durable.move(self.work, self.folder)
        except OSError as error:
            if not self.is_whole:
                raise ResourceExhaustedError(f"{self.folder} cannot be made: {error}") from None
            shutil.rmtree(self.work)  # tensorflow_hub, which knows nothing of our lock, was faster; `verified` compares
        durable.write(self._beside("descriptor.txt"), _descriptor(handle).encode())
        shutil.rmtree(self.parts, ignore_errors=True)

    def emptied(self) -> Path:
        """`work`, with nothing in it."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        return self.work

    def _adopt(self) -> dict[str, Any]:
        """Notes the digests of a model that tensorflow_hub has fetched: from now on it must stay as it is."""
        with self.locked():
            if self._read() is None:
                logger.info("%s was fetched by another program; its digests are noted now", self.folder)
                self._write("", _listed(self.folder), "")
        found = self._read()
        assert found is not None
        return found

    def _read(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self._record.read_bytes())
            if not isinstance(found["files"], list):
                raise TypeError
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise DataLossError(f"{self._record} is damaged; remove it and {self.folder} to fetch the model anew") from None
        return dict(found)

    def _write(self, handle: str, files: Iterable[ModelFile], archive_digest: str) -> None:
        listed = [{"path": each.path, "digest": each.digest, "size": each.size} for each in files]
        record = {"handle": handle, "archive": archive_digest, "files": listed}
        durable.write(self._record, json.dumps(record, indent=1).encode())

    def _beside(self, ending: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}.{ending}")


class Reference:
    """What a name that may come to mean another model stood for when it was last asked for.

    Args:
        root: the cache's folder.
        name: such as `https://models.example/acme/digits:latest`.
        form: of what it can stand for; the digest of a manifest by default.
    """

    def __init__(self, root: Path, name: str, form: re.Pattern[str] = _DIGEST) -> None:
        self._form = form
        self._path = root / f"{hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()}.headrace.ref.json"
        self._name = name

    def read(self) -> str | None:
        """What it stood for; None when that is not known."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = str(json.loads(self._path.read_bytes())["content"])
            return found if self._form.fullmatch(found) else None
        return None

    def write(self, content: str) -> None:
        """Notes what it stands for."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        durable.write(self._path, json.dumps({"name": self._name, "content": content}).encode())


def once(entry: Entry, fetch: Callable[[], None], archive_digest: str = "") -> Path:
    """A verified model, fetched where it is not in the cache by the one process that comes first."""
    if not entry.is_whole:
        with entry.locked():
            if not entry.is_whole:
                fetch()
    return entry.verified(archive_digest)


def _paths(folder: Path) -> dict[str, Path]:
    """The files of a folder, by their paths in it."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.is_symlink() or not path.is_file():
                raise DataLossError(f"{path} is no plain file; a model has nothing else")
            found[path.relative_to(folder).as_posix()] = path
    return found


def _listed(folder: Path) -> tuple[ModelFile, ...]:
    return check_files(ModelFile(name, digests.of_file(path), path.stat().st_size) for name, path in _paths(folder).items())


def _descriptor(handle: str) -> str:
    """What tensorflow_hub writes beside a model."""
    now = datetime.datetime.now()
    return f"Module: {handle}\nDownload Time: {now}\nDownloader Hostname: {socket.gethostname()} (PID:{os.getpid()})"
