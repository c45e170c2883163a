"""Python's garbage collector in a process that is a server.

A whole collection looks at every object that lives: half a million in libraries and models, which takes a tenth of a second, when
nothing is answered. Here, what lives once models have come or gone is looked at once and then set apart (`gc.freeze`), so that
later collections see only what requests leave behind.
"""

from __future__ import annotations

import ctypes
import gc
import logging
from collections.abc import Callable

from headrace.serving.watching import Watching

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0


class Settling:
    """Sets apart what lives whenever the models have changed. While the `with` block runs.

    Args:
        versions: what is loaded now; only compared.
    """

    def __init__(self, versions: Callable[[], object]) -> None:
        self._versions = versions
        self._settled: object = None
        self._watching = Watching(self._look, _LOOK_SECONDS, "loaded versions")

    def __enter__(self) -> None:
        self._watching.start()

    def __exit__(self, *_: object) -> None:
        self._watching.stop()
        gc.unfreeze()

    def _look(self) -> None:
        versions = self._versions()
        if versions != self._settled:
            settle()
            self._settled = versions


def settle() -> None:
    """Frees what is not used any more, gives the memory back to the system, and sets the rest apart."""
    gc.unfreeze()
    found = gc.collect()
    gc.freeze()
    trim()
    logger.debug("%d objects were unused; %d are set apart", found, gc.get_freeze_count())


def trim() -> None:
    """Gives freed memory back to the system, where its C library is one that can."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)
