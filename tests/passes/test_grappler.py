"""What mixed precision and the remapper do to a function, against what real TensorFlow's Grappler does to the same source."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

import headrace as tf
from headrace.core.dtypes import float16
from headrace.ir.graph import Graph
from headrace.passes import auto_mixed_precision, dependency, remapper
from headrace.passes.pipeline import optimize
from tests.interop import environments
from tests.ops.harness import ROOT
from tests.passes.grappler_cases import FUSION, PRECISION, SHAPES

BEYOND = {
    "convolution-residual": ["_FusedConv2D", "BiasAdd", "Add"],
    "convolution-residual-relu": ["_FusedConv2D", "BiasAdd", "Add", "Relu"],
    "product-gelu": ["_FusedMatMul", "BiasAdd", "GeluExact"],
    "product-gelu-tanh": ["_FusedMatMul", "BiasAdd", "GeluApproximate"],
}
"""Where we fuse more: Grappler does so for some processors only."""


@pytest.fixture(name="grappler", scope="module")
def _grappler() -> Any:
    python = environments.ensure("tensorflow")
    command = [str(python), "-m", "tests.passes.peer_grappler"]
    environment = environments.clean_environment()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    if done.returncode:
        pytest.fail(f"the TensorFlow peer failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def traced(source: str) -> Graph:
    """The graph of a function as we trace it."""
    function = eval(f"lambda tf, {', '.join(SHAPES)}: {source}")
    specs = [tf.TensorSpec(shape, tf.float32, name) for name, shape in SHAPES.items()]
    graph: Graph = tf.function(lambda *args: function(tf, *args)).get_concrete_function(*specs).graph
    return graph


@pytest.mark.interop
@pytest.mark.parametrize("name", PRECISION)
def test_the_same_nodes_compute_in_float16(name: str, grappler: Any) -> None:
    graph = auto_mixed_precision.lower_precision(traced(PRECISION[name]).copy(), float16).graph
    found = sorted(node.op for node in graph.nodes if node.op != "Const" and node.attrs.get("T") is float16)
    assert found == grappler["precision"][name]


@pytest.mark.interop
@pytest.mark.parametrize("name", FUSION)
def test_the_same_fusions_are_made(name: str, grappler: Any) -> None:
    graph = optimize(traced(FUSION[name]), passes=[dependency.PASS, remapper.PASS._replace(requires=())])
    ours = [[node.op, *node.attrs["fused_ops"]] for node in graph.nodes if "fused_ops" in node.attrs]
    (theirs,) = grappler["fusion"][name]
    if name in BEYOND:
        assert ours == [BEYOND[name]]
        assert ours[0][: len(theirs)] == theirs
    else:
        assert ours == [theirs]
