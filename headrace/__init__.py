"""Headrace: TensorFlow's API, formats and protocols on a small, readable implementation. `import headrace as tf`.

The names stand in `headrace/facade.py` and are loaded when the first of them is asked for. So what needs no tensors, such as
`headrace.client` and `headrace.mirror`, starts in a fraction of the time, and where JAX is not installed.
"""

import importlib as _importlib
import threading as _threading
from typing import TYPE_CHECKING

from headrace.core import startup as _startup
from headrace.core.facades import explain_missing_names as _explain_missing_names

if TYPE_CHECKING:
    from headrace.facade import *

__version__ = "0.1.0"

_LAZY = {
    "headrace.keras": "headrace.keras",
    "headrace.test": "headrace.testing",
    "headrace.compat.v1.test": "headrace.testing",
    "headrace.compat.v1.flags": "absl.flags",
}
"""Facades that are loaded by themselves when they are first asked for."""

_LIGHT = ("client", "core", "deploy", "mirror", "monitoring", "store")
"""Rooms that need no runtime."""

_loading: int | None = None


def _load() -> None:
    """Loads the names, and the runtime with them."""
    global _loading
    if "__getattr__" not in globals() or _loading == _threading.get_ident():
        return
    _loading = _threading.get_ident()
    try:
        facade = _importlib.import_module("headrace.facade")
    finally:
        _loading = None
    globals().update({name: value for name, value in vars(facade).items() if not name.startswith("_") or name == "__internal__"})
    globals().pop("__getattr__", None)  # from now on it is the one that explains what is missing
    globals().pop("__dir__", None)
    _explain_missing_names(_importlib.import_module("headrace"), lazy=_LAZY)


_startup.on_first_use(_load)


if not TYPE_CHECKING:  # which would take every name for one that is there

    def __getattr__(name: str) -> object:
        if name in _LIGHT:
            return _importlib.import_module(f"headrace.{name}")
        if _loading == _threading.get_ident() or (name.startswith("__") and name != "__internal__"):
            raise AttributeError(f"module 'headrace' has no attribute {name!r}", name=name)
        _load()
        return getattr(_importlib.import_module("headrace"), name)


def __dir__() -> list[str]:
    _load()
    return dir(_importlib.import_module("headrace"))
