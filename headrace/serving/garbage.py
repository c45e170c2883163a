"""Memory that is not used any more, in a process that is a server: Python's garbage collector, and the C library's free memory.

A whole collection looks at every object that lives: half a million in libraries and models, which takes a tenth of a second, when
nothing is answered. Here, what lives once models have been loaded is looked at once and then set apart (`gc.freeze`), so that
later collections see only what requests leave behind. It is looked at again when a model that was loaded in this process is gone:
what is set apart is never freed. One that another process has prepared is a few objects, which are not set apart.

The C library keeps freed memory by threads, in up to eight arenas a core, which hold the more the more threads come and go: each
version brings its own.
"""

from __future__ import annotations

import ctypes
import gc
import logging
from collections.abc import Callable, Mapping

from headrace.serving.engines.cores import available
from headrace.serving.watching import Watching

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_M_ARENA_MAX = -8
_LEAST_ARENAS = 2


class Settling:
    """Tidies up whenever the models have changed. While the `with` block runs.

    Args:
        loads: the loads of which something is in memory, and whether another process has prepared it.
    """

    def __init__(self, loads: Callable[[], Mapping[int, bool]]) -> None:
        self._loads = loads
        self._settled: Mapping[int, bool] = {}
        self._watching = Watching(self.look, _LOOK_SECONDS, "loaded versions")

    def __enter__(self) -> None:
        self._watching.start()

    def __exit__(self, *_: object) -> None:
        self._watching.stop()
        gc.unfreeze()

    def look(self) -> None:
        """Tidies up, if the models have changed since the last time."""
        loads, settled = self._loads(), self._settled
        if loads == settled:
            return
        own, before = ({load for load, prepared in each.items() if not prepared} for each in (loads, settled))
        if not before <= own:
            gc.unfreeze()
        found = gc.collect()
        if own != before:
            gc.freeze()
        trim()
        self._settled = loads
        logger.debug("%d objects were unused; %d are set apart", found, gc.get_freeze_count())


def bound_arenas() -> None:
    """Has threads share an arena a core, two at least, where the C library has such (glibc). Of use before there are threads."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_ARENA_MAX, max(available(), _LEAST_ARENAS))


def trim() -> None:
    """Gives freed memory back to the system, where its C library is one that can."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)
