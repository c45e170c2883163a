"""Two versions of a model: whether the second can take the place of the first, and what changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from headrace.checkpoint.bundle import BundleReader, index_path


def compare(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What became of a model, from the descriptions of both.

    Returns:
        compatible (True when every caller of the old model can call the new one), breaking and other (changes of signatures in
        words), variables (changes by name) and operations (counts before and after, where they differ).
    """
    breaking: list[str] = []
    other: list[str] = []
    graphs = [{tuple(graph["tags"]): graph for graph in model["graphs"]} for model in (old, new)]
    for tags, graph in graphs[0].items():
        if tags not in graphs[1]:
            breaking.append(f"the graph tagged {list(tags)} is gone")
        else:
            _compare_signatures(graph["signatures"], graphs[1][tags]["signatures"], breaking, other)
    operations = [_summed(model) for model in (old, new)]
    return {
        "compatible": not breaking,
        "breaking": breaking,
        "other": other,
        "variables": _compare_variables(old, new),
        "operations": {
            name: [counts[0], counts[1]]
            for name in sorted({*operations[0], *operations[1]})
            if (counts := [found.get(name, 0) for found in operations])[0] != counts[1]
        },
    }


def _compare_signatures(old: dict[str, Any], new: dict[str, Any], breaking: list[str], other: list[str]) -> None:
    other += [f"signature {key!r} is new" for key in sorted(new.keys() - old.keys())]
    for key in sorted(old):
        if key not in new:
            breaking.append(f"signature {key!r} is gone")
            continue
        before, after = old[key]["inputs"], new[key]["inputs"]
        breaking += [
            f"{key}: the input {name!r} is new, and callers do not send it" for name in sorted(after.keys() - before.keys())
        ]
        for name in sorted(before):
            if name not in after:
                breaking.append(f"{key}: the input {name!r} is gone")
            elif not _admits(after[name], before[name]):
                breaking.append(f"{key}: the input {name!r} was {_text(before[name])} and is {_text(after[name])}")
            elif after[name]["shape"] != before[name]["shape"]:
                other.append(f"{key}: the input {name!r} was {_text(before[name])} and takes {_text(after[name])}")
        before, after = old[key]["outputs"], new[key]["outputs"]
        other += [f"{key}: the output {name!r} is new" for name in sorted(after.keys() - before.keys())]
        for name in sorted(before):
            if name not in after:
                breaking.append(f"{key}: the output {name!r} is gone")
            elif not _admits(before[name], after[name]):
                breaking.append(f"{key}: the output {name!r} was {_text(before[name])} and is {_text(after[name])}")


def _admits(wide: dict[str, Any], narrow: dict[str, Any]) -> bool:
    """True when every tensor that `narrow` describes is one that `wide` describes."""
    if wide["dtype"] != narrow["dtype"]:
        return False
    if wide["shape"] is None or narrow["shape"] is None:
        return wide["shape"] is None
    pairs = zip(wide["shape"], narrow["shape"], strict=False)
    return len(wide["shape"]) == len(narrow["shape"]) and all(a is None or a == b for a, b in pairs)


def _text(tensor: dict[str, Any]) -> str:
    shape = "of unknown rank" if tensor["shape"] is None else str(["?" if size is None else size for size in tensor["shape"]])
    return f"{tensor['dtype']} {shape}".replace("'?'", "?")


def _summed(model: dict[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for graph in model["graphs"]:
        for name, count in graph["operations"].items():
            counts[name] = counts.get(name, 0) + count
    return counts


def _compare_variables(old: dict[str, Any], new: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """For each variable that differs: added, removed, or what its shape, dtype or values were and are."""
    before, after = ({v["name"]: v for v in model["variables"]} for model in (old, new))
    readers = [_reader(model["path"]) for model in (old, new)]
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({*before, *after}):
        if name not in after or name not in before:
            found[name] = {"change": "added" if name in after else "removed"}
        elif (before[name]["dtype"], before[name]["shape"]) != (after[name]["dtype"], after[name]["shape"]):
            was, now = (f"{v['dtype']} {v['shape']}" for v in (before[name], after[name]))
            found[name] = {"change": "form", "was": was, "is": now}
        elif (change := _value_change(*(_value(reader, name) for reader in readers))) is not None:
            found[name] = {"change": "values", **change}
    return found


def _reader(path: str) -> BundleReader | None:
    prefix = Path(path) / "variables" / "variables"
    return BundleReader(prefix) if index_path(prefix).is_file() else None


def _value(reader: BundleReader | None, name: str) -> Any:
    assert reader is not None  # the description has the name from there
    key = f"{name}/.ATTRIBUTES/VARIABLE_VALUE"
    return reader.read(key if key in reader else name)


def _value_change(old: Any, new: Any) -> dict[str, float] | None:
    """The largest absolute difference, and that over the largest magnitude; nothing where all is equal."""
    if old.dtype.kind == "O" or old.dtype.kind == "b":
        return None if np.array_equal(old, new) else {"elements": int(np.sum(old != new))}
    if np.array_equal(old, new):
        return None
    kind = np.complex128 if old.dtype.kind == "c" else np.float64
    difference = float(np.abs(new.astype(kind) - old.astype(kind)).max())
    scale = float(np.abs(old.astype(kind)).max())
    return {"absolute": difference, "relative": difference / scale if scale else float("inf")}
