"""How long something takes: the least of several rounds, since a busy machine only ever adds time."""

from __future__ import annotations

import time
from collections.abc import Callable


def microseconds(work: Callable[[], object], calls: int = 2000, rounds: int = 9) -> float:
    """Microseconds for one call of `work`, after one that is not counted."""
    work()
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        best = min(best, (time.perf_counter() - start) / calls)
    return best * 1e6
