"""Every op that is written to a SavedModel is declared as TensorFlow declares it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import headrace  # noqa: F401  (declares the ops)
from headrace.dispatch.opdef import Arg, registered
from tests.interop.peer_runs import run_peer


def _args(args: Sequence[Arg]) -> list[list[object]]:
    return [[a.name, a.dtype.enum if a.dtype else 0, a.type_attr, a.number_attr, a.type_list_attr] for a in args]


def test_declarations_are_those_of_tensorflow(tmp_path: Path, tensorflow_python: Path) -> None:
    declared = {
        op.name: {
            "inputs": _args(op.inputs),
            "outputs": _args(op.outputs),
            "attrs": {a.name: a.kind for a in op.attrs.values()},
        }
        for op in registered().values()
        if op.exportable
    }
    assert len(declared) > 150
    (tmp_path / "ops.json").write_text(json.dumps(declared))
    differences = run_peer(tensorflow_python, "op_definitions.py", tmp_path / "ops.json")
    assert not differences, "\n".join(differences)
