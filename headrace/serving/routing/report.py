"""What the variants of a model did, as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from headrace.serving.routing import latency
from headrace.serving.routing.arms import Arm
from headrace.serving.routing.experiment import Experiment, ShadowTally
from headrace.serving.routing.significance import Comparison, compare_means, compare_rates
from headrace.serving.routing.targets import Targets, version_of

CONFIDENCE = 0.95
"""Of the intervals."""


def report_of(experiment: Experiment, models: Targets) -> dict[str, Any]:
    """The report of a model's rules in force. What is not known (yet) is null."""
    rules = experiment.rules
    total = sum(experiment.weights)
    variants: dict[str, Any] = {}
    with experiment.lock:
        for variant, weight in zip(rules.variants, experiment.weights, strict=True):
            variants[variant.name] = {"weight": variant.weight, "share": weight / total if total else 0.0}
            variants[variant.name] |= _arm(experiment.arms[variant.name])
        comparisons = _comparisons(experiment)
        shadow = _shadow(experiment.shadow, rules.shadow.variant) if rules.shadow is not None else None
    for variant in rules.variants:
        version, available = version_of(experiment.model, variant, models)
        variants[variant.name] |= {"version": version, "label": variant.label or None, "available": available}
    return {
        "model": experiment.model,
        "since": experiment.since,
        "variants": variants,
        "comparisons": comparisons,
        "shadow": shadow,
        "rolled_back": {name: asdict(halt) for name, halt in experiment.halted.items()},
    }


def _arm(arm: Arm) -> dict[str, Any]:
    total = arm.total
    answered = int(total.seconds.sum())
    return {
        "requests": total.requests,
        "errors": dict(total.errors),
        "error_rate": _number(total.failures.rate),
        "latency_seconds": {
            "p50": latency.quantile(total.seconds, 0.5) if answered else None,
            "p99": latency.quantile(total.seconds, 0.99) if answered else None,
        },
        "nonfinite_answers": total.nonfinite,
        "unassigned": arm.unassigned,
        "fallbacks": arm.fallbacks,
        "outcomes": {
            "rate": {"count": arm.rates.count, "successes": arm.rates.successes, "rate": _number(arm.rates.rate)},
            "number": {
                "count": arm.numbers.count,
                "mean": arm.numbers.mean if arm.numbers.count else None,
                "standard_deviation": _number(math.sqrt(arm.numbers.variance)),
            },
        },
    }


def _comparisons(experiment: Experiment) -> list[dict[str, Any]]:
    """Every other variant against the baseline: the one that rollback names, or the first."""
    rollback = experiment.rules.rollback
    baseline = rollback.baseline if rollback is not None else experiment.rules.names[0]
    base = experiment.arms[baseline]
    found: list[dict[str, Any]] = []
    for name, arm in experiment.arms.items():
        if name != baseline:
            pairs = {
                "error_rate": compare_rates(base.total.failures, arm.total.failures, CONFIDENCE),
                "outcome_rate": compare_rates(base.rates, arm.rates, CONFIDENCE),
                "outcome_mean": compare_means(base.numbers, arm.numbers, CONFIDENCE),
            }
            found += [_comparison(baseline, name, what, each) for what, each in pairs.items() if each is not None]
    return found


def _comparison(baseline: str, variant: str, what: str, found: Comparison) -> dict[str, Any]:
    return {
        "baseline": baseline,
        "variant": variant,
        "what": what,
        "test": "welch" if what == "outcome_mean" else "two_proportion_z",
        "difference": found.difference,
        "confidence": CONFIDENCE,
        "interval": [found.low, found.high],
        "statistic": found.statistic,
        "p_value": found.p_value,
        "significant": found.p_value < 1 - CONFIDENCE,
    }


def _shadow(tally: ShadowTally, variant: str) -> dict[str, Any]:
    return {
        "variant": variant,
        "compared": tally.compared,
        "same": tally.same,
        "different": tally.compared - tally.same,
        "errors": dict(tally.errors),
        "dropped": dict(tally.dropped),
        "largest_difference": {name: _number(value) for name, value in tally.largest.items()},
        "argmax_agreement": tally.agreeing / tally.rows if tally.rows else None,
    }


def _number(value: float) -> float | None:
    """JSON has neither NaN nor infinities."""
    return value if math.isfinite(value) else None
