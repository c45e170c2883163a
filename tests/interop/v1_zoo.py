"""The models of TensorFlow 1 that are compared: their names and what they exercise, as peers/v1_models.py declares them."""

from __future__ import annotations

import ast

from tests.interop.peer_runs import PEERS


def _declared() -> dict[str, str]:
    """The docstring of each model by name; the file itself can be imported under real TensorFlow only."""
    tree = ast.parse((PEERS / "v1_models.py").read_text(encoding="utf-8"))
    found = {}
    for item in tree.body:
        if isinstance(item, ast.FunctionDef) and any(isinstance(d, ast.Name) and d.id == "model" for d in item.decorator_list):
            found[item.name] = (ast.get_docstring(item) or "").rstrip(".")
    return found


MODELS = _declared()
SAVED_AGAIN = (
    "conditional",
    "dense",
    "frozen",
    "layers",
    "loop_in_branch",
    "loops",
    "partitioned",
    "recurrent",
    "resource_variables",
    "tensor_arrays",
    "vocabulary",
)
"""Those that are also saved by Headrace as models of TensorFlow 2, which TensorFlow then runs."""

TABLE = "| model | exercises | read | saved again |\n|---|---|---|---|\n" + "".join(
    f"| {name} | {exercises} | equal | {'equal' if name in SAVED_AGAIN else 'not compared'} |\n"
    for name, exercises in MODELS.items()
)
"""As docs/compatibility.md has it; tests/interop/test_v1_models.py holds Headrace to it."""
