"""The executable cache on disk: what XLA compiled in one process is loaded by the next.

JAX keeps it, keyed by the lowered program, the compile options, the devices and the versions of jaxlib and XLA. A damaged entry
is compiled anew; several processes may share the folder.
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from pathlib import Path

import jax

VARIABLE = "HEADRACE_CACHE_DIR"
"""The environment variable that names the folder; unset, empty, "off" or "0" means no cache."""

MOST_BYTES = 2 * 1024**3
"""The least recently used entries are dropped beyond this size."""

_log = logging.getLogger(__name__)


def configure(folder: str | None = None) -> bool:
    """Turns the cache on in `folder`, by default the one that HEADRACE_CACHE_DIR names, or leaves it off.

    Returns:
        True when the cache is on. A folder that cannot be written is named in one warning, and the program runs without.
    """
    chosen = os.environ.get(VARIABLE, "") if folder is None else folder
    if chosen.lower() in ("", "off", "0"):
        return False
    path = Path(chosen).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        _log.warning(
            "compiled functions are not cached: %s cannot be written (%s); set %s to another folder", path, error, VARIABLE
        )
        return False
    # JAX warns at every entry that it cannot read or write; the first says enough.
    warnings.filterwarnings("once", message="Error (reading|writing) persistent compilation cache entry")
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_compilation_cache_max_size", MOST_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return True
