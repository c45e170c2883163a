"""tf.CriticalSection: functions that never run at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

_shared: dict[str, threading.RLock] = {}


class CriticalSection:
    """Runs functions one at a time, whichever threads call.

    Inside a tf.function the function becomes a part of the graph, whose changes of variables keep their order anyway.

    Args:
        name: for people.
        shared_name: sections of one such name exclude each other.
        critical_section_def, import_scope: without effect.
    """

    def __init__(
        self, name: str | None = None, shared_name: str | None = None, critical_section_def: Any = None, import_scope: Any = None
    ) -> None:
        self.name = name or "critical_section"
        self._lock = threading.RLock() if shared_name is None else _shared.setdefault(shared_name, threading.RLock())

    def execute(self, fn: Callable[[], Any], exclusive_resource_access: bool = True, name: str | None = None) -> Any:
        """What `fn()` returns, run while nothing else runs in this section."""
        with self._lock:
            return fn()
