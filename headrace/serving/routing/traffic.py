"""Traffic rules at work in a process: requests are routed by them, watched, and copied."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane
from headrace.serving.routing.experiment import Experiment, Halt
from headrace.serving.routing.exposures import Exposures, Kind
from headrace.serving.routing.governor import Audit, Governor, no_audit
from headrace.serving.routing.outputs import all_finite
from headrace.serving.routing.router import REQUEST_ID, Router
from headrace.serving.routing.rules import parse
from headrace.serving.routing.shadow import Shadowing
from headrace.serving.routing.targets import Targets
from headrace.serving.runs import Run


class Traffic(Governor):
    """The rules of a process. It picks the versions of a data plane's requests as soon as it is made.

    Where the process is one of several, the rules are those of the server: they come by `follow`, and what requests did goes by
    `drain` to where it is judged.

    Args:
        dataplane: whose requests are routed, watched and copied.
        remembered: how many requests, and how many users, outcomes can be joined to.
        audit: told of every change.
        clock: of the windows of rollback, in seconds.
    """

    def __init__(
        self,
        dataplane: Dataplane,
        remembered: int = 100_000,
        audit: Audit = no_audit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(Exposures(remembered), audit, clock)
        self._models = dataplane.models
        self._router = Router(dataplane.models, self._metrics.fell_back)
        self._shadowing = Shadowing(dataplane, self._metrics)
        self._led = False
        self._followed = 0
        dataplane.route = self._router.acquire
        dataplane.feedback = self.feedback
        dataplane.listeners.append(self._ran)
        dataplane.answer_listeners.append(self._answered)

    def close(self, timeout: float) -> None:
        """Ends what runs in the background, waiting `timeout` seconds."""
        self._shadowing.close(timeout)

    # As one of several processes.

    def follow(self, told: str) -> None:
        """Takes the rules of the server, as `Governor.told` gives them."""
        state = json.loads(told)
        with self._changing:
            if state["serial"] < self._followed:  # a later word was faster
                return
            self._led, self._followed = True, state["serial"]
            self._rules = parse({"models": {model: document for model, _, document, _ in state["experiments"]}})
            old, taken = self.experiments, {}
            for model, number, _, halted in state["experiments"]:
                kept = model in old and old[model].number == number
                taken[model] = old[model] if kept else Experiment(model, self._rules[model], self._clock, number)
                taken[model].put_halted({name: Halt(*halt) for name, halt in halted.items()})
            self.experiments = taken
            self._took_effect()

    def drain(self) -> dict[str, Any]:
        """What requests did since the last call, by model: the number of the experiment and its counts, for JSON."""
        return {model: [each.number, each.drain()] for model, each in self.experiments.items()}

    def exposed(self, kind: Kind, model: str, name: bytes) -> list[Any] | None:
        """Who answered a request or a user: the number of the experiment, 0 where it is over, the variant, and when."""
        found = self._exposures.find(kind, model, name)
        if found is None:
            return None
        experiment = self.experiments.get(model)
        current = experiment is not None and experiment.rules is found.rules
        return [experiment.number if current and experiment is not None else 0, found.variant, found.time]

    # What is done with requests.

    def _targets(self, complete: bool) -> Targets:
        return self._models

    def _changed(self) -> str:
        self._router.experiments = self.experiments
        return ""

    def _of(self, model: str, context: RequestContext) -> Experiment | None:
        """The experiment that a request took part in, if that is still the one in force."""
        routed = context.routed
        experiment = self.experiments.get(model) if routed is not None and routed.variant else None
        return experiment if experiment is not None and routed is not None and routed.rules is experiment.rules else None

    def _ran(self, run: Run) -> None:
        """Looks at the outputs of a run, and has it copied; a listener of the data plane."""
        experiment = self._of(run.model, run.context)
        routed = run.context.routed
        if experiment is None or routed is None or run.error is not None:
            return
        finite = all(all_finite(outputs) for outputs in run.outputs.values())
        experiment.ran(routed, finite)
        self._metrics.ran(run.model, routed.variant, finite)
        shadow = experiment.rules.shadow
        if shadow is not None and routed.variant != shadow.variant and len(run.signatures) == 1 and experiment.copies():
            self._shadowing.offer(experiment, run)

    def _answered(self, model: str, context: RequestContext, code: str, seconds: float) -> None:
        """Counts a request; a listener of the data plane."""
        experiment = self._of(model, context)
        routed = context.routed
        if experiment is None or routed is None:
            return
        experiment.answered(routed, code, seconds)
        self._metrics.answered(model, routed.variant, code, seconds)
        if routed.assigned and code == "OK":
            name = context.answer_headers[REQUEST_ID].encode()
            self._exposures.note("request", model, name, experiment.rules, routed.variant)
            if routed.key:
                self._exposures.note("key", model, routed.key, experiment.rules, routed.variant)
        if not self._led:
            self.judge(experiment)
