"""Public names: the page that lists them is true, and parameters have the names, order and defaults of real TensorFlow's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interop.names_page import ours, page
from tests.interop.peer_runs import run_peer
from tests.interop.peers.public_names import describe

PAGE = Path(__file__).parents[2] / "docs" / "names.md"

_PRIVATE = "TensorFlow's own constructor is private; both have the same factories"
KNOWN = {
    "tf.DType": _PRIVATE,
    "tf.RaggedTensor": _PRIVATE,
    "tf.RaggedTensorSpec": "flat_values_spec, for ragged tensors of other composites, is not there",
    "tf.data.Dataset": _PRIVATE,
    "tf.data.NumpyIterator": _PRIVATE,
    "tf.distribute.Strategy": _PRIVATE,
    "tf.distribute.StrategyExtended": _PRIVATE,
    "tf.distribute.TPUStrategy": "experimental_spmd_xla_partitioning is not there",
    "tf.distribute.experimental.MultiWorkerMirroredStrategy": "the class of tf.distribute under its older name",
    "tf.distribute.experimental.TPUStrategy": "the class of tf.distribute under its older name",
    "tf.dtypes.DType": _PRIVATE,
    "tf.experimental.RowPartition": _PRIVATE,
    "tf.fill": "layout, of DTensor, is not there",
    "tf.train.experimental.ShardableTensor": _PRIVATE,
}
"""What differs, and why; an entry that no longer holds fails."""

ANYTHING = {"VAR_POSITIONAL", "VAR_KEYWORD"}


@pytest.fixture(scope="module")
def names(tensorflow_python: Path) -> dict[str, Any]:
    """Real TensorFlow's public names: `{name: [kind, signature]}`."""
    found: dict[str, Any] = run_peer(tensorflow_python, "public_names.py")
    return found


def covers(mine: list[list[str]], theirs: list[list[str]]) -> bool:
    """True when every call that theirs takes is one that mine takes, with the same defaults."""
    kinds = {kind for kind, _, _ in mine}
    for position, (kind, name, default) in enumerate(theirs):
        if kind.startswith("VAR"):
            return kind in kinds or kind == "VAR_KEYWORD"
        found = next((i for i, parameter in enumerate(mine) if parameter[1] == name), None)
        if "VAR_POSITIONAL" in kinds and kind == "POSITIONAL_OR_KEYWORD":
            continue
        if found is None or (kind != "KEYWORD_ONLY" and found != position):
            return False
        if name != "name" and default and default != mine[found][2]:
            return False
    return all(default or kind.startswith("VAR") for kind, _, default in mine[len(theirs) :])


def test_the_page_of_names_is_up_to_date(names: dict[str, Any]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(names), "docs/names.md is out of date; run python scripts/write_names_page.py"


def test_signatures(names: dict[str, Any]) -> None:
    different = {}
    compared = 0
    for name, (kind, theirs) in names.items():
        value = ours(name)
        mine = describe(value) if theirs is not None and value is not None and kind in ("function", "class") else None
        if mine is not None and not name.startswith(("tf.raw_ops.", "tf.compat.v1.")):
            compared += 1
            if {k for k, _, _ in theirs} == ANYTHING or (kind == "class" and not theirs):
                continue  # a metaclass hides what it takes, or it is abstract
            if not covers(mine, theirs):
                different[name] = f"\n  ours {show(mine)}\n  theirs {show(theirs)}"
    assert compared > 700
    assert different.keys() <= KNOWN.keys(), "".join(f"\n{n}{t}" for n, t in different.items() if n not in KNOWN)
    assert KNOWN.keys() <= different.keys(), f"no longer different: {sorted(KNOWN.keys() - different.keys())}"


def show(parameters: list[list[str]]) -> str:
    """A signature as text."""
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
    return ", ".join(stars.get(kind, "") + name + (f"={default}" if default else "") for kind, name, default in parameters)
