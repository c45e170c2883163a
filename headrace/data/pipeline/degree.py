"""How many elements a stage works on at once: fixed, or tuned from what was measured."""

from __future__ import annotations

import time

from headrace.data.pipeline.buffering import CHEAP, MEASURED, typical

_TRIED = 1024
"""Quick calls after which a stage stays without threads."""

_BLOCKS = 3
"""Blocks by which two numbers of threads are compared; the least time of each counts, since other programs only ever add some."""

_GAIN = 0.98
"""More threads are kept where they take less than this share of the time."""

_ROUND = 32
"""Elements between two looks at how much a stage waits."""


class Degree:
    """How many elements are worked on at once.

    Tuning begins with one, in the caller's thread. Where a call takes long enough to be worth handing over, two threads take
    over. Who reads whole blocks (`shared`) then has twice the threads compared with as many as now, block by block in turn, until
    more are no faster. Who reads single elements (`waited`) has one thread more tried whenever the consumer has waited for more
    than a tenth of the time, and given up again where it made the wait for an element no shorter.

    Attributes:
        now: the number at present.
        most: what it may become.
        lasts: whether threads were found to be worth it, so that later passes need not compare again.
    """

    def __init__(self, fixed: int | None, most: int) -> None:
        self.now = fixed or 1
        self.most = fixed or most
        self.lasts = False
        self._settled = fixed is not None or most == 1
        self._calls = 0
        self._waited = 0.0
        self._times: list[float] = []
        self._began = time.perf_counter()
        self._before: tuple[int, float] | None = None
        self._compared: dict[int, list[float]] = {}

    @property
    def alone(self) -> bool:
        """True while the caller's thread does everything, and nothing is compared."""
        return self.now == 1 and (self._settled or not self._compared)

    def called(self, seconds: float) -> None:
        """Notes a call in the caller's thread."""
        if self._settled or self._compared:
            return
        self._calls += 1
        self._times.append(seconds)
        if len(self._times) < MEASURED:
            return
        each = typical(self._times)
        self._times.clear()
        if each > 3 * CHEAP:
            self._before = (1, each)
            self.now = 2
            self._restart()
        elif self._calls >= _TRIED:
            self._settled = True

    def shared(self, each: float) -> None:
        """Notes that the threads worked on a block together, and how long that took for each of its elements."""
        if self._settled:
            return
        if not self._compared:
            self._compare(self.now // 2, self.now)
        self._compared[self.now].append(each)
        fewer, more = self._compared
        self.now = fewer + more - self.now
        if len(self._compared[self.now]) < _BLOCKS:
            return
        gains = min(self._compared[more]) < _GAIN * min(self._compared[fewer])
        if gains and more < self.most:
            self._compare(more, min(2 * more, self.most))
        else:
            self.now = more if gains else fewer
            self._settled = True
            # A single thread may be another program's fault for a while: the next pass compares again.
            self.lasts = self.now > 1

    def _compare(self, fewer: int, more: int) -> None:
        self._compared = {fewer: [], more: []}
        self.now = more

    def waited(self, seconds: float) -> None:
        """Notes that the consumer got an element from a thread, and how long it waited."""
        if self._settled or self._compared:
            return
        self._calls += 1
        self._waited += seconds
        if self._calls < _ROUND:
            return
        elapsed = time.perf_counter() - self._began
        each = self._waited / self._calls
        if self._before is not None and each > 0.95 * self._before[1]:
            self.now = self._before[0]
            self._settled = True
        elif self._waited > 0.1 * elapsed and self.now < self.most:
            self._before = (self.now, each)
            self.now += 1
        else:
            self._before = None
        self._restart()

    def _restart(self) -> None:
        self._calls = 0
        self._waited = 0.0
        self._began = time.perf_counter()
