"""Whole models give the same results, variables and gradients with every pass, with each alone, and with none."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest

import headrace as tf
from benchmarks.models import make_step
from headrace.ir.graph import Graph
from headrace.passes.base import Pass
from headrace.passes.pipeline import PASSES, optimize
from headrace.runtime.lowering import Cell, Interpreter
from tests.passes.small_models import SMALL

EXACT = ("auto_mixed_precision", "debug_stripper")
STEPS = {step.name: step for step in PASSES if not step.name.startswith(EXACT)}
KINDS = ("inference", "training")

FUSED = {
    "mlp": {"_FusedMatMul BiasAdd Relu": 2, "_FusedMatMul BiasAdd": 1},
    "cnn": {"_FusedConv2D BiasAdd Relu": 2, "_FusedMatMul BiasAdd Relu": 1, "_FusedMatMul BiasAdd": 1},
    "encoder": {
        "_FusedMatMul BiasAdd": 6,
        "_FusedMatMul BiasAdd GeluExact": 2,
        "_FusedLayerNorm": 5,
        "_FusedAttention": 2,
    },
    "resnet": {
        "_FusedConv2D FusedBatchNorm Relu": 7,
        "_FusedConv2D FusedBatchNorm": 2,
        "_FusedConv2D FusedBatchNorm Add Relu": 3,
        "_FusedMatMul BiasAdd": 1,
    },
}


class Program:
    """A traced function with arguments for every input of its graph."""

    def __init__(self, name: str, kind: str) -> None:
        tf.random.set_seed(3)
        model = SMALL[name]()
        x, y = model.inputs(2)
        call, arguments = (make_step(model), (x, y)) if kind == "training" else (model, (x,))
        self.graph: Graph = tf.function(call).get_concrete_function(*arguments).graph
        fed = [a.numpy() for a in arguments]
        self.arguments = [*fed, *self._captures(len(fed))]

    def _captures(self, given: int) -> list[Any]:
        random = np.random.default_rng(0)
        found: list[Any] = []
        for value in self.graph.inputs[given:]:
            assert value.element is not None
            dtype, shape = value.element
            numbers = random.normal(size=shape.concrete()) / max(np.sqrt(np.prod(shape.concrete()[:-1])), 1.0)
            # Variances, second moments and counters are not negative.
            found.append((value.name, np.abs(numbers).astype(dtype.np_dtype)))
        return found

    def run(self, graph: Graph) -> list[np.ndarray[Any, Any]]:
        """The outputs, then the variables afterwards."""
        given = [Cell(a[1], a[0]) if isinstance(a, tuple) else a for a in self.arguments]
        outputs = Interpreter(np.zeros(4, np.uint32)).run(graph, given)
        return [np.asarray(a) for a in (*outputs, *(cell.array for cell in given if isinstance(cell, Cell)))]


@cache
def program(name: str, kind: str) -> tuple[Program, list[np.ndarray[Any, Any]]]:
    """A program and its results without the optimizer."""
    made = Program(name, kind)
    return made, made.run(made.graph)


def check(name: str, kind: str, passes: list[Pass]) -> Graph:
    """The optimized graph, after a comparison of its results."""
    made, expected = program(name, kind)
    after = optimize(made.graph, passes=[step._replace(requires=()) for step in passes])
    for one, other in zip(made.run(after), expected, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * max(1.0, np.abs(other).max(initial=0.0)))
    return after


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FUSED)
def test_models_agree_with_the_whole_pipeline(name: str, kind: str) -> None:
    after = check(name, kind, list(PASSES))
    fused = Counter(" ".join([node.op, *node.attrs.get("fused_ops", ())]) for node in after.nodes if node.op.startswith("_Fused"))
    assert fused == FUSED[name] if kind == "inference" else not {"_FusedLayerNorm", "_FusedAttention"} & set(fused)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["encoder", "resnet"])
def test_models_agree_with_each_pass_alone_and_without_it(name: str, kind: str, step: str) -> None:
    check(name, kind, [STEPS[step]])
    check(name, kind, [other for other in STEPS.values() if other.name != step])
