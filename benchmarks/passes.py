"""What each pass of the optimizer does to ResNet-50 and the encoder. `python -m benchmarks.passes [PROGRAM ...]` prints JSON.

A program is compiled with every pass and with every pass but one, and both are run in turn, so that what else the machine does
meets both alike. Counted are the nodes of the graph and the kernels that XLA makes of it. Where the pass leaves the graph as it
was, nothing is run. Auto mixed precision, which is off otherwise, is compared with the same program without it.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

import headrace as tf
from benchmarks.models import Encoder, Model, ResNet50, make_step
from headrace.ir.graph import Graph
from headrace.ir.printer import print_graph
from headrace.passes.base import Pass
from headrace.passes.options import PassOptions
from headrace.passes.pipeline import PASSES, optimize
from headrace.runtime.lowering import Cell, Interpreter

MIXED = "auto_mixed_precision"
OPTIONAL = PassOptions()
STEPS = [step for step in dict.fromkeys(PASSES) if OPTIONAL.enables(step.option)]
ROUNDS = 5


class ChannelsFirst(ResNet50):
    """ResNet-50 on images [batch, 3, side, side], for inference: what the layout pass is for."""

    def inputs(self, batch: int) -> tuple[Any, Any]:
        """Images [batch, 3, side, side] and labels [batch]."""
        return self.tf.random.normal([batch, 3, self.side, self.side]), self.tf.zeros([batch], self.tf.int32)

    def _apply(self, x: Any, layer: dict[str, Any], stride: int, training: bool) -> Any:
        y = self.tf.nn.conv2d(x, layer["kernel"], stride, "SAME", data_format="NCHW")
        rest = {name: layer[name] for name in ("scale", "offset", "mean", "variance")}
        return self.tf.raw_ops.FusedBatchNormV3(x=y, **rest, epsilon=1e-5, data_format="NCHW", is_training=training)[0]

    def __call__(self, x: Any, training: bool = False) -> Any:
        tf = self.tf
        x = tf.nn.max_pool2d(tf.nn.relu(self._apply(x, self.stem, 2, training)), 3, 2, "SAME", data_format="NCHW")
        for (first, second, third), shortcut, stride in self.blocks:
            y = tf.nn.relu(self._apply(x, first, 1, training))
            y = tf.nn.relu(self._apply(y, second, stride, training))
            y = self._apply(y, third, 1, training)
            x = tf.nn.relu(y + (x if shortcut is None else self._apply(x, shortcut, stride, training)))
        return tf.matmul(tf.reduce_mean(x, [2, 3]), self.dense[0]) + self.dense[1]


PROGRAMS: dict[str, tuple[Callable[[], Model], int, bool]] = {
    "encoder, inference": (lambda: Encoder(tf), 8, False),
    "encoder, training": (lambda: Encoder(tf), 8, True),
    "ResNet-50, inference": (lambda: ResNet50(tf), 8, False),
    "ResNet-50 with channels first, inference": (lambda: ChannelsFirst(tf), 8, False),
}
"""Model, batch, and whether a training step is measured."""


def seconds_in_turn(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """The least seconds of each call over some rounds, after one that is not counted."""
    best = [float("inf")] * len(calls)
    for turn in range(ROUNDS + 1):
        for position, call in enumerate(calls):
            start = time.perf_counter()
            jax.block_until_ready(call())
            if turn:
                best[position] = min(best[position], time.perf_counter() - start)
    return best


def optimized(graph: Graph, passes: Sequence[Pass], options: PassOptions = OPTIONAL) -> Graph:
    """The graph after these passes, whatever they ask to stand before them."""
    return optimize(graph, passes=[step._replace(requires=()) for step in passes], options=options)


def compiled(graph: Graph, arrays: Sequence[Any]) -> Any:
    """A graph compiled for these arrays; the values of its variables are arrays like others, and are returned with the results."""

    def function(arrays: Sequence[Any]) -> Any:
        inputs = [a if v.element is None else Cell(a, v.name) for a, v in zip(arrays, graph.inputs, strict=True)]
        outputs = Interpreter(np.zeros(4, np.uint32)).run(graph, inputs)
        return outputs, [cell.array for cell in inputs if isinstance(cell, Cell) and cell.written]

    return jax.jit(function).lower(arrays).compile()


def kernels(program: Any) -> int:
    """The instructions that XLA runs one after the other, without those that only name a value."""
    entry = program.as_text().partition("\nENTRY ")[2].partition("\n}")[0]
    found = re.findall(r"^ +(?:ROOT )?%?\S+ = .*?[\])}] ([a-z][\w-]*)\(", entry, re.MULTILINE)
    return sum(name not in ("parameter", "constant", "bitcast", "tuple", "get-tuple-element") for name in found)


def compare(without: Graph, with_it: Graph, arrays: Sequence[Any]) -> dict[str, Any]:
    """Nodes, kernels and milliseconds of both graphs; nodes alone where they are the same."""
    found: dict[str, Any] = {"nodes_off": len(without.nodes), "nodes_on": len(with_it.nodes)}
    if print_graph(without) != print_graph(with_it):
        programs = [compiled(graph, arrays) for graph in (without, with_it)]
        off, on = seconds_in_turn([lambda program=program: program(arrays) for program in programs])
        found |= {"kernels_off": kernels(programs[0]), "kernels_on": kernels(programs[1])}
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
    given = [getattr(value.array, "array", value.array) for value in (*arguments, *concrete.captured_inputs)]
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
