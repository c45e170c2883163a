"""Functions of a GraphDef's library as graphs."""

from __future__ import annotations

from typing import Any

from headrace.core.dtypes import float32
from headrace.core.shapes import TensorShape
from headrace.proto.messages import FunctionDefLibrary
from headrace.runtime import executable
from headrace.saved_model.functional_import import Input
from headrace.saved_model.graph_import import FunctionImporter


def define(library: Any, name: str, results: dict[str, str], *nodes: tuple[str, str, list[str]]) -> None:
    """Adds a function of one float32 input `x`; results and nodes say what they read."""
    function = library.function.add()
    function.signature.name = name
    function.signature.input_arg.add(name="x", type=float32.enum)
    for result, source in results.items():
        function.signature.output_arg.add(name=result, type=float32.enum)
        function.ret[result] = source
    for label, op, inputs in nodes:
        node = function.node_def.add(name=label, op=op, input=inputs)
        if op in ("Neg", "Exp", "AddV2"):
            node.attr["T"].type = float32.enum


def test_a_node_that_is_a_function_has_its_outputs_by_their_names() -> None:
    library = FunctionDefLibrary()
    define(library, "inner", {"less": "a:y:0", "more": "b:y:0"}, ("a", "Neg", ["x"]), ("b", "Exp", ["x"]))
    nodes = ("call", "inner", ["x"]), ("sum", "AddV2", ["call:less:0", "call:more:0"])
    define(library, "outer", {"sum": "sum:z:0", "again": "call:more:0"}, *nodes)
    graph = FunctionImporter(library).build("outer", [Input(float32, TensorShape([]), "x")])
    assert [float(value) for value in executable.of(graph)([float32.np_dtype.type(0)])] == [1.0, 1.0]
