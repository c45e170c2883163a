"""Runs under real TensorFlow: compares op declarations, given as JSON, with TensorFlow's own; prints what differs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tensorflow.python.framework import op_def_registry


def compare(name: str, ours: dict[str, Any]) -> list[str]:
    theirs = op_def_registry.get(name)
    if theirs is None:
        return [f"{name}: TensorFlow has no such op"]
    found = []
    for side, args in (("inputs", theirs.input_arg), ("outputs", theirs.output_arg)):
        wanted = [[a.name, a.type, a.type_attr, a.number_attr, a.type_list_attr] for a in args]
        if ours[side] != wanted:
            found.append(f"{name}: {side} are {ours[side]}; TensorFlow has {wanted}")
    known = {attr.name: attr for attr in theirs.attr}
    for key, kind in ours["attrs"].items():
        if key not in known:
            found.append(f"{name}: TensorFlow has no attribute {key!r}")
        elif known[key].type != kind:
            found.append(f"{name}: attribute {key!r} is {kind}; TensorFlow has {known[key].type}")
    required = {attr.name for attr in theirs.attr if not attr.HasField("default_value")}
    found += [f"{name}: lacks the attribute {key!r}" for key in sorted(required - set(ours["attrs"]))]
    return found


if __name__ == "__main__":
    declared = json.loads(Path(sys.argv[1]).read_text())
    print()
    print(json.dumps([line for name in sorted(declared) for line in compare(name, declared[name])]))
