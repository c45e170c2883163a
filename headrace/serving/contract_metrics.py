"""Counters and histograms with TensorFlow Serving's names: times in microseconds, no version."""

from __future__ import annotations

from headrace.core.exposition import Counter, Family, Histogram

_PREFIX = ":tensorflow:serving:"
_MICROSECOND_BOUNDS = [float(f"{10 * 1.8**n:.6g}") for n in range(33)]


class ContractMetrics:
    """Those that TensorFlow Serving has too."""

    def __init__(self) -> None:
        self.count = Counter(f"{_PREFIX}request_count", "Requests by outcome.", ["model_name", "status"])
        self.latency = Histogram(
            f"{_PREFIX}request_latency", "Time of a request (us).", ["model_name", "API", "entrypoint"], _MICROSECOND_BOUNDS
        )
        self.runtime = Histogram(
            f"{_PREFIX}runtime_latency", "Time of a model run (us).", ["model_name", "API", "runtime"], _MICROSECOND_BOUNDS
        )
        self.example_counts = Histogram(
            f"{_PREFIX}request_example_counts", "tf.Examples in a request.", ["model"], [float(1 << n) for n in range(15)]
        )
        self.example_total = Counter(f"{_PREFIX}request_example_count_total", "tf.Examples in all requests.", ["model"])
        self.warm_up = Histogram(
            f"{_PREFIX}model_warmup_latency",
            "Time of a version's warm-up file (us).",
            ["model_path", "status"],
            _MICROSECOND_BOUNDS,
        )

    def families(self) -> list[Family]:
        """All of them."""
        return [family for family in vars(self).values() if isinstance(family, Family)]
