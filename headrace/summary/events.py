"""Writing event files: TFRecord files of Event messages, which TensorBoard reads while they grow."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace.core.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from headrace.data.records import framed
from headrace.files.errors import as_op_error, named
from headrace.proto.messages import Event, SourceMetadata, serialize

VERSION = "brain.Event:2"
"""What the first event of a file says."""
WRITER = "headrace.summary"
"""What it says of who wrote the file."""

_numbers = itertools.count()


class EventFile:
    """An event file that grows: events wait in memory until there are `max_queue` of them, a time has passed, or `flush`.

    A file holds whole records at any time, whatever becomes of the process or the disk: what a full disk cut off is taken
    back, kept in memory, and written by a later call that finds room.

    Args:
        logdir: the folder, made if missing.
        max_queue: how many events may wait.
        flush_millis: how long events may wait; looked at when the next one comes.
        suffix: the end of the file's name.

    Raises:
        FailedPreconditionError, PermissionDeniedError, ResourceExhaustedError: the file cannot be made.
    """

    def __init__(self, logdir: str, max_queue: int = 10, flush_millis: int = 120_000, suffix: str = ".v2") -> None:
        self._logdir, self._suffix = logdir, suffix
        self._max_queue = max_queue
        self._seconds = flush_millis / 1000
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._process = os.getpid()
        self._closed = self._failed = False
        self._file: int | None = None
        self._start()

    def _start(self) -> None:
        """Makes a new file that says what it is."""
        try:
            with named(self._logdir):
                os.makedirs(self._logdir, exist_ok=True)
        except AlreadyExistsError:
            raise FailedPreconditionError(f"{self._logdir} is a file; the folder for events cannot be made there") from None
        now = time.time()
        stem = f"events.out.tfevents.{int(now):010d}.{socket.gethostname()}"
        self.path = os.path.join(self._logdir, f"{stem}.{os.getpid()}.{next(_numbers)}{self._suffix}")
        with named(self.path):
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._size = 0
        self._identity = os.fstat(self._file).st_ino
        self._flushed = time.monotonic()
        first = Event(wall_time=now, file_version=VERSION, source_metadata=SourceMetadata(writer=WRITER))
        try:
            self._append([framed(serialize(first))])
        except OSError as error:
            self._release()
            raise as_op_error(error, self.path) from error

    def _release(self) -> None:
        """Closes the file; another may be started."""
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def write(self, event: Any) -> None:
        """Takes an Event message.

        Raises:
            ResourceExhaustedError: the disk is full. The event is kept when this is the first such failure, and not taken while
                earlier ones still wait for room.
            NotFoundError: the file is closed.
        """
        record = framed(serialize(event))
        with self._lock:
            if self._closed:
                raise NotFoundError(f"{self.path}: this event file is closed and takes no more; create another writer")
            self._leave_to_parent()
            if self._failed:
                self._write_waiting()
            self._waiting.append(record)
            if len(self._waiting) > self._max_queue or time.monotonic() - self._flushed > self._seconds:
                self._write_waiting()

    def flush(self) -> None:
        """Hands everything written so far to the operating system: it outlives the process.

        Raises:
            ResourceExhaustedError: the disk is full; what does not fit stays in memory.
        """
        with self._lock:
            if not self._closed:
                self._leave_to_parent()
                self._write_waiting()

    def close(self) -> None:
        """Flushes to the disk and closes the file. Closing again does nothing."""
        with self._lock:
            if self._closed:
                return
            self._leave_to_parent()
            self._write_waiting()
            self._closed = True
            if self._file is not None:
                with named(self.path):
                    try:
                        os.fsync(self._file)
                    finally:
                        self._release()

    def _leave_to_parent(self) -> None:
        """In a forked child: the file and what waits for it are the parent's; what the child writes goes into one of its own."""
        if os.getpid() != self._process:
            self._process = os.getpid()
            self._waiting.clear()
            self._release()

    def _write_waiting(self) -> None:
        if self._waiting and not self._is_in_place():
            self._failed = True  # until the end is reached
            self._release()
            self._start()
        self._failed = bool(self._waiting)
        try:
            self._append(self._waiting)
        except OSError as error:
            raise as_op_error(error, self.path) from error
        self._failed = False
        self._flushed = time.monotonic()

    def _is_in_place(self) -> bool:
        """False when somebody removed the file: what was written into it now, nobody would see."""
        if self._file is None:
            return False
        try:
            return os.stat(self.path).st_ino == self._identity
        except FileNotFoundError:
            return False

    def _append(self, records: list[bytes]) -> None:
        """Writes the records and takes them off the list, those that fit when the disk is full."""
        if self._file is None:
            return
        data = memoryview(b"".join(records))
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        finally:
            ends = itertools.accumulate(map(len, records))
            whole = [end for end in ends if end <= done]
            if whole:
                self._size += whole[-1]
                del records[: len(whole)]
            if done < len(data):
                with contextlib.suppress(OSError):  # the error that stopped the writing is the one to tell
                    os.ftruncate(self._file, self._size)
                    os.lseek(self._file, self._size, os.SEEK_SET)


def write_events(logdir: str | os.PathLike[str], events: Sequence[Any]) -> Path:
    """Writes an event file of these events at once.

    Args:
        logdir: the folder that TensorBoard is given; made if missing.
        events: Event messages.

    Returns:
        The file.
    """
    file = EventFile(os.fspath(logdir))
    for event in events:
        file.write(event)
    file.close()
    return Path(file.path)


def write_graph(logdir: str | os.PathLike[str], graph_def: Any) -> Path:
    """Writes an event file with a GraphDef, so that TensorBoard's graph tab shows it; see `write_events`."""
    return write_events(logdir, [Event(wall_time=time.time(), graph_def=serialize(graph_def))])
