"""docs/names.md, made of TensorFlow's public names and of what Headrace has under them."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any

import headrace as tf
from headrace.compat.behavior import Refused

HEAD = """# Names

TensorFlow 2.21's public names, module by module, and which of them Headrace has. This page is written by
`python scripts/write_names_page.py`, which asks real TensorFlow for its names; a test keeps it true. `tf.keras`, and the names
that `tf.initializers`, `tf.losses`, `tf.metrics` and `tf.optimizers` share with it, are Keras' own and are not counted.
What differs behind a name stands in [limitations](limitations.md); the raw ops are listed in [ops](ops.md).
"""


def ours(name: str) -> Any:
    """What Headrace has under that name, None where nothing."""
    value: Any = tf
    for part in name.split(".")[1:]:
        if not isinstance(value, types.ModuleType) or (value := getattr(value, part, None)) is None:
            return None
    return value


def has(name: str) -> bool:
    """Whether Headrace has that name."""
    return name.endswith(".newaxis") or not (ours(name) is None or isinstance(ours(name), Refused))


def page(names: Iterable[str]) -> str:
    """The whole page."""
    modules: dict[str, list[str]] = {}
    for name in sorted(names):
        modules.setdefault(name.rpartition(".")[0], []).append(name)
    present = {module: [name for name in found if has(name)] for module, found in modules.items()}
    lines = [HEAD, "| part | names | here |", "|---|---|---|"]
    for label, chosen in _parts(modules).items():
        total, here = (sum(len(part[module]) for module in chosen) for part in (modules, present))
        lines.append(f"| {label} | {total} | {here} ({here * 100 // total} %) |")
    for module, found in modules.items():
        if not module.endswith("raw_ops"):
            lines += _section(module, found, present[module])
    return "\n".join(lines) + "\n"


def _parts(modules: Iterable[str]) -> dict[str, list[str]]:
    """The modules counted together."""
    parts: dict[str, list[str]] = {"`tf`, without the rest": [], "`tf.raw_ops`": [], "`tf.compat.v1`, without its raw ops": []}
    public, raw, old = parts.values()
    for module in modules:
        if module == "tf.raw_ops":
            raw.append(module)
        elif module.startswith("tf.compat.v1") and not module.endswith("raw_ops"):
            old.append(module)
        elif not module.endswith("raw_ops"):
            public.append(module)
    return parts


def _section(module: str, names: list[str], present: list[str]) -> list[str]:
    missing = [name for name in names if name not in set(present)]
    lines = ["", f"## {module}", "", f"{len(present)} of {len(names)}."]
    if present:
        lines += ["", _listed(present)]
    if missing:
        lines += ["", f"Not here: {_listed(missing)}"]
    return lines


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name.rpartition('.')[2]}`" for name in names)
