"""Traffic rules in force: they are replaced, rolled back, and reported on."""

from __future__ import annotations

import abc
import functools
import hashlib
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

from headrace.core.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError, OpError, UnavailableError
from headrace.core.exposition import Family
from headrace.core.log_lines import fields
from headrace.serving.routing.experiment import Experiment, Halt
from headrace.serving.routing.exposures import Exposures
from headrace.serving.routing.feedback import count_feedback
from headrace.serving.routing.metrics import TrafficMetrics
from headrace.serving.routing.report import report_of
from headrace.serving.routing.rules import Rules, parse, parse_toml, to_document
from headrace.serving.routing.targets import Targets, unknown_targets

logger = logging.getLogger(__name__)

BY_ITSELF = "traffic rules"
"""Who, in the audit log, rolled back a variant when nobody asked for it."""

Audit = Callable[[str, str, str, str, Mapping[str, Any]], None]
"""Takes who, action, target, outcome and details of a change."""


def no_audit(*_: object) -> None:
    """Keeps nothing."""


class Governor(abc.ABC):
    """The rules of a server, be it one process or several, and what their variants did.

    Args:
        exposures: who answered what.
        audit: told of every change.
        clock: of the windows of rollback, in seconds.

    Attributes:
        experiments: the rules in force, by model; replaced as a whole.
    """

    def __init__(self, exposures: Exposures, audit: Audit, clock: Callable[[], float]) -> None:
        self.experiments: Mapping[str, Experiment] = {}
        self._exposures = exposures
        self._audit = audit
        self._clock = clock
        self._metrics = TrafficMetrics()
        self._changing = threading.Lock()
        self._rules: Rules = {}
        self._refused = ("", "")
        self._numbers = itertools.count(1)
        self._serial = 0

    @abc.abstractmethod
    def _targets(self, complete: bool) -> Targets:
        """The models that rules may name; raises UnavailableError where it is to be complete and not all processes tell theirs."""

    @abc.abstractmethod
    def _changed(self) -> str:
        """Has what is in `experiments`, and what is halted, take effect; called while the change is made.

        Returns:
            Where it does not take effect yet, for people; "" when it does everywhere.
        """

    # The rules.

    def current(self) -> tuple[dict[str, Any], str]:
        """The rules in force, and their etag."""
        rules = self._rules
        return to_document(rules), _etag(rules)

    def begin(self, rules: Rules) -> None:
        """Takes the rules of the server's start, also those for versions that are not there (yet)."""
        missing = unknown_targets(rules, self._targets(complete=False))
        if missing:
            logger.warning("traffic rules wait for what they name: %s", "; ".join(missing))
        with self._changing:
            self._apply(rules)

    def replace_by_file(self, data: bytes, path: str) -> None:
        """Takes the rules of a TOML file that has changed; raises as `replace` does."""
        self._replace(functools.partial(parse_toml, data, path), f"file {path}", None)

    def replace(self, document: Any, who: str, expected: str | None = None) -> None:
        """Replaces all rules in one step. Models whose rules stay the same keep their counts and their rollbacks.

        Args:
            document: of tables, see `rules.parse`.
            who: asks for it, for the audit log.
            expected: the etag, see `current`, of the rules that it was written for; None replaces any.

        Raises:
            InvalidArgumentError: names all that is wrong; the old rules stay.
            FailedPreconditionError: other rules are in force than those expected; or a model, version or label is unknown.
            UnavailableError: some process does not say what it serves; or it has not taken the change yet, which stays made.
        """
        self._replace(functools.partial(parse, document), who, expected)

    def _replace(self, read: Callable[[], Rules], who: str, expected: str | None) -> None:
        try:
            with self._changing:
                rules = read()
                if expected is not None and expected != _etag(self._rules):
                    raise ChangedError(
                        f"the rules were changed meanwhile: {_etag(self._rules)} is in force, {expected} was expected"
                    )
                missing = unknown_targets(rules, self._targets(complete=True))
                if missing:
                    raise FailedPreconditionError("; ".join(missing))
                before = self._rules
                late = self._apply(rules)
        except OpError as error:
            self._metrics.changed(error.code)
            refused = (who, error.message)
            if refused != self._refused:  # a file is tried again and again
                self._audit(who, "traffic.replace", "*", error.code, {"error": error.message})
            self._refused = refused
            raise
        self._refused = ("", "")
        changed = sorted(name for name in {*before, *rules} if before.get(name) != rules.get(name))
        self._metrics.changed("OK")
        details = {"before": _etag(before), "after": _etag(rules)}
        self._audit(who, "traffic.replace", ",".join(changed) or "*", "OK", details | _lateness(late))
        logger.info("traffic rules replaced", extra=fields(by=who, changed=",".join(changed), rules=len(rules)))
        _check_late(late)

    def _apply(self, rules: Rules) -> str:
        old = self.experiments
        self.experiments = {
            name: old[name] if name in old and old[name].rules == each else Experiment(name, each, self._clock, next(self._numbers))
            for name, each in rules.items()
        }
        self._rules = rules
        return self._took_effect()

    def _took_effect(self) -> str:
        self._serial += 1
        self._metrics.weigh(self.experiments.values())
        return self._changed()

    def told(self) -> str:
        """What is in force, for the processes of a server; see `Traffic.follow`."""
        experiments = self.experiments
        documents = to_document({model: each.rules for model, each in experiments.items()})["models"]
        told = [
            [model, each.number, documents[model], {name: astuple(halt) for name, halt in each.halted.items()}]
            for model, each in experiments.items()
        ]
        return json.dumps({"serial": self._serial, "experiments": told})

    # Rollback.

    def rollback(self, model: str, variant: str, who: str) -> dict[str, Any]:
        """Takes a variant out of the traffic.

        Args:
            model: its model.
            variant: its name; "" is the one that the rules watch, or the second one of two.
            who: asks for it.

        Returns:
            The model's report.

        Raises:
            NotFoundError: no such rules or no such variant.
            UnavailableError: some process has not taken the change yet, which stays made.
            InvalidArgumentError: it is not clear which variant is meant.
            FailedPreconditionError: nobody else could answer.
        """
        experiment = self._experiment(model)
        name = variant or _usual(experiment)
        _check_late(self._halt(experiment, name, "asked", f"{who} asked for it", who))
        return self.report(model)

    def resume(self, model: str, who: str) -> dict[str, Any]:
        """Gives variants that were taken out their shares again; returns the report. Raises NotFoundError without such rules."""
        experiment = self._experiment(model)
        with self._changing:
            names = experiment.resume()
            late = self._took_effect()
        self._audit(who, "traffic.resume", model, "OK", {"variants": names} | _lateness(late))
        logger.info("traffic resumed", extra=fields(model=model, variants=",".join(names), by=who))
        _check_late(late)
        return self.report(model)

    def _halt(self, experiment: Experiment, variant: str, why: str, reason: str, who: str) -> str:
        """Takes a variant out of the traffic. Returns where that has not taken effect yet."""
        with self._changing:
            if not experiment.halt(variant, Halt(time.time(), why, reason)):
                return ""
            self._metrics.rolled_back(experiment.model, variant, why)
            late = self._took_effect()
        target = f"{experiment.model}/{variant}"
        self._audit(who, "traffic.rollback", target, "OK", {"why": why, "reason": reason} | _lateness(late))
        logger.error("variant rolled back: %s", reason, extra=fields(model=experiment.model, variant=variant, by=who))
        return late

    def judge(self, experiment: Experiment) -> None:
        """Takes the watched variant out where what it did says so."""
        found = experiment.reason_to_roll_back()
        if found is not None and experiment.rules.rollback is not None:
            self._halt(experiment, experiment.rules.rollback.variant, *found, BY_ITSELF)

    # What came of it.

    def report(self, model: str) -> dict[str, Any]:
        """What a model's variants did since their rules are in force; raises NotFoundError without rules."""
        return report_of(self._experiment(model), self._targets(complete=False))

    def feedback(self, document: Any) -> dict[str, Any]:
        """Counts an outcome; see `feedback.count_feedback`."""
        answer = count_feedback(document, self.experiments, self._exposures)
        if answer["counted"]:
            self._metrics.feedback(answer["model"], answer["variant"])
        return answer

    def families(self) -> list[Family]:
        """What the metrics page says."""
        return self._metrics.families()

    def _experiment(self, model: str) -> Experiment:
        experiment = self.experiments.get(model)
        if experiment is None:
            raise NotFoundError(f"model {model!r} has no traffic rules")
        return experiment


class ChangedError(FailedPreconditionError):
    """Other rules are in force than those that a change was made for."""


def _lateness(late: str) -> dict[str, str]:
    """What the audit log says of a change that is not made everywhere yet."""
    return {"late": late} if late else {}


def _check_late(late: str) -> None:
    if late:
        raise UnavailableError(late)


def _etag(rules: Rules) -> str:
    text = json.dumps(to_document(rules), sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def _usual(experiment: Experiment) -> str:
    """The variant that is meant when none is named."""
    names = experiment.rules.names
    if experiment.rules.rollback is not None:
        return experiment.rules.rollback.variant
    if len(names) == 2:
        return names[1]
    raise InvalidArgumentError(f"which variant of model {experiment.model!r} is not said; expected one of {', '.join(names)}")
