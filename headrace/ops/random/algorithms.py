"""The algorithms behind random numbers, and what TensorFlow calls them."""

from __future__ import annotations

import enum
from typing import Any

from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor


class Algorithm(enum.Enum):
    """tf.random.Algorithm: how random bits are made."""

    PHILOX = 1
    THREEFRY = 2
    AUTO_SELECT = 3


_NAMES = {algorithm.name.lower(): algorithm for algorithm in Algorithm}


def algorithm_number(alg: Any) -> Any:
    """The number of an algorithm given by name, as Algorithm, or as a number or tensor (which pass as they are).

    Raises:
        ValueError: there is no algorithm of that name.
    """
    if isinstance(alg, str):
        if alg not in _NAMES:
            raise ValueError(f"alg is one of {', '.join(_NAMES)}; got {alg!r}")
        alg = _NAMES[alg]
    return alg.value if isinstance(alg, Algorithm) else alg


def seeded(seed: Any, alg: Any = "auto_select") -> tuple[Any, ...]:
    """Key, counter and algorithm of a seed of two integers, for the ops that take the three."""
    number = algorithm_number(alg)
    key, counter = get("StatelessRandomGetKeyCounter").all(seed)
    chosen: Tensor = get("StatelessRandomGetAlg")()
    # Philox is the one there is; the op refuses another.
    return key, counter, chosen if alg == "auto_select" else number
