"""Runs under real TensorFlow: prints its public names with their kinds and signatures. The test uses `describe` and `kind` too."""

from __future__ import annotations

import enum
import importlib
import inspect
import json
import pkgutil
import types
from collections.abc import Iterator
from typing import Any

LEFT_OUT = ("compat.v2", "compat.v1.compat", "compat.v1.keras", "keras", "__internal__")
"""Copies of the whole API, Keras' own names, and what is not public."""


def describe(function: Any) -> list[list[str]] | None:
    """One `[kind, name, default]` a parameter, None where Python knows no signature."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [[p.kind.name, p.name, _default(p.default)] for p in parameters]


def _default(value: Any) -> str:
    """A default as text that is the same where the value is: dtypes by name, functions and classes too."""
    if value is inspect.Parameter.empty:
        return ""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_default(item) for item in value)}]"
    if isinstance(value, enum.Enum):
        return str(value.name)
    if isinstance(value, float | int) and not isinstance(value, bool):
        return str(float(value))
    name = getattr(value, "__name__", None) or getattr(value, "name", None)
    return f"<{name}>" if isinstance(name, str) else repr(value)


def kind(value: Any) -> str:
    """What stands behind a public name."""
    if isinstance(value, types.ModuleType):
        return "module"
    if inspect.isclass(value):
        return "class"
    return "function" if callable(value) else "value"


def modules() -> Iterator[str]:
    """The dotted names below `tf` of TensorFlow's public modules; "" is `tf` itself."""
    api = importlib.import_module("tensorflow._api.v2")
    yield ""
    for found in pkgutil.walk_packages(api.__path__, f"{api.__name__}."):
        name = found.name.removeprefix(f"{api.__name__}.")
        if found.ispkg and not any(name == out or name.startswith(f"{out}.") for out in LEFT_OUT) and "__internal__" not in name:
            yield name


def main() -> None:
    """Prints `{name: [kind, signature]}`."""
    import tensorflow as tf

    names: dict[str, Any] = {}
    for module in modules():
        place = importlib.import_module(f"tensorflow._api.v2.{module}") if module else tf
        for name in dir(place):
            value = None if name.startswith("_") else getattr(place, name, None)
            if value is None and name != "newaxis":
                continue
            what = kind(value)
            if what != "module":
                full = ".".join(filter(None, ("tf", module, name)))
                names[full] = [what, describe(value) if what in ("function", "class") else None]
    print()
    print(json.dumps(names))


if __name__ == "__main__":
    main()
