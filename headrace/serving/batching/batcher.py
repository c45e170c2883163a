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

from headrace.core.errors import InternalError, InvalidArgumentError, UnavailableError
from headrace.core.log_lines import fields
from headrace.serving.batching.metrics import BatchingMetrics
from headrace.serving.batching.options import AdaptiveBatching, FixedBatching
from headrace.serving.batching.policies import Policy, make_policy, padded
from headrace.serving.batching.queue import Group, RequestQueue
from headrace.serving.batching.requests import DEFAULT_PRIORITY, PRIORITIES, QueuedRequest, gather
from headrace.serving.batching.tensors import (
    BatchDimensionError,
    Inputs,
    Layout,
    Outputs,
    check_rows,
    split,
    stack,
    why_not_batched,
)
from headrace.serving.engines.base import Signature
from headrace.serving.promise import Promise

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
        metrics: told of every batch.
        on_idle: called when nothing waits and nothing runs any more.
    """

    def __init__(
        self,
        model: str,
        version: int,
        signatures: Mapping[str, Signature],
        run: Run,
        scheme: FixedBatching | AdaptiveBatching,
        metrics: BatchingMetrics,
        on_idle: Callable[[], None] | None = None,
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
        self._on_idle = on_idle
        self._lock = threading.Lock()
        self._condition = threading.Condition(self._lock)
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._woken = False
        self._alarm = math.inf
        """When an idle thread will look at the queue by itself."""
        self._running = 0
        self._held = False
        self._hurried = False
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
        with self._lock:
            policy = self._policies[signature]
            policy.ran(size, seconds)
            return policy.limit(size + 1) > size

    @property
    def busy(self) -> bool:
        """True while a request waits or runs."""
        with self._lock:
            return bool(self._running or self._queue)

    def layout(self, inputs: Inputs) -> Layout:
        """What `submit` wants to know of inputs; it is the same for all of these dtypes and shapes."""
        return Layout(inputs, self._ragged)

    def submit(
        self,
        signature: str,
        inputs: Inputs,
        deadline: float = math.inf,
        priority: int = DEFAULT_PRIORITY,
        lend_thread: bool = False,
        begun: Callable[[int], None] | None = None,
        layout: Layout | None = None,
    ) -> Promise[Outputs]:
        """Has a request run with others.

        Args:
            signature: one that `batches` is true for.
            inputs: exactly the signature's inputs, of its dtypes and of shapes that fit it. Not to be changed any more.
            deadline: in `time.monotonic()` seconds; a request that still waits then gets DeadlineExceededError.
            priority: 0, the most urgent, to 7.
            lend_thread: the caller is going to wait anyway: where a batch may run now, it runs on the caller's thread, which saves
                two changes of threads.
            begun: told the rows of the batch when it begins to run, once for each piece of a request that is cut.
            layout: of the inputs, where the caller knows it.

        Returns:
            The outputs, or the error that this request alone would have got.

        Raises:
            UnavailableError: the queue is full, or the version is being unloaded.
            InvalidArgumentError: more rows than the parameters allow, or no such priority.
        """
        if not 0 <= priority < PRIORITIES:
            raise InvalidArgumentError(f"priority is {priority}; expected 0, the most urgent, to {PRIORITIES - 1}")
        policy = self._policies[signature]
        layout = layout or self.layout(inputs)
        rows = layout.rows
        if rows is None:
            requests = [QueuedRequest(signature, inputs, 1, None, deadline, priority, begun)]
        else:
            policy.check(rows)
            if policy.piece is None or rows <= policy.piece:
                requests = [QueuedRequest(signature, inputs, rows, layout.kind, deadline, priority, begun)]
            else:
                counts = [min(policy.piece, rows - start) for start in range(0, rows, policy.piece)]
                requests = [
                    QueuedRequest(signature, part, count, layout.kind, deadline, priority, begun)
                    for part, count in zip(split(inputs, counts), counts, strict=True)
                ]
        taken = self._enqueue(signature, requests, lend_thread)
        if taken:
            self._run_lent(taken)
        return requests[0] if len(requests) == 1 else gather(requests)

    def hold(self) -> None:
        """Starts no batch until `resume`. For a caller that is about to submit several requests at once."""
        self._held = True

    def resume(self) -> None:
        """Ends `hold`."""
        with self._lock:
            self._held = False
            if self._queue:
                self._wake_one()

    def hurry(self) -> None:
        """From now on batches wait for no further requests, since hardly any will come."""
        with self._lock:
            self._hurried = True
            if self._queue:
                self._wake_one()

    def close(self) -> None:
        """Ends the threads once what waits has run. Called when no request can come any more."""
        with self._lock:
            self._closed = self._hurried = True
            self._condition.notify_all()
        end = time.monotonic() + _CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _enqueue(self, signature: str, requests: Sequence[QueuedRequest], take: bool) -> list[QueuedRequest]:
        """Queues all of `requests` or none. Returns a batch to run, if one may run now and the caller is to `take` it."""
        taken: list[QueuedRequest] = []
        rows = requests[0].rows if len(requests) == 1 else sum([request.rows for request in requests])
        with self._lock:
            if self._closed:
                raise UnavailableError(f"version {self._version} of model {self._model} is being unloaded; try again")
            fits = self._queue.fits(signature, rows)
            if fits:
                for request in requests:
                    group = self._queue.push(request)
                if take:
                    taken = self._take(self._now())[0]
                if not taken:
                    self._wake_one(group)
            waiting = self._queue.rows(signature)
        if not fits:
            self._metrics.dropped(self._labels(signature), "full")
            raise UnavailableError(
                f"The batch scheduling queue to which this task was submitted is full; {waiting} rows of at most "
                f"{self._queue.capacity} are waiting; try again later"
            )
        return taken

    def _wake_one(self, group: Group | None = None) -> None:
        """Has a thread look at the queue, where that is of use: an idle one, else a new one.

        Args:
            group: the one thing that is new in the queue; a thread that will look when its batch is due need not look now.
        """
        if self._held or self._woken or self._running == self._most_runs:
            return
        if group is not None and self._alarm < math.inf and self._alarm <= self._ready_at(group):
            return
        if self._idle:
            self._woken = True
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
        taken = self._wait_for_batch()
        while taken:
            self._run_taken(taken)
            taken = self._ended(take=True)
            if not taken:  # by now nothing here keeps the last requests alive
                taken = self._wait_for_batch()

    def _wait_for_batch(self) -> list[QueuedRequest]:
        """The next batch; empty when the version is unloaded and nothing waits."""
        with self._lock:
            while True:
                now = self._now()
                taken, when = self._take(now)
                if taken or (self._closed and not self._queue):
                    return taken
                self._idle += 1
                self._alarm = min(self._alarm, when)
                self._condition.wait(None if math.isinf(when) else max(0.0, when - now))
                self._idle -= 1
                self._woken = False
                self._alarm = math.inf

    def _ended(self, take: bool) -> list[QueuedRequest]:
        """Gives back the right to run a batch. Returns the next one, if one may run now and the caller is to `take` it."""
        taken: list[QueuedRequest] = []
        with self._lock:
            self._running -= 1
            if self._queue:
                if take:
                    taken = self._take(self._now())[0]
                else:
                    self._wake_one()
            idle = not (self._running or self._queue)
        if idle and self._on_idle is not None:
            self._on_idle()
        return taken

    def _run_lent(self, taken: list[QueuedRequest]) -> None:
        """Runs a batch on a thread that is not one of the batcher's."""
        self._run_taken(taken)
        self._ended(take=False)

    def _run_taken(self, taken: list[QueuedRequest]) -> None:
        """Runs a batch from `_take`; raises nothing."""
        try:
            now = time.monotonic()
            batch = self._begin(taken, now)
            rows = sum([request.rows for request in batch])
            for request in batch:
                if request.begun is not None:
                    request.begun(rows)
            if batch:
                self._run_batch(batch[0].signature, batch, rows)
        except Exception:  # a fault of ours: those who wait must hear of it all the same
            logger.exception("a batch was lost", extra=fields(**self._names(taken[0].signature)))
            for request in taken:
                request.fail(InternalError("the server failed to run this request; its log says why"))

    def _begin(self, taken: Sequence[QueuedRequest], now: float) -> list[QueuedRequest]:
        """Those of `taken` whose answers somebody still wants."""
        labels = self._labels(taken[0].signature)
        batch = [request for request in taken if request.begin_at(now)]
        if len(batch) < len(taken):
            for request in taken:
                if now > request.deadline:
                    self._metrics.dropped(labels, "expired")
        self._metrics.waited(labels, self._pool, [now - request.queued_at for request in batch])
        return batch

    def _now(self) -> float:
        """The time by which batches are due; the end of it when none is to wait for more."""
        return math.inf if self._hurried else time.monotonic()

    def _ready_at(self, group: Group) -> float:
        if group.alone or group.signature in self._unbatched:
            return 0.0
        return self._policies[group.signature].ready_at(group.rows, group.oldest)

    def _run_batch(self, signature: str, batch: list[QueuedRequest], rows: int) -> None:
        if batch[0].kind is None or signature in self._unbatched:
            self._run_one_by_one(signature, batch)
            return
        policy = self._policies[signature]
        size = padded(policy.sizes, rows)
        self._metrics.batch(self._labels(signature), len(batch), rows, size - rows)
        try:
            inputs = stack([request.inputs for request in batch], rows, size, self._ragged)
            started = time.monotonic()
            outputs = self._run(signature, inputs)
            with self._lock:
                policy.ran(size, time.monotonic() - started)
            check_rows(outputs, size)
        except BatchDimensionError as error:
            self._stop_batching(signature, error)
            self._run_one_by_one(signature, batch)
        except Exception as error:  # noqa: BLE001  the model's; whoever caused it gets it
            if len(batch) == 1 and size == rows:
                batch[0].fail(error)
                return
            self._metrics.retried(self._labels(signature))
            details = fields(**self._names(signature), requests=len(batch), error=f"{type(error).__name__}: {error}")
            logger.warning("a batch failed; running its requests one by one", extra=details)
            self._run_one_by_one(signature, batch)
        else:
            for request, part in zip(batch, split(outputs, [request.rows for request in batch]), strict=True):
                request.give(part)

    def _run_one_by_one(self, signature: str, batch: Sequence[QueuedRequest]) -> None:
        for request in batch:
            if time.monotonic() > request.deadline:
                request.expire()
                self._metrics.dropped(self._labels(signature), "expired")
                continue
            try:
                outputs = self._run(signature, request.inputs)
            except Exception as error:  # noqa: BLE001  the promise carries it to whoever waits
                request.fail(error)
            else:
                request.give(outputs)

    def _stop_batching(self, signature: str, error: BatchDimensionError) -> None:
        with self._lock:
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
