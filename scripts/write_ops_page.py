"""Writes docs/ops.md from the declarations: `python scripts/write_ops_page.py [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

import headrace as tf
from headrace.dispatch.opdef import OpDef, registered

PAGE = Path(__file__).resolve().parents[1] / "docs" / "ops.md"
HEAD = """# Ops

Every declared op, with TensorFlow's raw name. This page is written by `scripts/write_ops_page.py`.

*kernel*: `XLA`, or `host` for ops on numpy (strings, shapes that depend on data); `random` draws a key, `state` changes a variable.
*gradient*: `rule` is written in public ops, `VJP` is the kernel's own, `-` stops gradients.
*GraphDef*: whether a SavedModel may hold it.

| op | family | kernel | gradient | GraphDef |
|---|---|---|---|---|
"""


def row(op: OpDef) -> str:
    """One op's line of the table."""
    family = op.__module__.removeprefix("headrace.ops.").split(".")[0]
    kernel = "host" if op.host_only or op.metadata else "XLA"
    kernel += ", random" if op.random else ""
    kernel += ", state" if op.updates else ""
    gradient = "rule" if op.gradient_rule else "VJP"
    if not op.differentiable or (op.gradient_rule is None and (op.host_only or op.metadata or op.random or op.has_resources)):
        gradient = "-"
    return f"| `{op.name}` | {family} | {kernel} | {gradient} | {'yes' if op.exportable else 'no'} |"


def page() -> str:
    """The whole page."""
    assert tf.__version__
    ops = [op for name, op in sorted(registered().items()) if not name.startswith("_VJP")]
    return HEAD + "\n".join(map(row, ops)) + f"\n\n{len(ops)} ops.\n"


def main() -> int:
    """Writes the page, or with `--check` says whether it is up to date."""
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
