"""What the metrics page says of traffic rules."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.core.exposition import Counter, Family, Gauge, Histogram
from headrace.serving.routing.experiment import Experiment

_PREFIX = "headrace_serving_traffic"
_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]


class TrafficMetrics:
    """The families, by model and variant, and the events that feed them."""

    def __init__(self) -> None:
        labels = ["model", "variant"]
        self._requests = Counter(f"{_PREFIX}_requests_total", "Requests that a variant answered, by outcome.", [*labels, "code"])
        self._duration = Histogram(f"{_PREFIX}_request_duration_seconds", "Time of such a request.", labels, _BOUNDS)
        self._share = Gauge(f"{_PREFIX}_share", "Part of the requests that a variant is to get, 0 to 1.", labels)
        self._fallbacks = Counter(f"{_PREFIX}_fallbacks_total", "Requests whose variant was not there.", labels)
        self._nonfinite = Counter(f"{_PREFIX}_nonfinite_answers_total", "Answers with NaN or an infinity.", labels)
        self._shadow = Counter(f"{_PREFIX}_shadow_total", "Copies of requests by what came of them.", [*labels, "result"])
        self._feedback = Counter(f"{_PREFIX}_feedback_total", "Outcomes that were counted.", labels)
        self._rollbacks = Counter(f"{_PREFIX}_rollbacks_total", "Variants taken out of the traffic, by why.", [*labels, "reason"])
        self._changes = Counter(f"{_PREFIX}_rules_changes_total", "Tries to replace the rules.", ["code"])
        self._changed = Gauge(f"{_PREFIX}_rules_last_change_successful", "1 unless the last try failed.")
        self._changed.replace({(): 1.0})

    def families(self) -> list[Family]:
        """All of them."""
        return list(vars(self).values())

    def answered(self, model: str, variant: str, code: str, seconds: float) -> None:
        """A variant answered a request."""
        self._requests.add((model, variant, code))
        self._duration.observe((model, variant), seconds)

    def fell_back(self, model: str, variant: str) -> None:
        """A request could not get its variant."""
        self._fallbacks.add((model, variant))

    def ran(self, model: str, variant: str, finite: bool) -> None:
        """A variant's outputs were looked at."""
        if not finite:
            self._nonfinite.add((model, variant))

    def shadowed(self, model: str, variant: str, result: str) -> None:
        """A copy was the "same", "different", "failed" or "dropped"."""
        self._shadow.add((model, variant, result))

    def feedback(self, model: str, variant: str) -> None:
        """An outcome was counted."""
        self._feedback.add((model, variant))

    def rolled_back(self, model: str, variant: str, why: str) -> None:
        """A variant was taken out."""
        self._rollbacks.add((model, variant, why))

    def changed(self, code: str) -> None:
        """Somebody tried to replace the rules."""
        self._changes.add((code,))
        self._changed.replace({(): float(code == "OK")})

    def weigh(self, experiments: Iterable[Experiment]) -> None:
        """The shares are these from now on."""
        shares: dict[tuple[str, ...], float] = {}
        for experiment in experiments:
            total = sum(experiment.weights)
            for name, weight in zip(experiment.rules.names, experiment.weights, strict=True):
                shares[experiment.model, name] = weight / total if total else 0.0
        self._share.replace(shares)
