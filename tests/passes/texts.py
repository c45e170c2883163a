"""A pass from one text of the IR to another."""

from __future__ import annotations

import textwrap

from headrace.ir.graph import Graph
from headrace.ir.parser import parse
from headrace.ir.printer import print_graph
from headrace.passes.base import Pass
from headrace.passes.pipeline import optimize


def run(step: Pass, before: str) -> Graph:
    """Runs one pass once."""
    return optimize(parse(before), passes=[step])


def check(step: Pass, before: str, after: str) -> None:
    """Asserts that a pass turns one text into the other."""
    assert print_graph(run(step, before)) == textwrap.dedent(after).lstrip("\n")
