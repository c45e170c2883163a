"""The C sources of this folder as a loaded library, or None: compiled once a machine, kept beside XLA's executables."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from headrace.core import caching

VARIABLE = "HEADRACE_NATIVE"
"""The environment variable that, "off" or "0", leaves everything to Python."""

SOURCES = Path(__file__).parent
FLAGS = ("-O3", "-march=native", "-std=c11", "-ffp-contract=off", "-shared", "-fPIC")
COMPILE_SECONDS = 60

_KINDS = {"p": ctypes.c_void_p, "i": ctypes.c_int64, "u": ctypes.c_uint64}
_ARGUMENTS = {
    "headrace_frame_records": "piuippp",
    "headrace_json_numbers": "piipppp",
    "headrace_locate_features": "pppipppipppp",
    "headrace_pack_strings": "pppip",
    "headrace_read_floats": "pppip",
    "headrace_read_integers": "pppip",
    "headrace_read_strings": "pppipppp",
    "headrace_resize_bytes": "piiiiiippppp",
    "headrace_resize_floats": "piiiiiippppp",
}
"""The arguments of each function: p an address, i a signed and u an unsigned number of 64 bits."""

_log = logging.getLogger(__name__)


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library. Calls of its functions release the interpreter's lock.

    Returns:
        None where there is no C compiler or no folder to keep the result, or HEADRACE_NATIVE says so; a log line has the reason.
    """
    if os.environ.get(VARIABLE, "").lower() in ("off", "0"):
        return None
    try:
        base = caching.folder(os.environ.get(caching.VARIABLE))
        if base is None:
            raise OSError("the cache is switched off")
        if sys.byteorder != "little":
            raise OSError("the processor is big-endian")
        return opened(_built(base / f"native-{caching.processor()}"))
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:  # RuntimeError: there is no home folder
        words = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
        _log.info(
            "records, examples and images of any size are left to Python alone, several times slower: %s %s", error, words[-500:]
        )
        return None


def opened(path: Path) -> ctypes.CDLL:
    """A compiled library whose functions know their arguments: addresses and numbers are then passed as they are."""
    library = ctypes.CDLL(str(path))
    for name, kinds in _ARGUMENTS.items():
        function = getattr(library, name)
        function.argtypes = [_KINDS[kind] for kind in kinds]
        function.restype = ctypes.c_int64
    return library


def compile_into(target: Path, *flags: str) -> None:
    """Compiles the sources into one shared library.

    Raises:
        OSError: there is no compiler, or the file cannot be written.
        subprocess.SubprocessError: the compiler fails, or takes too long.
    """
    command = [*shlex.split(os.environ.get("CC") or "cc"), *FLAGS, *flags, *map(str, _files("*.c")), "-o", str(target)]
    subprocess.run(command, check=True, capture_output=True, timeout=COMPILE_SECONDS)


def _files(pattern: str) -> list[Path]:
    return sorted(SOURCES.glob(pattern))


def _built(folder: Path) -> Path:
    """The library in `folder`, made if it is not there. Its name has a digest of what it is made from."""
    digest = hashlib.sha256("\0".join(FLAGS).encode())
    for file in _files("*.[ch]"):
        digest.update(file.read_bytes())
    target = folder / f"headrace-{digest.hexdigest()[:24]}.so"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Two processes may do this at once: each writes its own file, and the last rename wins.
        with tempfile.TemporaryDirectory(dir=folder) as partial:
            compile_into(Path(partial) / target.name)
            (Path(partial) / target.name).replace(target)
    state = target.stat()
    if hasattr(os, "geteuid") and (state.st_uid != os.geteuid() or state.st_mode & 0o022):
        raise OSError(f"{target} belongs to, or can be changed by, another user")
    return target
