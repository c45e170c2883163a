"""Which versions of which models there are now, and how they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.core.exposition import Family, Gauge
from headrace.serving.servable import State, VersionStatus


class ModelMetrics:
    """Gauges of models and their versions."""

    def __init__(self) -> None:
        self._versions = Gauge("headrace_serving_model_version_available", "1 for each AVAILABLE version.", ["model", "version"])
        self._states = Gauge(
            "headrace_serving_model_version_state", "1 for the state of each version.", ["model", "version", "state"]
        )
        self._available = Gauge("headrace_serving_model_available", "1 for a model with an AVAILABLE version, else 0.", ["model"])

    def look(self, overview: Mapping[str, Sequence[VersionStatus]]) -> None:
        """Sets them to what is so now."""
        states = {(name, str(each.version)): each.state for name, found in overview.items() for each in found}
        available = [key for key, state in states.items() if state is State.AVAILABLE]
        self._versions.replace(dict.fromkeys(available, 1.0))
        self._states.replace({(*key, state.name): 1.0 for key, state in states.items()})
        serving = {name for name, _ in available}
        self._available.replace({(name,): float(name in serving) for name in overview})

    def families(self) -> list[Family]:
        """All of them."""
        return [family for family in vars(self).values() if isinstance(family, Family)]
