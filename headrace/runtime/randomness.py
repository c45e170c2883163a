"""The entropy behind stateful random ops.

A random kernel takes a key of two 32-bit words. Eagerly each call draws one; a compiled function draws one word block a
call and every random node derives its own key from it. `tf.random.set_seed` makes the sequence of keys repeatable.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Key = np.ndarray[Any, Any]
DEFAULT_GRAPH_SEED = 87654321
"""The global seed that TensorFlow assumes for an op that has a seed of its own when none was set globally."""


class Generator:
    """Draws keys: reproducibly after `set_seed`, else from the system's entropy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.set_seed(None)

    def set_seed(self, seed: int | None) -> None:
        """Sets the global seed (None: none) and starts every sequence over."""
        with self._lock:
            self.seed = seed
            self._root = secrets.randbits(64) if seed is None else seed
            self._calls = 0
            self._seeded_calls: dict[tuple[int, int], int] = {}

    def key(self, seed: int = 0, seed2: int = 0) -> Key:
        """The next key, uint32[2]. A non-zero seed selects a sequence of its own."""
        with self._lock:
            if not seed and not seed2:
                self._calls += 1
                return _digest(self._root, 0, 0, self._calls)
            count = self._seeded_calls.get((seed, seed2), 0) + 1
            self._seeded_calls[seed, seed2] = count
            return _digest(self._fixed_seed(), seed, seed2, count)

    def operation(self) -> int:
        """The number of the next operation that draws: what tells operations apart that have no seed of their own."""
        with self._lock:
            self._calls += 1
            return self._calls

    def entropy(self) -> Key:
        """What one call of a compiled function starts from, uint32[4]: a fresh key, and a repeatable one for seeded ops."""
        with self._lock:
            self._calls += 1
            fresh = _digest(self._root, 0, 0, self._calls)
            return np.concatenate([fresh, _digest(self._fixed_seed(), 0, 0, self._calls)])

    def _fixed_seed(self) -> int:
        return DEFAULT_GRAPH_SEED if self.seed is None else self.seed


def _digest(*words: int) -> Key:
    text = ",".join(map(str, words)).encode()
    return np.frombuffer(hashlib.blake2b(text, digest_size=8).digest(), np.uint32).copy()


def node_key(entropy: Any, ordinal: int, seed: int, seed2: int) -> Any:
    """The key of one random node inside a compiled function.

    Args:
        entropy: uint32[4] of this call.
        ordinal: the node's place among the random nodes.
        seed: the node's seed attributes; when both are 0 the fresh half of the entropy is used.
        seed2: the second of them.
    """
    if seed or seed2:
        mixed = _digest(seed, seed2, ordinal)
        return jax.random.fold_in(jax.random.fold_in(entropy[2:], mixed[0]), mixed[1])
    return jax.random.fold_in(entropy[:2], ordinal)


def split_entropy(entropy: Any, ordinal: Any) -> Any:
    """The entropy of a part of a compiled function, such as one iteration of a loop: uint32[4]."""
    return jnp.concatenate([jax.random.fold_in(entropy[:2], ordinal), jax.random.fold_in(entropy[2:], ordinal)])


generator = Generator()


def set_seed(seed: int | None) -> None:
    """Sets the global seed: stateful random ops then give the same sequence again. None ends that."""
    generator.set_seed(seed)
