"""What the server measures: TensorFlow Serving's names in microseconds, and beside them names of today in seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from pathlib import Path

from headrace.core.errors import OpError
from headrace.core.exposition import Counter, Family, Gauge, Histogram, Labels, render
from headrace.core.tallies import Tallies
from headrace.serving.batching.metrics import BatchingMetrics
from headrace.serving.contract_metrics import ContractMetrics
from headrace.serving.model_metrics import ModelMetrics
from headrace.serving.models import Models
from headrace.serving.process_metrics import ProcessMetrics

UNKNOWN_MODEL = "(unknown)"
"""What requests for models that are not there are counted under, so that no caller can fill the memory."""

_MODEL_LABELS = ("model", "model_name")
_SECOND_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]


RequestWatcher = Callable[[str, int | None, str, float], None]
"""Is told the model, the version, the canonical code and the seconds of a request that ended; it must be quick."""


class ServingMetrics:
    """The server's metric families and the events that feed them."""

    def __init__(self) -> None:
        self._contract = ContractMetrics()
        self._requests = Counter(
            "headrace_serving_requests_total", "Requests by outcome.", ["model", "version", "api", "protocol", "code"]
        )
        self._duration = Histogram(
            "headrace_serving_request_duration_seconds",
            "Time of a request.",
            ["model", "version", "api", "protocol"],
            _SECOND_BOUNDS,
        )
        self._run = Histogram(
            "headrace_serving_run_duration_seconds", "Time of a model run.", ["model", "version", "api"], _SECOND_BOUNDS
        )
        self._queue = Histogram(
            "headrace_serving_queue_wait_seconds", "Wait for a thread of the pool.", ["protocol"], _SECOND_BOUNDS
        )
        self._waiting = Gauge("headrace_serving_queue_waiting", "Requests that wait for a thread now.", ["protocol"])
        self._limit = Gauge("headrace_serving_queue_limit", "Requests that may wait for a thread.", ["protocol"])
        self._in_flight = Gauge("headrace_serving_requests_in_flight", "Requests being answered.", ["protocol"])
        self._loads = Counter("headrace_serving_model_loads_total", "Tries to load a version.", ["model", "code"])
        self._load_time = Histogram(
            "headrace_serving_model_load_duration_seconds",
            "Time to load and warm a version.",
            ["model"],
            [0.1, 0.3, 1, 3, 10, 30, 100, 300],
        )
        self._reloads = Counter("headrace_serving_config_reloads_total", "Tries to take a new list of models.", ["code"])
        self._reload_ok = Gauge("headrace_serving_config_last_reload_successful", "1 unless the last try failed.")
        self._reload_ok.replace({(): 1.0})
        answered = (self._contract.count, self._contract.latency, self._requests, self._duration)
        self._answers = Tallies(self._count_requests, answered)
        self._runs = Tallies(self._count_runs, (self._contract.runtime, self._run))
        self._changes = Tallies(self._count_changes, (self._in_flight,))
        self.batching = BatchingMetrics()
        self._models = ModelMetrics()
        self._process = ProcessMetrics()
        self._queues: dict[str, Callable[[], int]] = {}
        self.whole: Callable[[], str] | None = None
        """Makes the page of all processes of this server; None where there is but one."""
        self.watchers: list[RequestWatcher] = []
        """Are told of every request, on the thread that answers it."""
        self.more: list[Family] = []
        """Families of parts that are not always there."""

    def request(self, model: str, version: int | None, api: str, protocol: str, code: str, seconds: float) -> None:
        """A request was answered. `api` is such as "Predict", `code` a canonical code name, "OK" included."""
        self._answers.of((model, version, api, protocol, code)).add(seconds)
        for watcher in self.watchers:
            watcher(model, version, code, seconds)

    def ran(self, model: str, version: int, api: str, seconds: float) -> None:
        """A model ran."""
        self._runs.of((model, version, api)).add(seconds)

    def examples(self, model: str, count: int) -> None:
        """A request with `count` tf.Examples was run."""
        self._contract.example_counts.observe((model,), count)
        self._contract.example_total.add((model,), count)

    def queued(self, protocol: str, seconds: float) -> None:
        """A request waited `seconds` for a thread."""
        self._queue.observe((protocol,), seconds)

    def watch_queue(self, protocol: str, limit: int, waiting: Callable[[], int]) -> None:
        """From now on `waiting` says how many requests wait for a thread, of `limit` that may."""
        self._queues[protocol] = waiting
        self._limit.add((protocol,), limit)

    def in_flight(self, protocol: str, change: int) -> None:
        """A request came in (1) or was answered (-1)."""
        self._changes.of(protocol).add(change)

    def in_flight_now(self) -> dict[Labels, float]:
        """The requests that are being answered, by protocol."""
        return self._in_flight.values()

    def wait_totals(self) -> dict[Labels, tuple[int, float]]:
        """How many requests have waited for a thread so far, and their waits together in seconds, by protocol."""
        return self._queue.totals()

    def loaded(self, model: str, version: int, seconds: float, error: OpError | None) -> None:
        """A load ended; a listener for ModelLifecycle."""
        self._loads.add((model, error.code if error is not None else "OK"))
        self._load_time.observe((model,), seconds)

    def reloaded(self, error: OpError | None) -> None:
        """A new list of models was taken or refused; a listener for Models."""
        self._reloads.add((error.code if error is not None else "OK",))
        self._reload_ok.replace({(): float(error is None)})

    def warmed(self, path: Path, seconds: float, error: OpError | None) -> None:
        """A version's warm-up file was run; a listener for ModelLifecycle."""
        self._contract.warm_up.observe((str(path), error.code if error is not None else "OK"), seconds * 1e6)

    def total(self, name: str) -> int | None:
        """The sum over all labels of the counter with this name; None when there is none."""
        found = [family for family in self.families() if isinstance(family, Counter) and family.name == name]
        return int(found[0].total) if found else None

    def whole_page(self, models: Models) -> str:
        """What is read: the page of all processes where this server has several."""
        return self.page(models) if self.whole is None else self.whole()

    def page(self, models: Models) -> str:
        """All of it, in Prometheus' text format. Series of models and versions that are no longer listed are dropped."""
        overview = models.overview()
        self._models.look(overview)
        self._waiting.replace({(protocol,): float(waiting()) for protocol, waiting in self._queues.items()})
        families = self.families()
        known = {name: {str(status.version) for status in found} for name, found in overview.items()}
        for family in families:
            _drop_unlisted(family, known)
        paths = models.paths()
        self._contract.warm_up.keep(lambda labels: labels[0] in paths)
        return render(families)

    def families(self) -> list[Family]:
        """All of them."""
        own = [family for family in vars(self).values() if isinstance(family, Family)]
        parts = (self._contract, self._models, self.batching, self._process)
        return [*own, *(family for part in parts for family in part.families()), *self.more]

    def _count_requests(self, key: tuple[str, int | None, str, str, str], seconds: list[float]) -> None:
        model, version, api, protocol, code = key
        number = "" if version is None else str(version)
        self._contract.count.add((model, code), len(seconds))
        self._contract.latency.observe_all((model, api, protocol), _microseconds(seconds))
        self._requests.add((model, number, api, protocol, code), len(seconds))
        self._duration.observe_all((model, number, api, protocol), seconds)

    def _count_changes(self, protocol: str, changes: list[float]) -> None:
        self._in_flight.add((protocol,), sum(changes))

    def _count_runs(self, key: tuple[str, int, str], seconds: list[float]) -> None:
        model, version, api = key
        self._contract.runtime.observe_all((model, api, "Headrace"), _microseconds(seconds))
        self._run.observe_all((model, str(version), api), seconds)


def _microseconds(seconds: list[float]) -> list[float]:
    return [each * 1e6 for each in seconds]


def _drop_unlisted(family: Family, known: Mapping[str, Set[str]]) -> None:
    """Drops the series of models, and of versions of models, that are not `known`."""
    model = next((place for place, label in enumerate(family.labels) if label in _MODEL_LABELS), None)
    if model is None:
        return
    version = family.labels.index("version") if "version" in family.labels else None

    def listed(labels: Labels) -> bool:
        if labels[model] not in known:
            return labels[model] == UNKNOWN_MODEL
        return version is None or labels[version] == "" or labels[version] in known[labels[model]]

    family.keep(listed)
