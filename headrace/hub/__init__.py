"""Models by their handles, as `tensorflow_hub` has them: fetched once, verified at each load.

Without the packages that compute, `resolve` is there, `load` and `KerasLayer` are not.
"""

from importlib import import_module as _import_module
from typing import Any

from headrace.core.distribution import IS_WHOLE as _IS_WHOLE
from headrace.hub.resolving import resolve as resolve

if _IS_WHOLE:
    from headrace.hub.loading import load as load


def __getattr__(name: str) -> Any:
    """`KerasLayer`, which needs the extra `headrace[keras]`."""
    if name == "KerasLayer":
        return _import_module("headrace.hub.layer").KerasLayer
    raise AttributeError(f"module 'headrace.hub' has no attribute {name!r}; it has load, resolve and KerasLayer", name=name)
