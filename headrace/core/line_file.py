"""A file that lines are appended to, such as an audit log: bounded by rotation, shared by processes, without half lines."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import BinaryIO


class LineFile:
    """Appends whole lines to a file. A file that has grown to `max_bytes` becomes FILE.1, and what was FILE.1 becomes FILE.2.

    Several processes may write to one file. The caller keeps its own threads apart.

    Args:
        path: the file; its folder must exist. Nobody but its owner reads a new one.
        max_bytes: of the file.
        kept_files: how many older files there are at most.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, max_bytes: int, kept_files: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._kept_files = kept_files
        self._file: BinaryIO | None = _open(path)

    def write(self, line: bytes, durable: bool = False) -> None:
        """Appends a line, which ends in a newline and has no other. After a failure the file is opened anew for the next one.

        Args:
            line: the line.
            durable: wait until it is on the disk.

        Raises:
            OSError: it could not be written; nothing of it is in the file.
        """
        try:
            file = self._locked()
            try:
                file.seek(0, os.SEEK_END)
                if file.tell() and file.tell() + len(line) > self._max_bytes:
                    file = self._rotate()
                _write_whole(file, line)
                if durable:
                    os.fsync(file.fileno())
            finally:
                if not file.closed:
                    fcntl.flock(file, fcntl.LOCK_UN)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _locked(self) -> BinaryIO:
        """The file of this path, which no other process writes to now; another one may have put a new one in its place."""
        while True:
            if self._file is None:
                self._file = _open(self._path)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                if os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                    return self._file
            except FileNotFoundError:
                pass
            self.close()

    def _rotate(self) -> BinaryIO:
        """Puts the file aside, and begins a new one, locked as the old one was."""
        for number in range(self._kept_files, 0, -1):
            older = self._path if number == 1 else _older(self._path, number - 1)
            if older.exists():
                older.replace(_older(self._path, number))
        if not self._kept_files:
            self._path.unlink()
        self.close()
        return self._locked()


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _open(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return open(descriptor, "ab", buffering=0)


def _write_whole(file: BinaryIO, line: bytes) -> None:
    """Writes a line; what a full disk took of it is taken back, so that no half line stands before the next one."""
    start = file.tell()
    written = 0
    try:
        while written < len(line):
            written += file.write(line[written:])
    except OSError:
        if written:
            os.ftruncate(file.fileno(), start)
        raise
