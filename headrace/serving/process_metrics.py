"""What the process itself takes, under the names that Prometheus' own clients give it, and which server it is."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import resource
import time
from pathlib import Path

from headrace.core.exposition import Counter, Family, Gauge

_PROC = Path("/proc/self")
_STARTED = time.time()
"""When this module was read, which is early in the life of a server."""


class ProcessMetrics:
    """Processor time, memory and open files. What this system does not tell is left out."""

    def __init__(self) -> None:
        self._cpu = Counter("process_cpu_seconds_total", "Processor time, user and system.")
        self._started = Gauge("process_start_time_seconds", "When the process started, since the epoch.")
        self._resident = Gauge("process_resident_memory_bytes", "Memory that is resident.")
        self._virtual = Gauge("process_virtual_memory_bytes", "Memory that is mapped.")
        self._open_files = Gauge("process_open_fds", "Open file descriptors.")
        self._max_files = Gauge("process_max_fds", "File descriptors that may be open.")
        self._started.replace({(): _STARTED})
        self._info = Gauge("headrace_serving_info", "1, with the version of the server.", ["server_version"])
        self._info.replace({(importlib.metadata.version("headrace"),): 1.0})

    def families(self) -> list[Family]:
        """All of them, as they are now."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        self._cpu.add((), used.ru_utime + used.ru_stime - self._cpu.total)
        self._max_files.replace({(): float(resource.getrlimit(resource.RLIMIT_NOFILE)[0])})
        with contextlib.suppress(OSError):  # /proc is Linux's
            mapped, resident = (_PROC / "statm").read_text().split()[:2]
            page = os.sysconf("SC_PAGE_SIZE")
            self._virtual.replace({(): float(int(mapped) * page)})
            self._resident.replace({(): float(int(resident) * page)})
            self._open_files.replace({(): float(len(os.listdir(_PROC / "fd")))})
        return [family for family in vars(self).values() if isinstance(family, Family)]
