"""What each pass of the optimizer does to the run time of ResNet-50 and the encoder. `python benchmarks/passes.py` prints JSON.

A program is compiled twice, with every pass and with every pass but one, and both are run in turn, so that what else the
machine does meets both alike. Where the pass leaves the graph as it was, nothing is run. Auto mixed precision, which is off
otherwise, is compared with the same program without it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import headrace as tf
from benchmarks.models import Encoder, Model, ResNet50, make_step
from headrace.ir.graph import Graph
from headrace.ir.printer import print_graph
from headrace.passes.base import Pass
from headrace.passes.options import PassOptions
from headrace.passes.pipeline import PASSES, optimize
from headrace.runtime.executable import Executable

MIXED = "auto_mixed_precision"
OPTIONAL = PassOptions()
STEPS = [step for step in dict.fromkeys(PASSES) if OPTIONAL.enables(step.option)]
ROUNDS = 7

PROGRAMS: dict[str, tuple[Callable[[], Model], int, bool]] = {
    "encoder, inference": (lambda: Encoder(tf), 8, False),
    "encoder, training": (lambda: Encoder(tf), 8, True),
    "ResNet-50, inference": (lambda: ResNet50(tf), 8, False),
}
"""Model, batch, and whether a training step is measured."""


def seconds_in_turn(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """The least seconds of each call over some rounds, after one that is not counted."""
    best = [float("inf")] * len(calls)
    for turn in range(ROUNDS + 1):
        for position, call in enumerate(calls):
            start = time.perf_counter()
            for value in call():
                value.block_until_ready()
            if turn:
                best[position] = min(best[position], time.perf_counter() - start)
    return best


def optimized(graph: Graph, passes: Sequence[Pass], options: PassOptions = OPTIONAL) -> Graph:
    """The graph after these passes, whatever they ask to stand before them."""
    return optimize(graph, passes=[step._replace(requires=()) for step in passes], options=options)


def compare(without: Graph, with_it: Graph, arguments: Sequence[Any]) -> dict[str, Any]:
    """Nodes and milliseconds of both graphs; no times where they are the same."""
    found: dict[str, Any] = {"nodes_off": len(without.nodes), "nodes_on": len(with_it.nodes)}
    if print_graph(without) != print_graph(with_it):
        runs = [Executable(graph, optimized=True) for graph in (without, with_it)]
        off, on = seconds_in_turn([lambda run=run: run(arguments) for run in runs])
        found |= {"ms_off": off * 1000, "ms_on": on * 1000}
    return found


def measure(name: str) -> list[dict[str, Any]]:
    """A row for each pass, the first for all of them together."""
    make, batch, training = PROGRAMS[name]
    tf.random.set_seed(1)
    model = make()
    x, y = model.inputs(batch)
    arguments = (x, y) if training else (x,)
    concrete = tf.function(make_step(model) if training else model).get_concrete_function(*arguments)
    given = [value.array for value in (*arguments, *concrete.captured_inputs)]
    full = optimized(concrete.graph, PASSES)
    rows = [{"pass": "all of them", **compare(concrete.graph, full, given)}]
    for step in STEPS:
        rest = [other for other in PASSES if other.name != step.name]
        rows.append({"pass": step.name, **compare(optimized(concrete.graph, rest), full, given)})
    mixed = optimized(concrete.graph, PASSES, PassOptions(auto_mixed_precision=True))
    rows.append({"pass": MIXED, **compare(full, mixed, given)})
    return [{"program": name, **row} for row in rows]


if __name__ == "__main__":
    print(json.dumps({"rows": [row for name in sys.argv[1:] or PROGRAMS for row in measure(name)]}))
