"""A graph with its state, from which functions are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core import nest
from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.saved_model.functional_import import Input, capture_input
from headrace.saved_model.resources import FilledTable
from headrace.saved_model.restored import LoadedObject
from headrace.saved_model.v1.functions import HANDLES, PLACEHOLDERS, GraphFunctions, placeholder_spec
from headrace.saved_model.v1.nodes import MainNodes, Port, parse_port
from headrace.saved_model.v1.state import GraphState
from headrace.state.assets import Asset
from headrace.state.variable import Variable
from headrace.trace.concrete import ConcreteFunction


@dataclass(frozen=True)
class Element:
    """A tensor or an operation of a graph, by its name."""

    name: str
    type: str
    """The op of its node."""


class GraphView:
    """The nodes of a graph, for looking them up."""

    def __init__(self, nodes: MainNodes) -> None:
        self._nodes = nodes

    def get_operations(self) -> list[Element]:
        """Every node in the order of the graph."""
        return [self.get_operation_by_name(name) for name in self._nodes]

    def get_operation_by_name(self, name: str) -> Element:
        """The node of that name.

        Raises:
            InvalidArgumentError: there is none.
        """
        return Element(name, self._nodes.read(name).op)

    def get_tensor_by_name(self, name: str) -> Element:
        """The tensor of that name, such as 'x:0'.

        Raises:
            InvalidArgumentError: there is no such node, or the name has another form.
        """
        return Element(name, self._nodes.read(parse_port(name, "the name of a tensor").node).op)

    def as_graph_element(self, obj: Any) -> Element:
        """The tensor or node that a name stands for; raises as the two above."""
        name = str(getattr(obj, "name", obj))
        return self.get_tensor_by_name(name) if ":" in name else self.get_operation_by_name(name)


class GraphModel(LoadedObject):
    """A loaded graph.

    Attributes:
        variables: those of the graph.
        signatures: functions that take tensors by name and return a dict; only of SavedModels.
        asset_paths: the files that the graph was initialized from.
        tables: its lookup tables.
    """

    def __init__(self, functions: GraphFunctions, state: GraphState, assets: Sequence[Asset]) -> None:
        self._headrace_functions = functions
        self._headrace_state = state
        self.asset_paths = list(assets)
        self._headrace_graph = GraphView(functions.nodes)
        self.tables = [FilledTable(handle) for handle in state.tables()]
        self.variables: list[Variable] = list({id(v): v for v in state.variables.values()}.values())

    @property
    def graph(self) -> GraphView:
        """The nodes."""
        return self._headrace_graph

    def prune(self, feeds: Any, fetches: Any, name: str = "pruned") -> ConcreteFunction:
        """A function from some tensors of the graph to others.

        Args:
            feeds: names of tensors, such as 'x:0', in lists or dicts as the function shall take them.
            fetches: names of tensors in the structure in which the function shall return them.
            name: of the function.

        Raises:
            InvalidArgumentError: there is no such tensor, or a placeholder that is needed is not fed.
            UnimplementedError: an op that is needed is not there.
        """
        taken = feeds if isinstance(feeds, list | tuple) else [feeds]
        inputs = [_named(text) for text in nest.flatten(taken)]
        ports = [_named(text) for text in nest.flatten(fetches)]
        functions, state = self._headrace_functions, self._headrace_state
        function, held = functions.define(name, inputs, ports)
        specs = nest.map_structure(lambda text: self._spec(_named(text)), tuple(taken))
        structured = nest.map_structure(lambda _: True, fetches)
        return functions.build(ConcreteFunction, function, (specs, {}), structured, state.handles(held), state.by_storage())

    def _spec(self, port: Port) -> TensorSpec:
        """What a tensor of the graph is."""
        functions, state = self._headrace_functions, self._headrace_state
        function, held = functions.define("spec", [], [port], given=lambda node: node.op in HANDLES | PLACEHOLDERS)
        inputs = []
        for node in map(functions.nodes.read, held):
            if node.op in PLACEHOLDERS:
                spec = placeholder_spec(node)
                inputs.append(Input(spec.dtype, spec.shape, node.name))
            else:
                inputs += map(capture_input, state.handles([node.name]))
        (value,) = functions.importer.build(function, inputs).outputs
        return TensorSpec(value.shape, value.dtype, port.node)


def _named(text: Any) -> Port:
    name = text if isinstance(text, str) else getattr(text, "name", text)
    if not isinstance(name, str):
        raise InvalidArgumentError(f"{text!r} names no tensor of the graph; expected a string such as 'x:0'")
    return parse_port(name, "the tensor to feed or to fetch")
