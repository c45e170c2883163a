"""Sampled requests are queued where they are answered, and written by one thread. Nothing here can fail or hold up a request."""

from __future__ import annotations

import logging
import os
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from headrace.core.errors import InvalidArgumentError, OpError
from headrace.core.exposition import Counter, Family
from headrace.core.log_lines import fields
from headrace.data.records import FRAME_BYTES
from headrace.serving.engines.base import Array
from headrace.serving.request_log.files import Folder, RecordFile
from headrace.serving.request_log.options import ModelLogging, RequestLogOptions
from headrace.serving.request_log.records import Encoder, has_record
from headrace.serving.runs import Run

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 5.0
"""After a disk did not take a record, until it is tried again; records are dropped meanwhile."""
_OBJECT_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Waiting:
    run: Run
    logging: ModelLogging
    size: int


class RequestLog:
    """Logs sampled requests; a listener of the data plane.

    Args:
        options: where to, and limits.
        logging_of: the logging of a model, by its name; None where it has none.
        key: of hashed inputs, which several processes of a server share; a new one without it.
    """

    def __init__(
        self, options: RequestLogOptions, logging_of: Callable[[str], ModelLogging | None], key: bytes | None = None
    ) -> None:
        self._options = options
        self._logging_of = logging_of
        self._encoder = Encoder(options.inputs, key or secrets.token_bytes(32))
        self._folder = Folder(options)
        self._records = Counter("headrace_serving_request_log_records_total", "Sampled requests by outcome.", ["model", "outcome"])
        self._condition = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._ending = False
        self._open: dict[str, RecordFile] = {}
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._write_all, name="request-log", daemon=True)

    def families(self) -> list[Family]:
        """Its metrics."""
        return [self._records]

    def start(self) -> None:
        """Starts to write.

        Raises:
            InvalidArgumentError: the directory cannot be made or written to.
        """
        directory = self._options.directory
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise InvalidArgumentError(f"request logs cannot stand in {directory}: {error.strerror}; name another") from None
        if not os.access(directory, os.W_OK | os.X_OK):
            raise InvalidArgumentError(f"request logs cannot stand in {directory}: it may not be written to; name another")
        self._thread.start()

    def __call__(self, run: Run) -> None:
        """Queues a run if it is one to be logged."""
        config = self._logging_of(run.model)
        if config is None or not has_record(run) or random.random() >= config.sampling_rate:
            return
        size = sum(map(_bytes_of, run.inputs.values())) + sum(_bytes_of(v) for each in run.outputs.values() for v in each.values())
        with self._condition:
            full = len(self._queue) >= self._options.max_waiting or self._waiting_bytes + size > self._options.max_waiting_bytes
            if not (full or self._ending):
                self._queue.append(_Waiting(run, config, size))
                self._waiting_bytes += size
                self._condition.notify()
                return
        self._records.add((run.model, "queue_full"))

    def close(self, timeout: float) -> bool:
        """Writes what waits and finishes all files; true when that took less than `timeout` seconds."""
        with self._condition:
            self._ending = True
            self._condition.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _write_all(self) -> None:
        self._guarded("recovering", self._folder.recover)
        while (batch := self._next()) is not None:
            for waiting in batch:
                self._write(waiting)
            batch.clear()  # a thread that waits must not keep requests alive
            self._finish(lambda file: time.monotonic() - file.begun >= self._options.file_seconds)
        self._finish(lambda _: True)

    def _next(self) -> list[_Waiting] | None:
        """What waits, perhaps nothing after a while; None at the end."""
        with self._condition:
            if not self._queue and not self._ending:
                self._condition.wait(_LOOK_SECONDS)
            if not self._queue and self._ending:
                return None
            found = list(self._queue)
            self._queue.clear()
            self._waiting_bytes = 0
            return found

    def _write(self, waiting: _Waiting) -> None:
        model = waiting.run.model
        if time.monotonic() < self._retry_at:
            self._records.add((model, "disk"))
            return
        try:
            record = self._encoder.encode(waiting.run, waiting.logging.sampling_rate)
        except OpError as error:
            self._records.add((model, "no_form"))
            logger.warning("a request has no form in the log: %s", error.message, extra=fields(model=model))
            return
        except Exception:
            self._records.add((model, "no_form"))
            logger.exception("a request could not be logged", extra=fields(model=model))
            return
        self._append(model, waiting.logging.prefix, record)

    def _append(self, model: str, prefix: str, record: bytes) -> None:
        options = self._options
        size = len(record) + FRAME_BYTES
        if size > options.file_bytes:
            self._records.add((model, "too_large"))
            return
        try:
            file = self._open.get(prefix)
            if file is not None and file.size + size > options.file_bytes:
                self._open.pop(prefix).finish()
                file = None
            if file is None:
                if (len(self._open) + 1) * options.file_bytes > options.total_bytes:
                    self._finish(lambda _: True)
                file = self._open[prefix] = self._folder.create(prefix, len(self._open) * options.file_bytes)
            file.write(record)
            if file.records >= options.file_records:
                self._open.pop(prefix).finish()
        except OSError as error:
            self._records.add((model, "disk"))
            self._fail(error)
            return
        self._records.add((model, "written"))

    def _finish(self, due: Callable[[RecordFile], bool]) -> None:
        for prefix in [prefix for prefix, file in self._open.items() if due(file)]:
            file = self._open.pop(prefix)
            try:
                file.finish()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        """The disk does not take anything: said once, and tried again later."""
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        advice = f"requests are not logged for {_RETRY_SECONDS:g} s"
        logger.error("the request log cannot be written: %s; %s", error, advice, extra=fields(directory=self._options.directory))

    def _guarded(self, what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as error:
            logger.error("%s request logs failed: %s", what, error, extra=fields(directory=self._options.directory))


def _bytes_of(value: Array) -> int:
    value = np.asarray(value)
    if value.dtype.hasobject:
        return sum(len(item) + _OBJECT_BYTES for item in value.ravel().tolist())
    return int(value.nbytes)
