"""Outcomes that clients report, such as a purchase, joined to the variant that answered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from headrace.core.errors import InvalidArgumentError, NotFoundError
from headrace.serving.routing.experiment import Experiment
from headrace.serving.routing.exposures import Exposure, Exposures, Kind
from headrace.serving.routing.keys import text_of
from headrace.serving.routing.reading import Table

_FIELDS = ("request_id", "key", "model", "variant", "outcome")


def count_feedback(document: Any, experiments: Mapping[str, Experiment], exposures: Exposures) -> dict[str, Any]:
    """Counts an outcome, once for a request or a user.

    Args:
        document: `request_id` (of the answer's header) or `key` (the sticky one), `model`, `outcome` (a number, true or false), and
            possibly `variant`, which stands in where this server does not know the request (any more).
        experiments: those in force.
        exposures: who answered what.

    Returns:
        `model`, `variant` and `counted`, with the `reason` where that is false.

    Raises:
        InvalidArgumentError: a field is missing or wrong, or `variant` is not the one that answered.
        NotFoundError: the model has no rules, or nothing is known of that request or user.
    """
    kind, name, model, variant, outcome = _read(document)
    experiment = experiments.get(model)
    if experiment is None:
        raise NotFoundError(f"model {model!r} has no traffic rules, so there are no variants that an outcome could count for")
    if variant and variant not in experiment.arms:
        raise InvalidArgumentError(f"variant is {variant!r}; expected one of {', '.join(experiment.arms)}")
    if kind == "key" and experiment.rules.sticky is None:
        raise InvalidArgumentError(f"model {model!r} has no sticky users; send the request_id of the answer's header instead")
    known = exposures.find(kind, model, name)
    if known is None:
        if not variant:
            what = "request" if kind == "request" else "user"
            raise NotFoundError(f"no answer to this {what} is remembered; send the variant too, from the answer's header")
        known = Exposure(experiment.rules, variant, False, 0.0)
    rules, answered = known.rules, known.variant
    if rules is not experiment.rules:
        return _said(model, answered, "the rules have changed since that answer")
    if variant not in ("", answered):
        raise InvalidArgumentError(f"variant is {variant!r}, but {answered!r} answered")
    if not exposures.claim(kind, model, name, rules, answered):
        return _said(model, answered, "it is counted already")
    arm = experiment.arms[answered]
    with experiment.lock:
        if isinstance(outcome, bool):
            arm.rates = arm.rates.plus(outcome)
        else:
            arm.numbers = arm.numbers.plus(outcome)
    return _said(model, answered, "")


def _said(model: str, variant: str, reason: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"model": model, "variant": variant, "counted": not reason}
    return answer | ({"reason": reason} if reason else {})


def _read(document: Any) -> tuple[Kind, bytes, str, str, bool | float]:
    """What a document says: what it is about and the name of that, model, variant or "", and outcome."""
    table = Table(document, "the feedback", _FIELDS)
    kind: Kind = "key" if "key" in table.given else "request"
    if ("request_id" in table.given) == ("key" in table.given):
        table.wrong("expected a request_id or a key, and not both")
    model = table.text("model", None, r"(?s).{1,1024}")
    variant = table.text("variant", "", r"(?s).{1,64}")
    content = document if isinstance(document, dict) else {}
    name = text_of(content.get("key")) if kind == "key" else table.text("request_id", None, r"[\x21-\x7e]{1,128}").encode()
    if kind == "key" and not 0 < len(name) <= 4096:
        table.wrong("key is not text of 1 to 4096 bytes, nor a number")
    outcome = content.get("outcome")
    if not (isinstance(outcome, int | float) and abs(outcome) <= 1e150 and math.isfinite(outcome)):
        table.wrong("outcome is missing or no finite number up to 1e150, nor true or false")
        outcome = False
    table.finish()
    return kind, name, model, variant, outcome if isinstance(outcome, bool) else float(outcome)
