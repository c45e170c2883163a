"""What is measured of batching: TensorFlow Serving's one metric, and beside it names of today."""

from __future__ import annotations

from headrace.core.exposition import Counter, Family, Histogram, Labels
from headrace.core.tallies import Tallies

_WAIT_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
_LABELS = ["model", "version", "signature"]


class BatchingMetrics:
    """The metric families of batching, and the events that feed them."""

    def __init__(self) -> None:
        self._latency = Histogram(
            ":tensorflow:serving:batching_session:queuing_latency",
            "Distribution of wall time spent (in microseconds) in queuing",
            ["thread_pool_name"],
            [float(f"{100 * 1.2**n:.6g}") for n in range(52)],
        )
        self._wait = Histogram("headrace_serving_batch_queue_wait_seconds", "Wait for a batch to run.", _LABELS, _WAIT_BOUNDS)
        self._rows = Histogram("headrace_serving_batch_rows", "Rows of a batch, padding left out.", _LABELS, _sizes())
        self._requests = Histogram("headrace_serving_batch_requests", "Requests of a batch.", _LABELS, _sizes())
        self._padding = Counter("headrace_serving_batch_padding_rows_total", "Rows that only fill batches up.", _LABELS)
        self._dropped = Counter(
            "headrace_serving_batch_dropped_total",
            "Requests not run: the queue was full, or their time ran out while they waited.",
            [*_LABELS, "reason"],
        )
        self._retries = Counter("headrace_serving_batch_retries_total", "Batches that failed and were run one by one.", _LABELS)

        self._waits = Tallies(self._count_waits, (self._latency, self._wait))

    def waited(self, labels: tuple[str, str, str], pool: str, seconds: list[float]) -> None:
        """Requests left the queue to be run. `labels` are model, version and signature."""
        self._waits.of((pool, labels)).extend(seconds)

    def batch(self, labels: tuple[str, str, str], requests: int, rows: int, padding: int) -> None:
        """A batch is run."""
        self._requests.observe(labels, requests)
        self._rows.observe(labels, rows)
        if padding:
            self._padding.add(labels, padding)

    def dropped(self, labels: tuple[str, str, str], reason: str) -> None:
        """A request is not run; `reason` is "full" or "expired"."""
        self._dropped.add((*labels, reason))

    def retried(self, labels: tuple[str, str, str]) -> None:
        """A batch failed and is run one by one."""
        self._retries.add(labels)

    def wait_totals(self) -> dict[Labels, tuple[int, float]]:
        """How many requests have left the queue so far, and their waits together in seconds, by model, version and signature."""
        return self._wait.totals()

    def families(self) -> list[Family]:
        """All of them."""
        return [family for family in vars(self).values() if isinstance(family, Family)]

    def _count_waits(self, key: tuple[str, tuple[str, str, str]], seconds: list[float]) -> None:
        pool, labels = key
        self._latency.observe_all((pool,), [each * 1e6 for each in seconds])
        self._wait.observe_all(labels, seconds)


def _sizes() -> list[float]:
    return [float(1 << bits) for bits in range(11)]
