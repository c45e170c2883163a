"""What is noted of every request that runs a model, when it comes and when it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable

from headrace.serving.access.callers import Caller
from headrace.serving.batching.requests import priority_of
from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane
from headrace.serving.inference import APIS
from headrace.serving.metrics import ServingMetrics
from headrace.serving.rest.heads import METHODS
from headrace.serving.rest.paths import Target
from headrace.serving.rest.runner import RunCall

_PROTOCOL = "REST"
RUNNING = {"predict": "Predict", "infer": "Infer", **{action: APIS[method] for action, method in METHODS.items()}}
"""What metrics call each action that runs a model."""


class Counting:
    """Notes requests that run a model.

    Args:
        dataplane: told of each.
        metrics: count them.
        timeout_seconds: that each may take.
    """

    def __init__(self, dataplane: Dataplane, metrics: ServingMetrics, timeout_seconds: float) -> None:
        self._dataplane = dataplane
        self._metrics = metrics
        self._timeout_seconds = timeout_seconds

    def entered(self, target: Target, caller: Caller, header: Callable[[str], str], encoding: str = "") -> RunCall:
        """Notes a request whose head has come.

        Args:
            target: what it asks for.
            caller: who asks.
            header: the values of its headers; see RequestContext.
            encoding: its Content-Encoding.
        """
        deadline = time.monotonic() + self._timeout_seconds
        context = RequestContext(deadline, priority_of(header("priority")), _PROTOCOL, header)
        context.caller, context.rights = caller.name, caller
        call = RunCall(target, encoding, context)
        self._dataplane.entered(context)
        self._metrics.in_flight(_PROTOCOL, 1)
        return call

    def answered(self, call: RunCall, code: str) -> None:
        """Notes that a request is about to be answered, once for each. `code` is a canonical code name, "OK" included."""
        self._metrics.in_flight(_PROTOCOL, -1)
        seconds = time.perf_counter() - call.entered
        self._dataplane.answered(call.target.spec.name, RUNNING[call.target.action], call.context, code, seconds)
