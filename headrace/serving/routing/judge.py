"""When a variant is to be taken out of the traffic."""

from __future__ import annotations

from headrace.serving.routing import latency
from headrace.serving.routing.arms import Tally
from headrace.serving.routing.rules import Rollback
from headrace.serving.routing.significance import Proportion, compare_rates, wilson

_SLOWEST = 0.99


def reason_to_roll_back(rollback: Rollback, variant: Tally, baseline: Tally) -> tuple[str, str] | None:
    """Why the watched variant has to go: a word for metrics and a sentence for people. None when it may stay.

    Args:
        rollback: the limits.
        variant: the watched variant's requests in the window.
        baseline: those of what it is compared with.
    """
    for word, look in (("nonfinite", _nonfinite), ("errors", _errors), ("latency", _latency)):
        sentence = look(rollback, variant, baseline)
        if sentence:
            return word, sentence
    return None


def _nonfinite(rollback: Rollback, variant: Tally, _: Tally) -> str:
    limit = rollback.max_nonfinite_rate
    found = Proportion(variant.runs, variant.nonfinite)
    if limit is None or found.count < rollback.min_requests or found.rate <= limit:
        return ""
    return f"{found.successes} of {found.count} answers held NaN or an infinity ({found.rate:.2%}); the limit is {limit:.2%}"


def _errors(rollback: Rollback, variant: Tally, baseline: Tally) -> str:
    limit = rollback.max_error_rate_increase
    found, expected = variant.failures, baseline.failures
    if limit is None or min(found.count, expected.count) < rollback.min_requests:
        return ""
    compared = compare_rates(expected, found, _two_sided(rollback.confidence))
    if compared is None or compared.low <= limit:
        return ""
    worst = variant.errors.most_common(1)[0][0]
    return (
        f"{found.successes} of {found.count} requests failed ({found.rate:.2%}, mostly {worst}), of {rollback.baseline} "
        f"{expected.rate:.2%}; so its rate is at least {compared.low:.2%} higher, and the limit is {limit:.2%}"
    )


def _latency(rollback: Rollback, variant: Tally, baseline: Tally) -> str:
    limit = rollback.max_latency_ratio
    count = int(variant.seconds.sum())
    if limit is None or min(count, int(baseline.seconds.sum())) < rollback.min_requests:
        return ""
    slowest, expected = latency.quantile(variant.seconds, _SLOWEST), latency.quantile(baseline.seconds, _SLOWEST)
    # One request in a hundred may be slower than the limit; more of them than chance explains have to be.
    beyond = Proportion(count, latency.count_above(variant.seconds, limit * expected))
    if slowest <= limit * expected or wilson(beyond, _two_sided(rollback.confidence))[0] <= 1 - _SLOWEST:
        return ""
    return (
        f"99 % of requests took up to {slowest * 1000:.3g} ms, of {rollback.baseline} {expected * 1000:.3g} ms; "
        f"that is {slowest / expected:.1f} times as long, and the limit is {limit:g}"
    )


def _two_sided(confidence: float) -> float:
    """The two-sided confidence whose lower end is as sure as one side alone is asked to be."""
    return 2 * confidence - 1
