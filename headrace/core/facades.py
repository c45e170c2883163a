"""Facades say what they lack: an unknown name is an AttributeError that tells where the known ones are listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from headrace.core.distribution import MISSING

PAGE = "docs/names.md"


def explain_missing_names(facade: ModuleType, lazy: Mapping[str, str] | None = None) -> None:
    """Makes unknown attributes of a facade, and of the facades below it, name the page of supported names.

    A facade that has a `__getattr__` of its own keeps it.

    Args:
        facade: the outermost one.
        lazy: modules to be imported when they are first asked for: the whole name of each attribute, and that of its module.
    """
    for module in [facade, *_below(facade, {facade.__name__})]:
        prefix = f"{module.__name__}."
        own = {name.removeprefix(prefix): target for name, target in (lazy or {}).items() if name.startswith(prefix)}
        module.__dict__.setdefault("__getattr__", _raiser(module, own))


def _below(facade: ModuleType, seen: set[str]) -> list[ModuleType]:
    found = []
    for name, value in vars(facade).items():
        inside = isinstance(value, ModuleType) and value.__name__.startswith(f"{facade.__name__.partition('.')[0]}.")
        if inside and not name.startswith("_") and value.__name__ not in seen:
            seen.add(value.__name__)
            found += [value, *_below(value, seen)]
    return found


def _raiser(module: ModuleType, lazy: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a module."""

    def missing(name: str) -> Any:
        if name in lazy:
            found = import_module(lazy[name])
            if found.__name__.partition(".")[0] == module.__name__.partition(".")[0]:
                explain_missing_names(found)
            module.__dict__[name] = found
            return found
        raise AttributeError(
            f"module {module.__name__!r} has no attribute {name!r}; {PAGE} lists TensorFlow's names that are supported",
            name=name,
            obj=module,
        )

    return missing


def explain_absence(facade: ModuleType) -> None:
    """Makes each attribute of the outermost facade say that the packages which compute are not installed."""

    def missing(name: str) -> Any:
        raise AttributeError(
            f"{facade.__name__}.{name} needs {', '.join(MISSING)}, which headrace-slim leaves out;"
            " install the whole of it in its place: pip uninstall headrace-slim, then pip install headrace",
            name=name,
            obj=facade,
        )

    facade.__dict__["__getattr__"] = missing
