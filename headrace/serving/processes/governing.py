"""The traffic rules of several processes: kept, judged and reported on in one place, on what all of them counted."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from headrace.core.errors import UnavailableError
from headrace.serving.processes import standing
from headrace.serving.processes.crew import Crew
from headrace.serving.routing.exposures import Exposure, Exposures, Kind
from headrace.serving.routing.governor import Audit, Governor
from headrace.serving.routing.rules import ModelRules
from headrace.serving.routing.targets import Targets

_ASK_SECONDS = 5.0
_CHANGE_SECONDS = 10.0
_PAST = ModelRules((), "")
"""Stands for rules that are not in force any more."""


class WholeTraffic(Governor):
    """The rules of all workers.

    Args:
        crew: the workers.
        remembered: how many outcomes of requests, and of users, are remembered as counted.
        audit: told of every change.
        clock: of the windows of rollback, in seconds.
    """

    def __init__(self, crew: Crew, remembered: int, audit: Audit, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(_SharedExposures(remembered, self._ask_who), audit, clock)
        self._crew = crew

    def count(self, drained: Mapping[str, Any]) -> None:
        """Counts what a worker's `Traffic.drain` gave, and judges on all that is known now."""
        for model, (number, counts) in drained.items():
            experiment = self.experiments.get(model)
            if experiment is not None and experiment.number == number:
                experiment.add(counts)
                self.judge(experiment)

    def _targets(self, complete: bool) -> Targets:
        answers = self._crew.asked("standing", seconds=_ASK_SECONDS)
        if answers.errors and complete:
            raise UnavailableError(f"{answers.silent()}; nothing has changed")
        return standing.merge(answers.given)

    def _changed(self) -> str:
        answers = self._crew.asked("traffic", self.told(), _CHANGE_SECONDS)
        if not answers.errors:
            return ""
        return f"{answers.silent()}. The change is made; that worker takes it as soon as it runs, or is replaced by one that does"

    def _ask_who(self, kind: Kind, model: str, name: bytes) -> Exposure | None:
        """The latest answer that any worker gave to a request or a user.

        Raises:
            UnavailableError: no worker knows of one, but not all could be asked.
        """
        asked = {"kind": kind, "model": model, "name": base64.b64encode(name).decode()}
        answers = self._crew.asked("exposed", json.dumps(asked), _ASK_SECONDS)
        told = [each for each in map(json.loads, answers.given.values()) if each is not None]
        if not told:
            if answers.errors:
                raise UnavailableError(f"who answered cannot be told now: {answers.silent()}; try again later")
            return None
        number, variant, when = max(told, key=lambda each: each[2])
        experiment = self.experiments.get(model)
        current = experiment is not None and experiment.number == number
        return Exposure(experiment.rules if current and experiment is not None else _PAST, variant, False, when)


class _SharedExposures(Exposures):
    """Knows which outcomes are counted, and asks the workers who answered.

    Args:
        limit: how many outcomes of each kind are remembered.
        ask: finds who answered.
    """

    def __init__(self, limit: int, ask: Callable[[Kind, str, bytes], Exposure | None]) -> None:
        super().__init__(limit)
        self._ask = ask

    def find(self, kind: Kind, model: str, name: bytes) -> Exposure | None:
        """What is known of a request or a user; None when nothing is, or no more."""
        return self._ask(kind, model, name) or super().find(kind, model, name)
