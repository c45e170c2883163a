"""Files of records: written hidden, finished in one step, and deleted when they are too many.

A file that is being written is called `.NAME.part` and is locked. It becomes NAME when it is finished: a name without a dot
before it is always a whole file. What a process that ended without finishing left behind is finished by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import logging
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from headrace.core.errors import DataLossError
from headrace.core.log_lines import fields
from headrace.data.records import RecordReader, framed
from headrace.serving.request_log.options import RequestLogOptions

logger = logging.getLogger(__name__)

SUFFIX = ".tfrecord"
_STAMP = r"-\d{8}T\d{6}\.\d{6}Z"
_FINISHED = re.compile(rf"[^.].*{_STAMP}{SUFFIX}")
_UNFINISHED = re.compile(rf"\..*{_STAMP}{SUFFIX}\.part")
_OWNER_ONLY = 0o600
_TRIES = 5
_TRY_SECONDS = 0.001


class RecordFile:
    """One file, from its first record to its end.

    Args:
        path: what it is called once it is finished. Its folder is made where it is missing.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self.records = self.size = 0
        self.begun = time.monotonic()
        self._part = path.with_name(f".{path.name}.part")
        if path.exists():
            raise FileExistsError(f"{path} is there already")
        self._file = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(self._file).st_nlink:
                raise BlockingIOError(f"{self._part} was taken for one that was left behind")
        except OSError:
            os.close(self._file)
            raise

    def write(self, record: bytes) -> None:
        """Appends a record, or leaves the file as it was.

        Raises:
            OSError: such as that the disk is full.
        """
        frame = framed(record)
        data = memoryview(frame)
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
                os.lseek(self._file, self.size, os.SEEK_SET)
            raise
        self.size += len(frame)
        self.records += 1

    def finish(self) -> None:
        """Makes the file durable and gives it its name; an empty one is removed.

        Raises:
            OSError: it is not durable, or has not its name.
        """
        try:
            if self.records:
                _publish(self._file, self._part, self.path)
            else:
                self._part.unlink(missing_ok=True)
        finally:
            os.close(self._file)


class Folder:
    """The folder of all logs, and how much may be in it.

    Args:
        options: limits.
    """

    def __init__(self, options: RequestLogOptions) -> None:
        self._options = options
        self._root = options.directory

    def create(self, prefix: str, reserved: int) -> RecordFile:
        """A new file; old ones are deleted to make room for it.

        Args:
            prefix: what its path below the folder begins with.
            reserved: bytes that the other open files may still take.

        Raises:
            OSError: it cannot be made.
        """
        self.prune(reserved + self._options.file_bytes)
        tries = itertools.count(1)
        while True:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            try:
                return RecordFile(self._root / f"{prefix}-{stamp}{SUFFIX}")
            except (FileExistsError, BlockingIOError):  # another process began one in the same microsecond, or recovers this one
                if next(tries) == _TRIES:
                    raise
            time.sleep(_TRY_SECONDS)

    def prune(self, room: int) -> None:
        """Deletes the oldest files until `room` more bytes keep within the limit."""
        found: list[tuple[int, int, Path]] = []
        for path in self._files(_FINISHED):
            with contextlib.suppress(FileNotFoundError):  # another process has deleted it meanwhile
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, path))
        excess = sum(size for _, size, _ in found) + room - self._options.total_bytes
        for _, size, path in sorted(found):
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size
            logger.info("deleted the oldest request log", extra=fields(path=path, bytes=size))

    def recover(self) -> None:
        """Finishes the files of processes that ended without doing so: what is whole in them is kept."""
        for part in self._files(_UNFINISHED):
            with part.open("r+b") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue  # its process lives
                whole = _whole_bytes(part, self._options.file_bytes)
                file.truncate(whole)
                if whole:
                    _publish(file.fileno(), part, part.with_name(part.name[1 : -len(".part")]))
                else:
                    part.unlink()
                logger.warning("finished a request log that was left behind", extra=fields(path=part, bytes=whole))

    def _files(self, pattern: re.Pattern[str]) -> list[Path]:
        """The files below the folder whose names are such as this module gives."""
        return [path for path in self._root.rglob("*") if pattern.fullmatch(path.name) and path.is_file() and not path.is_symlink()]


def _publish(file: int, part: Path, path: Path) -> None:
    """Makes an open file durable and gives it its name."""
    os.fsync(file)
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _whole_bytes(path: Path, longest: int) -> int:
    """How many bytes of a file are whole records."""
    reader = RecordReader(path, max_record_bytes=longest)
    try:
        with contextlib.suppress(DataLossError):
            while reader.read():
                pass
        return reader.offset
    finally:
        reader.close()
