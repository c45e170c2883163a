"""Copies of requests, run on another version in the background, whose answers are compared and not sent."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
import threading
import time
from dataclasses import dataclass

from headrace.core.errors import OpError
from headrace.core.log_lines import fields
from headrace.serving.batching.requests import PRIORITIES
from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane
from headrace.serving.models import ModelSpec
from headrace.serving.routing.experiment import Experiment
from headrace.serving.routing.metrics import TrafficMetrics
from headrace.serving.routing.outputs import compare
from headrace.serving.runs import Run

logger = logging.getLogger(__name__)

API = "Shadow"
"""What metrics and listeners are told such a run is."""
_RUN_SECONDS = 30.0
_NICENESS = 10


@dataclass(frozen=True, slots=True)
class ShadowLimits:
    """What may wait.

    Attributes:
        max_waiting: copies; those that find the queue full are left out and counted.
        max_bytes: of their inputs and outputs.
    """

    max_waiting: int = 256
    max_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class _Copy:
    experiment: Experiment
    run: Run
    size: int


class Shadowing:
    """Runs copies on one thread of its own, one after the other.

    Args:
        dataplane: runs them, with the lowest priority.
        metrics: counts them.
        limits: bounds what waits.
    """

    def __init__(self, dataplane: Dataplane, metrics: TrafficMetrics, limits: ShadowLimits | None = None) -> None:
        self._dataplane = dataplane
        self._metrics = metrics
        self._limits = limits or ShadowLimits()
        self._copies: queue.Queue[_Copy | None] = queue.Queue(self._limits.max_waiting)
        self._lock = threading.Lock()
        self._bytes = 0
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    def offer(self, experiment: Experiment, run: Run) -> None:
        """Takes a copy of a request that was answered; or leaves it out when too much waits. Never waits itself."""
        size = sum(value.nbytes for value in run.inputs.values())
        size += sum(value.nbytes for outputs in run.outputs.values() for value in outputs.values())
        with self._lock:
            fits = self._bytes + size <= self._limits.max_bytes and not self._ending
            self._bytes += size if fits else 0
        if not fits:
            self._drop(experiment, "bytes")
            return
        try:
            self._copies.put_nowait(_Copy(experiment, run, size))
        except queue.Full:
            self._release(size)
            self._drop(experiment, "full")

    @property
    def waiting(self) -> int:
        """Bytes of the copies that wait or run."""
        return self._bytes

    def close(self, timeout: float) -> None:
        """Ends the thread, leaving out what waits; waits `timeout` seconds for the run in progress."""
        self._ending = True
        with contextlib.suppress(queue.Full):  # the thread then ends after its run, since it is told to
            self._copies.put_nowait(None)
        self._thread.join(timeout)

    def _work(self) -> None:
        if sys.platform == "linux":  # where threads have a niceness of their own
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while not self._ending and (copy := self._copies.get()) is not None:
            try:
                self._shadow(copy.experiment, copy.run)
            except Exception:  # whatever a model's answer does to the comparison, the next copy is another one
                logger.exception("comparing a shadow's answer failed", extra=fields(model=copy.run.model))
                self._failed(copy.experiment, "INTERNAL")
            finally:
                self._release(copy.size)
                del copy  # an idle thread must not keep the last request alive

    def _shadow(self, experiment: Experiment, run: Run) -> None:
        shadow = experiment.rules.shadow
        assert shadow is not None
        variant = next(each for each in experiment.rules.variants if each.name == shadow.variant)
        (signature,) = run.signatures
        context = RequestContext(time.monotonic() + _RUN_SECONDS, PRIORITIES - 1)
        try:
            with self._dataplane.models.acquire(ModelSpec(run.model, variant.version, variant.label)) as handle:
                pending = self._dataplane.start(handle, signature, run.inputs, (), API, context)
            outputs = pending.result().outputs
        except OpError as error:
            self._failed(experiment, error.code)
            return
        difference = compare(run.outputs[signature], outputs, shadow)
        with experiment.lock:
            experiment.shadow.add(difference)
        self._metrics.shadowed(experiment.model, shadow.variant, "same" if difference.same else "different")

    def _failed(self, experiment: Experiment, code: str) -> None:
        with experiment.lock:
            experiment.shadow.errors[code] += 1
        self._metrics.shadowed(experiment.model, _name(experiment), "failed")

    def _drop(self, experiment: Experiment, reason: str) -> None:
        with experiment.lock:
            experiment.shadow.dropped[reason] += 1
        self._metrics.shadowed(experiment.model, _name(experiment), "dropped")

    def _release(self, size: int) -> None:
        with self._lock:
            self._bytes -= size


def _name(experiment: Experiment) -> str:
    return experiment.rules.shadow.variant if experiment.rules.shadow is not None else ""
