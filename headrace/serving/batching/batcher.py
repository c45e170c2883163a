"""The queue and the threads of one loaded version: requests come in, batches run, answers go out.

Threads are started as work needs them and end with `close`. A batch that fails is run again request by request, so that
an error goes to the request that causes it; its neighbours only lose time.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from headrace.core.errors import InvalidArgumentError, UnavailableError
from headrace.core.log_lines import fields
from headrace.serving.batching.metrics import BatchingMetrics
from headrace.serving.batching.options import AdaptiveBatching, FixedBatching
from headrace.serving.batching.policies import Policy, make_policy, padded
from headrace.serving.batching.queue import Group, RequestQueue
from headrace.serving.batching.requests import DEFAULT_PRIORITY, PRIORITIES, QueuedRequest, gather
from headrace.serving.batching.tensors import (
    BatchDimensionError,
    Inputs,
    Outputs,
    check_rows,
    kind_of,
    rows_of,
    split,
    stack,
    why_not_batched,
)
from headrace.serving.engines.base import Signature

logger = logging.getLogger(__name__)
_CLOSE_SECONDS = 30.0

Run = Callable[[str, Inputs], Outputs]
"""Runs one signature of a version."""


class Batcher:
    """Batches the requests of one version of a model.

    Args:
        model: its name, for logs and metrics.
        version: likewise.
        signatures: what the version offers. Those without a batch dimension are left out, which the log says once.
        run: runs a signature; called from the batch threads.
        scheme: when batches run and how large they are.
    """

    def __init__(
        self,
        model: str,
        version: int,
        signatures: Mapping[str, Signature],
        run: Run,
        scheme: FixedBatching | AdaptiveBatching,
        metrics: BatchingMetrics,
    ) -> None:
        self._model = model
        self._version = version
        self._run = run
        self._metrics = metrics
        self._policies: dict[str, Policy] = {}
        self._unbatched: set[str] = set()
        self._ragged = isinstance(scheme, FixedBatching) and scheme.pad_variable_length_inputs
        self._pool = scheme.thread_pool_name if isinstance(scheme, FixedBatching) else "adaptive"
        self._most_runs = scheme.num_batch_threads
        self._queue = RequestQueue(_capacity(scheme))
        self._condition = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._running = 0
        self._held = False
        self._closed = False
        for name, signature in signatures.items():
            reason = why_not_batched(signature)
            if reason:
                logger.info("not batched: %s", reason, extra=fields(**self._names(name)))
            else:
                self._policies[name] = make_policy(scheme)

    def batches(self, signature: str) -> bool:
        """True when requests of a signature are batched."""
        return signature in self._policies and signature not in self._unbatched

    def sizes(self, signature: str) -> tuple[int, ...]:
        """The batch sizes that a signature runs at, rising; none when it is not batched."""
        policy = self._policies.get(signature)
        return policy.sizes if policy is not None else ()

    def learn(self, signature: str, size: int, seconds: float) -> bool:
        """Takes in what a run of `size` rows took while warming up; false when larger ones would take too long."""
        with self._condition:
            policy = self._policies[signature]
            policy.ran(size, seconds)
            return policy.limit(size + 1) > size

    def submit(
        self,
        signature: str,
        inputs: Inputs,
        deadline: float = math.inf,
        priority: int = DEFAULT_PRIORITY,
        lend_thread: bool = False,
        begun: Callable[[int], None] | None = None,
    ) -> Future[Outputs]:
        """Has a request run with others.

        Args:
            signature: one that `batches` is true for.
            inputs: exactly the signature's inputs, of its dtypes and of shapes that fit it.
            deadline: in `time.monotonic()` seconds; a request that still waits then gets DeadlineExceededError.
            priority: 0, the most urgent, to 7.
            lend_thread: the caller is going to wait anyway: where a batch may run now, it runs on the caller's thread, which saves
                two changes of threads.
            begun: told the rows of the batch when it begins to run, once for each piece of a request that is cut.

        Returns:
            The outputs, or the error that this request alone would have got.

        Raises:
            UnavailableError: the queue is full, or the version is being unloaded.
            InvalidArgumentError: more rows than the parameters allow, or no such priority.
        """
        if not 0 <= priority < PRIORITIES:
            raise InvalidArgumentError(f"priority is {priority}; expected 0, the most urgent, to {PRIORITIES - 1}")
        policy = self._policies[signature]
        rows = rows_of(inputs)
        requests: list[QueuedRequest] = []
        if rows is None:
            requests.append(QueuedRequest(signature, inputs, 1, None, deadline, priority, begun))
        else:
            policy.check(rows)
            for part in _pieces(inputs, rows, policy.piece):
                kind = kind_of(part, self._ragged)
                requests.append(QueuedRequest(signature, part, rows_of(part) or 1, kind, deadline, priority, begun))
        taken = self._enqueue(signature, requests, lend_thread)
        if taken:
            self._run_taken(taken)
        return requests[0].future if len(requests) == 1 else gather(requests)

    def hold(self) -> None:
        """Starts no batch until `resume`. For a caller that is about to submit several requests at once."""
        self._held = True

    def resume(self) -> None:
        """Ends `hold`."""
        with self._condition:
            self._held = False
            if self._queue:
                self._wake_one()

    def close(self) -> None:
        """Ends the threads once what waits has run. Called when no request can come any more."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        end = time.monotonic() + _CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _enqueue(self, signature: str, requests: Sequence[QueuedRequest], take: bool) -> list[QueuedRequest]:
        """Queues all of `requests` or none. Returns a batch to run, if one may run now and the caller is to `take` it."""
        taken: list[QueuedRequest] = []
        rows = sum(request.rows for request in requests)
        with self._condition:
            if self._closed:
                raise UnavailableError(f"version {self._version} of model {self._model} is being unloaded; try again")
            fits = self._queue.fits(signature, rows)
            if fits:
                for request in requests:
                    self._queue.push(request)
                if take:
                    taken, _ = self._take(time.monotonic())
                if not taken:
                    self._wake_one()
            waiting = self._queue.rows(signature)
        if not fits:
            self._metrics.dropped(self._labels(signature), "full")
            raise UnavailableError(
                f"The batch scheduling queue to which this task was submitted is full; {waiting} rows of at most "
                f"{self._queue.capacity} are waiting; try again later"
            )
        return taken

    def _wake_one(self) -> None:
        """Has a thread look at the queue: an idle one, else a new one, else none is to be had."""
        if self._held or self._running == self._most_runs:
            return
        if self._idle:
            self._condition.notify()
            return
        if len(self._threads) == self._most_runs:
            return
        name = f"batch-{self._model}-{self._version}-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _take(self, now: float) -> tuple[list[QueuedRequest], float]:
        """Takes the next batch, and with it the right to run it; else none, and the time at which there may be one."""
        if self._running == self._most_runs or (self._held and not self._closed):
            return [], math.inf
        group, when = self._queue.next_group(self._ready_at, now)
        if group is None:
            return [], when
        taken = self._queue.take(group, self._policies[group.signature].limit(group.rows))
        self._running += 1
        if self._queue:
            self._wake_one()
        return taken, now

    def _work(self) -> None:
        """What a batch thread does."""
        while taken := self._wait_for_batch():
            self._run_taken(taken)
            del taken  # an idle thread must not keep the last requests alive

    def _wait_for_batch(self) -> list[QueuedRequest]:
        """The next batch; empty when the version is unloaded and nothing waits."""
        with self._condition:
            while True:
                now = math.inf if self._closed else time.monotonic()
                taken, when = self._take(now)
                if taken or (self._closed and not self._queue):
                    return taken
                self._idle += 1
                self._condition.wait(None if math.isinf(when) else max(0.0, when - now))
                self._idle -= 1

    def _run_taken(self, taken: list[QueuedRequest]) -> None:
        """Runs a batch from `_take` and gives back the right to run one."""
        try:
            now = time.monotonic()
            batch = [request for request in taken if self._begin(request, now)]
            rows = sum(request.rows for request in batch)
            for request in batch:
                if request.begun is not None:
                    request.begun(rows)
            if batch:
                self._run_batch(batch[0].signature, batch)
        finally:
            with self._condition:
                self._running -= 1
                if self._queue:
                    self._wake_one()

    def _ready_at(self, group: Group) -> float:
        if group.alone or group.signature in self._unbatched:
            return 0.0
        return self._policies[group.signature].ready_at(group.rows, group.oldest)

    def _begin(self, request: QueuedRequest, now: float) -> bool:
        labels = self._labels(request.signature)
        if request.begin(now):
            self._metrics.waited(labels, self._pool, [now - request.queued_at])
            return True
        if now > request.deadline:
            self._metrics.dropped(labels, "expired")
        return False

    def _run_batch(self, signature: str, batch: list[QueuedRequest]) -> None:
        if batch[0].kind is None or signature in self._unbatched:
            self._run_one_by_one(signature, batch)
            return
        rows = sum(request.rows for request in batch)
        policy = self._policies[signature]
        size = padded(policy.sizes, rows)
        self._metrics.batch(self._labels(signature), len(batch), rows, size - rows)
        try:
            inputs = stack([request.inputs for request in batch], rows, size)
            started = time.monotonic()
            outputs = self._run(signature, inputs)
            with self._condition:
                policy.ran(size, time.monotonic() - started)
            check_rows(outputs, size)
        except BatchDimensionError as error:
            self._stop_batching(signature, error)
            self._run_one_by_one(signature, batch)
        except Exception as error:  # noqa: BLE001  the model's; whoever caused it gets it
            if len(batch) == 1 and size == rows:
                batch[0].future.set_exception(error)
                return
            self._metrics.retried(self._labels(signature))
            details = fields(**self._names(signature), requests=len(batch), error=f"{type(error).__name__}: {error}")
            logger.warning("a batch failed; running its requests one by one", extra=details)
            self._run_one_by_one(signature, batch)
        else:
            for request, part in zip(batch, split(outputs, [request.rows for request in batch]), strict=True):
                request.future.set_result(part)

    def _run_one_by_one(self, signature: str, batch: Sequence[QueuedRequest]) -> None:
        for request in batch:
            if time.monotonic() > request.deadline:
                request.expire()
                self._metrics.dropped(self._labels(signature), "expired")
                continue
            try:
                outputs = self._run(signature, request.inputs)
            except Exception as error:  # noqa: BLE001  the future carries it to whoever waits
                request.future.set_exception(error)
            else:
                request.future.set_result(outputs)

    def _stop_batching(self, signature: str, error: BatchDimensionError) -> None:
        with self._condition:
            known = signature in self._unbatched
            self._unbatched.add(signature)
        if not known:
            logger.warning("not batched any more: %s", error.message, extra=fields(**self._names(signature)))

    def _labels(self, signature: str) -> tuple[str, str, str]:
        return self._model, str(self._version), signature

    def _names(self, signature: str) -> dict[str, object]:
        return {"model": self._model, "version": self._version, "signature": signature}


def _capacity(scheme: FixedBatching | AdaptiveBatching) -> int:
    if isinstance(scheme, AdaptiveBatching):
        return scheme.max_queued_rows
    return scheme.max_enqueued_batches * scheme.largest


def _pieces(inputs: Inputs, rows: int, size: int | None) -> list[Outputs]:
    """The inputs in pieces of at most `size` rows; whole when that is None."""
    if size is None or rows <= size:
        return [dict(inputs)]
    return split(inputs, [min(size, rows - start) for start in range(0, rows, size)])
