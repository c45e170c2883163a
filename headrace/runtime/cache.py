"""The executable cache on disk: what XLA compiled in one process is loaded by the next.

JAX keeps it, keyed by the lowered program, the compile options, the devices and the versions of jaxlib and XLA. A damaged entry
is compiled anew; several processes may share the folder. JAX's key leaves out what the CPU can do, and XLA's code for one
CPU may be illegal on another: entries stand in a folder for each kind of processor.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
import warnings
from pathlib import Path

import jax

from headrace.core import caching

MOST_BYTES = 2 * 1024**3
"""The least recently used entries are dropped beyond this size."""

TRIM_SECONDS = 24 * 3600
"""How often the size is looked at. JAX would look at every entry each time it adds one."""

_STAMP = "trimmed"

_log = logging.getLogger(__name__)


def configure(folder: str | None = None) -> bool:
    """Turns the cache on, or leaves it off.

    Args:
        folder: what HEADRACE_CACHE_DIR says by default; where that is not set, `caching.default_folder`.

    Returns:
        True when the cache is on. A folder that was asked for and cannot be written is named in one warning, and the program
        runs without.
    """
    chosen = os.environ.get(caching.VARIABLE) if folder is None else folder
    try:
        base = caching.folder(chosen)
        if base is None:
            return False
        path = base / caching.processor()
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        trim(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
        level = logging.DEBUG if chosen is None else logging.WARNING
        _log.log(level, "compiled functions are not cached: %s; set %s to a folder that can be written", error, caching.VARIABLE)
        return False
    # JAX warns at every entry that it cannot read or write; the first says enough.
    warnings.filterwarnings("once", message="Error (reading|writing) persistent compilation cache entry")
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_compilation_cache_max_size", -1)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return True


def trim(folder: Path, most: int = MOST_BYTES) -> None:
    """Drops the least recently used entries beyond `most` bytes, once in TRIM_SECONDS."""
    stamp = folder / _STAMP
    if stamp.exists() and 0 <= time.time() - stamp.stat().st_mtime < TRIM_SECONDS:
        return
    stamp.touch()
    entries = []
    for entry in os.scandir(folder):
        try:
            known = entry.stat()
        except FileNotFoundError:  # another process trims as well
            continue
        entries.append((max(known.st_atime, known.st_mtime), known.st_size, entry.path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= most:
            return
        Path(path).unlink(missing_ok=True)
        total -= size
