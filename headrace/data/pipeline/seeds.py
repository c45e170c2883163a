"""The random numbers of shuffling and sampling: repeatable for a seed, and other ones each time a dataset is gone through."""

from __future__ import annotations

import secrets
import threading
from typing import Any

import numpy as np

from headrace.data.pipeline.stage import number
from headrace.runtime import randomness


class Seeds:
    """The seeds of the passes over one stage.

    Args:
        seed: the user's, or None. The global seed counts too: as for ops, without either the order differs each time.
        fresh: each pass gets numbers of its own; otherwise all get the same.
    """

    def __init__(self, seed: Any, fresh: bool = True) -> None:
        chosen = None if seed is None else number(seed, "seed")
        overall = randomness.generator.seed
        if chosen is None and overall is None:
            self._root = [secrets.randbits(64)]
        else:
            first = randomness.DEFAULT_GRAPH_SEED if overall is None else overall
            second = randomness.generator.operation() if chosen is None else chosen
            self._root = [first % (1 << 64), second % (1 << 64)]
        self.fresh = fresh
        self._passes = 0
        self._lock = threading.Lock()

    def next_pass(self) -> int:
        """The number of a new pass."""
        with self._lock:
            self._passes += self.fresh
            return self._passes

    def generator(self) -> Any:
        """A numpy Generator for a new pass."""
        return self.of_pass(self.next_pass())

    def of_pass(self, number: int) -> Any:
        """The numpy Generator of a pass, in its first state."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([*self._root, number])))

    def position(self) -> list[int]:
        """What `continue_from` takes."""
        return [*self._root, self._passes]

    def continue_from(self, position: list[int]) -> None:
        """Gives the passes that another object of the same kind would give from now on."""
        with self._lock:
            *self._root, self._passes = position
