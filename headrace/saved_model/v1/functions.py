"""Functions cut out of a main graph by the tensors that go in and come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.core import nest
from headrace.core.shapes import SCALAR, UNKNOWN, TensorShape
from headrace.core.spec import TensorSpec
from headrace.dispatch.tensor import Tensor
from headrace.saved_model.functional_import import Input, capture_input
from headrace.saved_model.graph_import import FunctionImporter
from headrace.saved_model.resources import unshare
from headrace.saved_model.restored import Kind, make_concrete
from headrace.saved_model.v1.branches import BranchRaiser
from headrace.saved_model.v1.legacy import REFERENCES, TABLES, modernize
from headrace.saved_model.v1.loops import LoopRaiser
from headrace.saved_model.v1.nodes import MainNodes, Node, Port, Region
from headrace.saved_model.v1.tensor_arrays import convert_tensor_arrays
from headrace.state.variable import Variable

VARIABLES = REFERENCES | {"VarHandleOp"}
HANDLES = VARIABLES | TABLES
PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2"})
"""Ops whose output stands for state that outlives a run: it becomes a captured input of each function."""


class GraphFunctions:
    """Makes functions of one main graph.

    Attributes:
        nodes: the graph.
        importer: holds the graph's library, and takes up the functions that are made.
    """

    def __init__(self, graph_def: Any, label: str) -> None:
        """Takes a GraphDef; `label` names it in messages.

        Raises:
            InvalidArgumentError: two nodes, or two functions of the library, have one name.
        """
        self.nodes = MainNodes(graph_def, label)
        self.importer = FunctionImporter(graph_def.library)

    def define(
        self,
        name: str,
        feeds: Sequence[Port],
        fetches: Sequence[Port],
        targets: Sequence[str] = (),
        given: Callable[[Node], bool] = lambda node: node.op in HANDLES,
    ) -> tuple[str, list[str]]:
        """Adds a function to the importer.

        Args:
            name: proposed for it.
            feeds: its arguments.
            fetches: its results.
            targets: nodes that it runs besides.
            given: True for nodes that are not run: what they make, handles of variables and tables, is passed to the function.

        Returns:
            The function's name, and the names of the nodes whose outputs follow the arguments.

        Raises:
            InvalidArgumentError: a node does not exist, a placeholder is not fed, or branches and loops are malformed.
        """
        region = self.nodes.region(feeds, fetches, targets, given)
        held = region.arguments[len(feeds) :]
        references = {key: node for key in held if (node := self.nodes.read(key)).op in REFERENCES}
        modernize(region, {key: node.attr["dtype"] for key, node in references.items() if node.get("dtype", "type")})
        convert_tensor_arrays(region)
        LoopRaiser(region, self._define).run()
        return self._define(name, region), held

    def _define(self, name: str, region: Region) -> str:
        BranchRaiser(region, self._define).run()
        return self.importer.add(name, region.arguments, list(region.nodes.values()), [str(port) for port in region.outputs])

    def build(
        self,
        kind: type[Kind],
        function: str,
        signature: tuple[tuple[Any, ...], dict[str, Any]],
        outputs: Any,
        captured: Sequence[Tensor],
        variables: Mapping[int, Variable],
    ) -> Kind:
        """A function of the importer as a ConcreteFunction.

        Args:
            kind: the class to make.
            function: its name.
            signature: `(args, kwargs)` of TensorSpecs.
            outputs: the structure of the result; see make_concrete.
            captured: handles for its last arguments.
            variables: the model's variables by the identity of their storage.

        Raises:
            InvalidArgumentError: the graph contradicts itself.
            UnimplementedError: it holds an op that Headrace does not have.
        """
        specs = [leaf for leaf in nest.flatten(signature, expand_composites=True) if isinstance(leaf, TensorSpec)]
        inputs = [Input(s.dtype, s.shape, s.name or f"input_{i}") for i, s in enumerate(specs)]
        graph = self.importer.build(function, [*inputs, *map(capture_input, captured)])
        unshare(graph)
        return make_concrete(kind, graph, captured, signature, outputs, variables, function)


def placeholder_spec(node: Node) -> TensorSpec:
    """What a placeholder takes.

    Raises:
        InvalidArgumentError: it does not say its dtype.
    """
    return TensorSpec(_shape(node), node.get("dtype", "type"), node.name)


def _shape(node: Node) -> TensorShape:
    """The shape of a placeholder. Graphs of before 2017 write a scalar for an unknown one."""
    shape: TensorShape = node.get("shape", "shape") if "shape" in node.attr else UNKNOWN
    if shape == SCALAR and "_output_shapes" in node.attr:
        return next(iter(node.get("_output_shapes", "list(shape)")), shape)
    return shape
