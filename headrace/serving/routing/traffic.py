"""Traffic rules at work: they are replaced, routed by, watched, and reported on."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from headrace.core.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError, OpError
from headrace.core.exposition import Family
from headrace.core.log_lines import fields
from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane
from headrace.serving.routing.experiment import Experiment, Halt
from headrace.serving.routing.exposures import Exposures
from headrace.serving.routing.feedback import count_feedback
from headrace.serving.routing.metrics import TrafficMetrics
from headrace.serving.routing.outputs import all_finite
from headrace.serving.routing.report import report_of
from headrace.serving.routing.router import REQUEST_ID, Router
from headrace.serving.routing.rules import Rules, parse, parse_toml, to_document
from headrace.serving.routing.shadow import Shadowing
from headrace.serving.routing.targets import unknown_targets
from headrace.serving.runs import Run

logger = logging.getLogger(__name__)

BY_ITSELF = "traffic rules"
"""Who, in the audit log, rolled back a variant when nobody asked for it."""

Audit = Callable[[str, str, str, str, Mapping[str, Any]], None]
"""Takes who, action, target, outcome and details of a change."""


def no_audit(*_: object) -> None:
    """Keeps nothing."""


class Traffic:
    """The rules of a server. It picks the versions of a data plane's requests as soon as it is made.

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
        self._models = dataplane.models
        self._audit = audit
        self._clock = clock
        self._metrics = TrafficMetrics()
        self._changing = threading.Lock()
        self._rules: Rules = {}
        self._refused = ("", "")
        self._router = Router(dataplane.models, self._metrics.fell_back)
        self._exposures = Exposures(remembered)
        self._shadowing = Shadowing(dataplane, self._metrics)
        dataplane.route = self._router.acquire
        dataplane.feedback = self.feedback
        dataplane.listeners.append(self._ran)
        dataplane.answer_listeners.append(self._answered)

    # The rules.

    def current(self) -> tuple[dict[str, Any], str]:
        """The rules in force, and their etag."""
        rules = self._rules
        return to_document(rules), _etag(rules)

    def begin(self, rules: Rules) -> None:
        """Takes the rules of the server's start, also those for versions that are not there (yet)."""
        missing = unknown_targets(rules, self._models)
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
                missing = unknown_targets(rules, self._models)
                if missing:
                    raise FailedPreconditionError("; ".join(missing))
                before = self._rules
                self._apply(rules)
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
        self._audit(who, "traffic.replace", ",".join(changed) or "*", "OK", {"before": _etag(before), "after": _etag(rules)})
        logger.info("traffic rules replaced", extra=fields(by=who, changed=",".join(changed), rules=len(rules)))

    def _apply(self, rules: Rules) -> None:
        old = self._router.experiments
        self._router.experiments = {
            name: old[name] if name in old and old[name].rules == each else Experiment(name, each, self._clock)
            for name, each in rules.items()
        }
        self._rules = rules
        self._metrics.weigh(self._router.experiments.values())

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
            InvalidArgumentError: it is not clear which variant is meant.
            FailedPreconditionError: nobody else could answer.
        """
        experiment = self._experiment(model)
        name = variant or _usual(experiment)
        self._halt(experiment, name, "asked", f"{who} asked for it", who)
        return self.report(model)

    def resume(self, model: str, who: str) -> dict[str, Any]:
        """Gives variants that were taken out their shares again; returns the report. Raises NotFoundError without such rules."""
        experiment = self._experiment(model)
        names = experiment.resume()
        self._metrics.weigh(self._router.experiments.values())
        self._audit(who, "traffic.resume", model, "OK", {"variants": names})
        logger.info("traffic resumed", extra=fields(model=model, variants=",".join(names), by=who))
        return self.report(model)

    def _halt(self, experiment: Experiment, variant: str, why: str, reason: str, who: str) -> None:
        if not experiment.halt(variant, Halt(time.time(), why, reason)):
            return
        self._metrics.rolled_back(experiment.model, variant, why)
        self._metrics.weigh(self._router.experiments.values())
        target = f"{experiment.model}/{variant}"
        self._audit(who, "traffic.rollback", target, "OK", {"why": why, "reason": reason})
        logger.error("variant rolled back: %s", reason, extra=fields(model=experiment.model, variant=variant, by=who))

    # What came of it.

    def report(self, model: str) -> dict[str, Any]:
        """What a model's variants did since their rules are in force; raises NotFoundError without rules."""
        return report_of(self._experiment(model), self._models)

    def feedback(self, document: Any) -> dict[str, Any]:
        """Counts an outcome; see `feedback.count_feedback`."""
        answer = count_feedback(document, self._router.experiments, self._exposures)
        if answer["counted"]:
            self._metrics.feedback(answer["model"], answer["variant"])
        return answer

    def families(self) -> list[Family]:
        """What the metrics page says."""
        return self._metrics.families()

    def close(self, timeout: float) -> None:
        """Ends what runs in the background, waiting `timeout` seconds."""
        self._shadowing.close(timeout)

    def _experiment(self, model: str) -> Experiment:
        experiment = self._router.experiments.get(model)
        if experiment is None:
            raise NotFoundError(f"model {model!r} has no traffic rules")
        return experiment

    def _of(self, model: str, context: RequestContext) -> Experiment | None:
        """The experiment that a request took part in, if that is still the one in force."""
        routed = context.routed
        experiment = self._router.experiments.get(model) if routed is not None and routed.variant else None
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
        found = experiment.reason_to_roll_back()
        if found is not None and experiment.rules.rollback is not None:
            self._halt(experiment, experiment.rules.rollback.variant, *found, BY_ITSELF)


class ChangedError(FailedPreconditionError):
    """Other rules are in force than those that a change was made for."""


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
