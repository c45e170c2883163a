"""Graph, Node and Value.

A Graph is a function: named inputs, an ordered list of nodes, outputs. The order of the nodes is the order of
execution, which is what keeps side effects in place. Control flow and calls hold other graphs in their attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape

Attr = Any
"""int, float, bool, str, DType, TensorShape, numpy array, Graph, None, or a tuple of these."""


class Probe(NamedTuple):
    """What one trial evaluation knows of a value: its concrete shape and, for small integers, its content."""

    shape: tuple[int, ...] | None
    content: np.ndarray[Any, Any] | None = None


Probes = tuple[Probe, Probe, Probe, Probe]
"""Trial evaluations with different sizes in place of unknown dimensions: two for shapes, two checks; see dispatch/infer.py."""


class Value:
    """One tensor of a graph: an input of it (`node` is None) or an output of a node.

    `element` says what a resource handle refers to: the dtype and shape of the variable's value.
    """

    __slots__ = ("dtype", "element", "index", "name", "node", "probes", "shape")

    def __init__(
        self,
        dtype: DType,
        shape: TensorShape,
        name: str = "",
        probes: Probes | None = None,
        element: tuple[DType, TensorShape] | None = None,
    ) -> None:
        self.dtype = dtype
        self.shape = shape
        self.name = name
        self.probes = probes
        self.element = element
        self.node: Node | None = None
        self.index = 0

    @property
    def label(self) -> str:
        """The value's name for people: the input's name, or `node:index`."""
        if self.node is None:
            return self.name
        return self.node.name if len(self.node.outputs) == 1 else f"{self.node.name}:{self.index}"

    def __repr__(self) -> str:
        return f"<Value %{self.label}: {self.dtype.name}{self.shape}>"


class Node:
    """One operation: its op name, inputs, complete attributes (type attributes such as `T` included) and outputs."""

    __slots__ = ("attrs", "device", "inputs", "name", "op", "outputs", "source")

    def __init__(
        self,
        op: str,
        inputs: Iterable[Value],
        attrs: Mapping[str, Attr],
        outputs: Iterable[Value],
        name: str,
        device: str = "",
        source: str | None = None,
    ) -> None:
        self.op = op
        self.inputs: list[Value] = list(inputs)
        self.attrs: dict[str, Attr] = dict(attrs)
        self.outputs: tuple[Value, ...] = tuple(outputs)
        self.name = name
        self.device = device
        self.source = source
        for index, value in enumerate(self.outputs):
            value.node, value.index = self, index

    @property
    def output(self) -> Value:
        """The only output."""
        (value,) = self.outputs
        return value

    def __repr__(self) -> str:
        return f"<Node {self.name} = {self.op}({', '.join('%' + v.label for v in self.inputs)})>"


class Graph:
    """A function as an ordered list of nodes.

    Attributes:
        name: unique within a FunctionLibrary.
        inputs: the values fed by the caller: the arguments, then the captured tensors and variable handles.
        nodes: in execution order.
        outputs: what a call returns.
        gradients: gradients that a model was saved with, by node; copies do not have them.
        made: what the runtime made of the graph, by kind; it lives as long as the graph, and copies do not have it.
    """

    def __init__(self, name: str = "graph") -> None:
        self.name = name
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self.outputs: list[Value] = []
        self.gradients: dict[Node, Any] = {}
        self.made: dict[str, Any] = {}
        self._names: dict[str, int] = {}

    def unique_name(self, stem: str) -> str:
        """`stem`, or `stem_1`, `stem_2`, ... when it is taken in this graph."""
        count = self._names.get(stem)
        if count is None:
            self._names[stem] = 0
            return stem
        while True:
            count += 1
            name = f"{stem}_{count}"
            if name not in self._names:
                self._names[stem] = count
                self._names[name] = 0
                return name

    def add_input(
        self,
        dtype: DType,
        shape: TensorShape,
        name: str = "input",
        probes: Probes | None = None,
        element: tuple[DType, TensorShape] | None = None,
    ) -> Value:
        """Adds one more input at the end and returns it."""
        value = Value(dtype, shape, self.unique_name(name), probes, element)
        self.inputs.append(value)
        return value

    def add_node(
        self,
        op: str,
        inputs: Iterable[Value],
        attrs: Mapping[str, Attr],
        outputs: Iterable[Value],
        *,
        name: str | None = None,
        device: str = "",
        source: str | None = None,
        before: int | None = None,
    ) -> Node:
        """Appends a node (or inserts it at position `before`) under a unique name and returns it."""
        node = Node(op, inputs, attrs, outputs, self.unique_name(name or op), device, source)
        if before is None:
            self.nodes.append(node)
        else:
            self.nodes.insert(before, node)
        return node

    def values(self) -> Iterator[Value]:
        """Every value: inputs, then the outputs of the nodes in order."""
        yield from self.inputs
        for node in self.nodes:
            yield from node.outputs

    def uses(self) -> dict[Value, list[Node]]:
        """The nodes that read each value, a node once for each time it reads it; unread values are absent."""
        users: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                users.setdefault(value, []).append(node)
        return users

    def replace(self, replacements: Mapping[Value, Value]) -> None:
        """Makes every reader of a key read its replacement instead, the graph's outputs included (chains are followed)."""
        if not replacements:
            return

        def final(value: Value) -> Value:
            while value in replacements:
                value = replacements[value]
            return value

        for node in self.nodes:
            node.inputs = [final(value) for value in node.inputs]
        self.outputs = [final(value) for value in self.outputs]

    def copy(self, name: str | None = None, twins: dict[Value, Value] | None = None) -> Graph:
        """A graph of new nodes and values; graphs held in attributes are shared. `twins` receives every value's copy."""
        twin = Graph(name or self.name)
        mapping: dict[Value, Value] = {} if twins is None else twins
        for value in self.inputs:
            mapping[value] = twin.add_input(value.dtype, value.shape, value.name, value.probes, value.element)
        twin.splice(self, mapping)
        twin.outputs = [mapping[value] for value in self.outputs]
        return twin

    def splice(self, body: Graph, mapping: dict[Value, Value], *, prefix: str = "") -> None:
        """Appends copies of `body`'s nodes. `mapping` gives its inputs' stand-ins and receives every other value's copy."""
        for node in body.nodes:
            outputs = [Value(v.dtype, v.shape, v.name, v.probes, v.element) for v in node.outputs]
            self.add_node(
                node.op,
                [mapping[v] for v in node.inputs],
                node.attrs,
                outputs,
                name=prefix + node.name,
                device=node.device,
                source=node.source,
            )
            mapping.update(zip(node.outputs, outputs, strict=True))

    def __repr__(self) -> str:
        return f"<Graph {self.name}: {len(self.inputs)} inputs, {len(self.nodes)} nodes, {len(self.outputs)} outputs>"


def subgraphs(node: Node) -> Iterator[Graph]:
    """The graphs held in a node's attributes."""
    for value in node.attrs.values():
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Graph))


def ancestors(outputs: Sequence[Value], keep: Callable[[Node], bool] = lambda _: False) -> set[Node]:
    """The nodes that `outputs` depend on, through data alone. `keep` stops the walk at a node when it answers True."""
    found: set[Node] = set()
    stack = [v.node for v in outputs if v.node is not None]
    while stack:
        node = stack.pop()
        if node in found or keep(node):
            continue
        found.add(node)
        stack.extend(v.node for v in node.inputs if v.node is not None)
    return found


class FunctionLibrary:
    """Graphs by name, with those reached through their attributes."""

    def __init__(self, graphs: Iterable[Graph] = ()) -> None:
        self._graphs: dict[str, Graph] = {}
        for graph in graphs:
            self.add(graph)

    def add(self, graph: Graph) -> None:
        """Adds `graph` and every graph that its nodes hold.

        Raises:
            ValueError: another graph has the same name.
        """
        known = self._graphs.get(graph.name)
        if known is graph:
            return
        if known is not None:
            raise ValueError(f"two different functions are named {graph.name!r}; a library needs unique names")
        self._graphs[graph.name] = graph
        for node in graph.nodes:
            for body in subgraphs(node):
                self.add(body)

    def __getitem__(self, name: str) -> Graph:
        return self._graphs[name]

    def __contains__(self, name: object) -> bool:
        return name in self._graphs

    def __iter__(self) -> Iterator[Graph]:
        return iter(self._graphs.values())

    def __len__(self) -> int:
        return len(self._graphs)
