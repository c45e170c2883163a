"""How requests are put together: TensorFlow Serving's parameters, or a latency target."""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import dataclass, field

from headrace.core.errors import InvalidArgumentError


def _at_least(name: str, value: float, least: float) -> None:
    if not math.isfinite(value) or value < least:
        raise InvalidArgumentError(f"{name} is {value}; expected {least} or more")


def powers_of_two(largest: int) -> tuple[int, ...]:
    """1, 2, 4, ... and `largest`."""
    return (*(1 << bits for bits in range((largest - 1).bit_length())), largest)


@dataclass(frozen=True, slots=True)
class FixedBatching:
    """TensorFlow Serving's BatchingParameters.

    Attributes:
        max_batch_size: rows of one batch, and of one request.
        batch_timeout_micros: how long a batch that is not full waits for more, in microseconds.
        max_enqueued_batches: batches that may wait for a thread; requests beyond that are refused.
        num_batch_threads: batches that run at once.
        thread_pool_name: a label in the metrics.
        allowed_batch_sizes: what batches are padded to; 1, 2, 4, ... and the largest when empty.
        pad_variable_length_inputs: pad inputs that differ in later dimensions, in place of batching them apart.
        enable_large_batch_splitting: cut large requests into several batches.
        max_execution_batch_size: rows of one batch where large requests are cut; `max_batch_size` when None.

    Raises:
        InvalidArgumentError: a value is out of its range, or the sizes do not fit together.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            _at_least(name, getattr(self, name), 1)
        _at_least("batch_timeout_micros", self.batch_timeout_micros, 0)
        if self.max_execution_batch_size is not None and self.enable_large_batch_splitting:
            _at_least("max_execution_batch_size", self.max_execution_batch_size, 1)
            if self.max_execution_batch_size > self.max_batch_size:
                raise InvalidArgumentError(
                    f"max_execution_batch_size is {self.max_execution_batch_size}; expected at most max_batch_size, "
                    f"{self.max_batch_size}"
                )
        self._check_sizes()

    def _check_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if not sizes:
            return
        if sizes[0] < 1 or any(low >= high for low, high in itertools.pairwise(sizes)):
            raise InvalidArgumentError(f"allowed_batch_sizes are {list(sizes)}; expected positive numbers, each above the last")
        if sizes[-1] != self.largest:
            name = "max_batch_size" if self.largest == self.max_batch_size else "max_execution_batch_size"
            raise InvalidArgumentError(
                f"Last entry in allowed_batch_sizes must match {name}; last entry was {sizes[-1]}; expected {self.largest}"
            )

    @property
    def largest(self) -> int:
        """Rows of the largest batch."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size is not None:
            return self.max_execution_batch_size
        return self.max_batch_size

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that batches are padded to, rising."""
        return self.allowed_batch_sizes or powers_of_two(self.largest)


@dataclass(frozen=True, slots=True)
class AdaptiveBatching:
    """Batches form while the engine is busy, and are as large as a latency target lets them be.

    Attributes:
        latency_target_seconds: what the wait for the batch before and the run of its own batch may take together.
        max_batch_size: rows of one batch, however quick the model is.
        max_queued_rows: rows that may wait; requests beyond that are refused.
        num_batch_threads: batches that run at once.

    Raises:
        InvalidArgumentError: a value is out of its range.
    """

    latency_target_seconds: float = 0.05
    max_batch_size: int = 64
    max_queued_rows: int = 4096
    num_batch_threads: int = 1

    def __post_init__(self) -> None:
        _at_least("latency_target_seconds", self.latency_target_seconds, 0.0)
        for name in ("max_batch_size", "max_queued_rows", "num_batch_threads"):
            _at_least(name, getattr(self, name), 1)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that batches are padded to, rising."""
        return powers_of_two(self.max_batch_size)


@dataclass(frozen=True, slots=True)
class BatchingOptions:
    """Batching of a server.

    Attributes:
        scheme: for every model that brings no parameters of its own.
        per_model_parameters: read `batching_params.pbtxt` of each version's directory, where there is one.
    """

    scheme: FixedBatching | AdaptiveBatching = field(default_factory=AdaptiveBatching)
    per_model_parameters: bool = False
