"""Writes docs/ops.md from the declarations: `python scripts/write_ops_page.py [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import headrace as tf  # noqa: E402
from headrace.dispatch.opdef import OpDef, registered  # noqa: E402
from tests.ops import harness  # noqa: E402

PAGE = ROOT / "docs" / "ops.md"
HEAD = """# Ops

Every declared op, with TensorFlow's raw name. This page is written by `scripts/write_ops_page.py`.

*kernel*: `XLA`, or `host` for ops on numpy (strings, shapes that depend on data); `random` draws a key, `state` changes a variable.
*gradient*: `rule` is written in public ops, `VJP` is the kernel's own, `-` stops gradients.
*shape*: how a graph knows the result's shape: a `rule`, the `kernel` evaluated on shapes alone, or from `data` when it runs.
*GraphDef*: whether a SavedModel may hold it.
*TensorFlow*: how often the op's result is compared with real TensorFlow's in `tests/ops/samples` (inputs of several dtypes and
shapes), and how many of these samples compare gradients; or the programs that run under both; `reference`: a
reference by hand or public functions that hold the op.

| op | family | kernel | shape | gradient | GraphDef | TensorFlow |
|---|---|---|---|---|---|---|
"""

PROGRAMS = {
    "array": "tests/trace",
    "host": "tests/public/cases/host.py",
    "lists": "tests/public/cases/tensor_list.py",
    "lookup": "tests/lookup",
    "random": "tests/ops/test_random.py",
    "state": "tests/ops/test_state_ops.py",
}
EVERYWHERE = "tests/public/cases"
"""Where ops are used that have no samples: they draw, keep state or need a resource."""


def evidence(op: OpDef, family: str, samples: Sequence[harness.Sample]) -> str:
    """What compares the op with real TensorFlow."""
    compared = [sample for sample in samples if sample.oracle]
    if compared:
        gradients = sum(sample.oracle_gradient and harness.is_gradient_checked(sample) for sample in compared)
        return f"{len(compared)} samples" + (f", {gradients} gradients" if gradients else "")
    return "reference" if samples or op.name.startswith("_") else f"[programs](../{PROGRAMS.get(family, EVERYWHERE)})"


def shape(op: OpDef) -> str:
    """How the shape of the op's result is known."""
    if op.shape is not None:
        return "rule"
    return "data" if op.host_only else "kernel"


def row(op: OpDef, samples: Sequence[harness.Sample]) -> str:
    """One op's line of the table."""
    family = op.__module__.removeprefix("headrace.ops.").split(".")[0]
    kernel = "host" if op.host_only or op.metadata else "XLA"
    kernel += ", random" if op.random else ""
    kernel += ", state" if op.updates else ""
    gradient = "rule" if op.gradient_rule else "VJP"
    if not op.differentiable or (op.gradient_rule is None and (op.host_only or op.metadata or op.random or op.has_resources)):
        gradient = "-"
    known = f"{shape(op)} | {gradient} | {'yes' if op.exportable else 'no'} | {evidence(op, family, samples)}"
    return f"| `{op.name}` | {family} | {kernel} | {known} |"


def page() -> str:
    """The whole page."""
    assert tf.__version__
    ops = [op for name, op in sorted(registered().items()) if not name.startswith("_VJP")]
    by_op: dict[str, list[harness.Sample]] = {}
    for family in harness.collect().values():
        for sample in family:
            by_op.setdefault(sample.op, []).append(sample)
    rows = [row(op, by_op.get(op.name, ())) for op in ops]
    return HEAD + "\n".join(rows) + f"\n\n{len(ops)} ops.\n"


def main() -> int:
    """Writes the page, or with `--check` says whether it is up to date."""
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
