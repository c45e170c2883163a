"""The nodes of a main graph, and the part of them that a computation needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from headrace.core.errors import InvalidArgumentError
from headrace.saved_model import attrs


class Port(NamedTuple):
    """An output of a node, or an argument when no node has the name."""

    node: str
    output: int = 0

    def __str__(self) -> str:
        return f"{self.node}:{self.output}" if self.output else self.node


@dataclass
class Node:
    """A node whose inputs can be changed. It can be read like a NodeDef."""

    name: str
    op: str
    inputs: list[Port]
    controls: list[str] = field(default_factory=list)
    """The names of the nodes that must run before."""
    attr: Mapping[str, Any] = field(default_factory=dict)
    """AttrValues by name."""

    @property
    def input(self) -> list[str]:
        """The inputs as a NodeDef writes them."""
        return [*map(str, self.inputs), *(f"^{name}" for name in self.controls)]

    def get(self, key: str, kind: str) -> Any:
        """The value of an attribute.

        Raises:
            InvalidArgumentError: it is missing or of another kind.
        """
        what = f"attribute {key!r} of node {self.name!r} ({self.op})"
        if key not in self.attr:
            raise InvalidArgumentError(f"{what} is missing; expected {kind}", op=self.op)
        return attrs.decode(kind, self.attr[key], what)

    def text(self, key: str) -> str:
        """The value of an attribute that is a text, empty where it is missing."""
        return str(self.get(key, "string")) if key in self.attr else ""


Nodes = MutableMapping[str, Node]


@dataclass
class Region:
    """Nodes that compute outputs from arguments.

    Attributes:
        nodes: by name; no node has the name of an argument.
        arguments: their names.
        outputs: what is computed.
        targets: nodes that are run for their effects.
    """

    nodes: Nodes
    arguments: list[str]
    outputs: list[Port]
    targets: list[str] = field(default_factory=list)

    def redirect(self, ports: Mapping[Port, Port], names: Mapping[str, str]) -> None:
        """Lets whoever reads a port, or waits for a node, read or wait for another."""
        for node in self.nodes.values():
            if any(port in ports for port in node.inputs):
                node.inputs = [ports.get(port, port) for port in node.inputs]
            if any(name in names for name in node.controls):
                node.controls = list(dict.fromkeys(names.get(name, name) for name in node.controls))
        self.outputs = [ports.get(port, port) for port in self.outputs]
        self.targets = [names.get(name, name) for name in self.targets]

    def prune(self) -> None:
        """Drops what neither outputs nor targets need."""
        needed = reach(self.nodes, [*(port.node for port in self.outputs), *self.targets])
        self.nodes = {name: node for name, node in self.nodes.items() if name in needed}
        for node in self.nodes.values():
            node.controls = [name for name in node.controls if name in needed]

    def unique(self, stem: str) -> str:
        """A name that no node and no argument has."""
        name, number = stem, 0
        while name in self.nodes or name in self.arguments:
            number += 1
            name = f"{stem}_{number}"
        return name


def before(node: Node) -> Iterator[str]:
    """The names of the nodes that a node reads or waits for."""
    yield from (port.node for port in node.inputs)
    yield from node.controls


def reach(nodes: Mapping[str, Node], roots: Iterable[str], stop: Callable[[str], bool] = lambda _: False) -> dict[str, None]:
    """The names of the nodes that `roots` need, in the order in which they are met; those where `stop` holds are left out."""
    found: dict[str, None] = {}
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name in nodes and name not in found and not stop(name):
            found[name] = None
            pending.extend(before(nodes[name]))
    return found


def ordered(nodes: Mapping[str, Node]) -> list[Node]:
    """The nodes so that each follows those it reads or waits for.

    Raises:
        InvalidArgumentError: there is a cycle.
    """
    result: list[Node] = []
    state: dict[str, int] = {}
    for start in nodes:
        stack = [start]
        while stack:
            name = stack[-1]
            waiting = [] if state.get(name) else [n for n in before(nodes[name]) if n in nodes and state.get(n) != 2]
            if any(state.get(n) == 1 for n in waiting):
                raise InvalidArgumentError(f"the graph has a cycle through node {name!r} ({nodes[name].op}), which is in no loop")
            if waiting:
                state[name] = 1
                stack.extend(waiting)
                continue
            stack.pop()
            if state.get(name) != 2:
                state[name] = 2
                result.append(nodes[name])
    return result


def parse_port(text: str, what: str) -> Port:
    """`node` or `node:number` as a port.

    Raises:
        InvalidArgumentError: it is neither.
    """
    name, colon, number = text.partition(":")
    if not name or (colon and not (number.isascii() and number.isdigit() and len(number) < 9)):
        raise InvalidArgumentError(f"{what} is {text!r}; expected the name of a tensor, such as 'node:0'")
    return Port(name, int(number or 0))


class MainNodes:
    """Every node of a GraphDef by name."""

    def __init__(self, graph_def: Any, label: str) -> None:
        """Indexes the nodes.

        Args:
            graph_def: a GraphDef.
            label: names the graph in messages.

        Raises:
            InvalidArgumentError: two nodes have one name.
        """
        self.label = label
        self._protos = {node.name: node for node in graph_def.node}
        if len(self._protos) != len(graph_def.node):
            raise InvalidArgumentError(f"{label} has two nodes of the same name")
        for name in self._protos:
            if not name or name.startswith("<"):
                raise InvalidArgumentError(f"{label} has a node named {name!r}, which is no name of a node")

    def __contains__(self, name: object) -> bool:
        return name in self._protos

    def __iter__(self) -> Iterator[str]:
        return iter(self._protos)

    def read(self, name: str) -> Node:
        """A node, to be changed freely.

        Raises:
            InvalidArgumentError: there is none of that name, or an input of it is spelled wrong.
        """
        if name not in self._protos:
            raise InvalidArgumentError(
                f"{self.label} has no node {name!r}; expected the name of one of its {len(self._protos)} nodes"
            )
        proto = self._protos[name]
        data = [parse_port(text, f"an input of node {name!r}") for text in proto.input if not text.startswith("^")]
        return Node(name, proto.op, data, [text[1:] for text in proto.input if text.startswith("^")], proto.attr)

    def region(
        self,
        feeds: Sequence[Port],
        outputs: Sequence[Port],
        targets: Sequence[str] = (),
        state: Callable[[Node], bool] = lambda _: False,
    ) -> Region:
        """What it takes to compute `outputs` and to run `targets`, each node as it stands in the graph.

        Args:
            feeds: ports whose values are given: the first arguments, named `<0>`, `<1>` and so on.
            outputs: the tensors to compute.
            targets: names of nodes to run.
            state: True for nodes that are not run but whose output becomes an argument of the node's name, after those of `feeds`.

        Raises:
            InvalidArgumentError: a node does not exist, or one must be fed and is not.
        """
        given = {port: Port(f"<{i}>") for i, port in enumerate(feeds)}
        for port in feeds:
            self.read(port.node)
        nodes: dict[str, Node] = {}
        kept: dict[str, None] = {}
        pending = [*targets, *(port.node for port in outputs if port not in given)]
        while pending:
            name = pending.pop()
            if name in nodes or name in kept:
                continue
            node = self.read(name)
            if state(node):
                kept[name] = None
                continue
            if node.op in ("Placeholder", "PlaceholderV2"):
                if Port(name) in given:  # somebody waits for it: it is there from the start
                    continue
                raise InvalidArgumentError(f"the placeholder {name!r} of {self.label} is needed but not fed; give it as an input")
            nodes[name] = node
            node.inputs = [given.get(port, port) for port in node.inputs]
            pending.extend(name for name in before(node) if not name.startswith("<"))
        for node in nodes.values():
            node.controls = [name for name in node.controls if name in nodes]
        file_order = {name: nodes[name] for name in self._protos if name in nodes}
        arguments = [*(port.node for port in given.values()), *(name for name in self._protos if name in kept)]
        return Region(
            file_order, arguments, [given.get(port, port) for port in outputs], [name for name in targets if name in nodes]
        )
