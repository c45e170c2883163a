"""What a loaded version gets: its scheme, from its own directory or the server's options, and a batcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.serving.batching.batcher import Batcher, Run
from headrace.serving.batching.metrics import BatchingMetrics
from headrace.serving.batching.options import AdaptiveBatching, BatchingOptions, FixedBatching
from headrace.serving.batching.parameters import PARAMETERS_FILE, read_parameters
from headrace.serving.engines.base import Signature


@dataclass(frozen=True, slots=True)
class VersionBatching:
    """Batching of one version that is being loaded."""

    scheme: FixedBatching | AdaptiveBatching
    metrics: BatchingMetrics

    def start(
        self, model: str, version: int, signatures: Mapping[str, Signature], run: Run, on_idle: Callable[[], None] | None = None
    ) -> Batcher:
        """A batcher for the version; see there."""
        return Batcher(model, version, signatures, run, self.scheme, self.metrics, on_idle)


@dataclass(frozen=True, slots=True)
class Batching:
    """Batching of all models of a server."""

    options: BatchingOptions
    metrics: BatchingMetrics

    def of_version(self, path: Path) -> VersionBatching:
        """Batching of the version in the directory `path`.

        Raises:
            InvalidArgumentError: its parameters are wrong.
        """
        own = path / PARAMETERS_FILE
        if self.options.per_model_parameters and own.is_file():
            return VersionBatching(read_parameters(own), self.metrics)
        return VersionBatching(self.options.scheme, self.metrics)
