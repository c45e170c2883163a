"""FunctionDef to ir.Graph. Calls are inlined, so that a graph stands on its own and can be differentiated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core import dtypes
from headrace.core.errors import HeadraceError, InvalidArgumentError, ResourceExhaustedError, UnimplementedError
from headrace.core.shapes import TensorShape
from headrace.dispatch.convert import resolve_types
from headrace.dispatch.infer import content_probes, infer
from headrace.dispatch.opdef import REQUIRED, OpDef, find, get
from headrace.ir.functional import FUNCTIONAL
from headrace.ir.graph import Graph, Node, Value
from headrace.proto.tensors import dtype_from_proto, from_proto
from headrace.saved_model import attrs
from headrace.saved_model.functional_import import Input, import_functional
from headrace.saved_model.gradient_import import RegisteredGradient
from headrace.saved_model.graph_export import CALLS, output_labels
from headrace.saved_model.spelling import add_of_lists, of_lists

MAX_NODES = 5_000_000
"""Functions may call functions: a file of a few kilobytes can spell out any number of nodes."""
_MAX_DEPTH = 100
_DROPPED = frozenset({"NoOp", "DisableCopyOnRead"})
"""Nodes without outputs whose effect Headrace does not need; control edges pass through them."""

_OUTPUT = ("output",)
"""The output argument of constants, calls, branches and loops."""
_HANDLED = _DROPPED | FUNCTIONAL | {*CALLS, "Const", "IdentityN"}
"""Ops that are read without a declaration."""


@dataclass(frozen=True)
class MainFunction:
    """A function made of nodes of a main graph, in the place of a FunctionDef; no types are declared for what goes in and out.

    Attributes:
        name: in the library.
        arguments: their names.
        node_def: what can be read like NodeDefs, their inputs written as in a main graph: `node` or `node:number`.
        results: what is returned, written in the same way.
    """

    name: str
    arguments: Sequence[str]
    node_def: Sequence[Any]
    results: Sequence[str]


class FunctionImporter:
    """Builds graphs from the functions of one library."""

    def __init__(self, library: Any) -> None:
        """Takes a FunctionDefLibrary.

        Raises:
            InvalidArgumentError: two functions have the same name.
        """
        self.gradients: dict[bytes, RegisteredGradient] = {}
        """The gradients in the model, by the type that nodes name."""
        self._functions: dict[str, Any] = {}
        self._uses: dict[str, int] = {}
        for function in library.function:
            name = function.signature.name
            if name in self._functions:
                raise InvalidArgumentError(f"the model's library holds two functions named {name!r}; expected unique names")
            self._functions[name] = function

    def add(self, name: str, arguments: Sequence[str], nodes: Sequence[Any], results: Sequence[str]) -> str:
        """Adds a function of nodes of a main graph; returns its name, which is `name` unless that is taken. See MainFunction."""
        unique, number = name, 0
        while unique in self._functions:
            number += 1
            unique = f"{name}_{number}"
        self._functions[unique] = MainFunction(unique, arguments, nodes, results)
        return unique

    def __contains__(self, name: object) -> bool:
        return name in self._functions

    def definition(self, name: str) -> Any:
        """The FunctionDef, or MainFunction, of that name.

        Raises:
            InvalidArgumentError: the library has none.
        """
        found = self._functions.get(name)
        if found is None:
            raise InvalidArgumentError(f"the model calls a function {name!r} that its library does not hold")
        return found

    def missing_ops(self, name: str) -> list[str]:
        """The ops that Headrace does not have among those of a function and of the functions that it calls, sorted."""
        found: set[str] = set()
        pending, seen = [name], {name}
        while pending:
            for node in self.definition(pending.pop()).node_def:
                called = [attr.func.name for attr in node.attr.values() if attr.WhichOneof("value") == "func"]
                called += [func.name for attr in node.attr.values() for func in attr.list.func]
                if node.op in self:
                    called.append(node.op)
                elif node.op not in _HANDLED and find(node.op) is None:
                    found.add(node.op)
                fresh = {other for other in called if other in self} - seen
                seen |= fresh
                pending.extend(fresh)
        return sorted(found)

    def build(self, name: str, inputs: Sequence[Input], callers: tuple[str, ...] = ()) -> Graph:
        """The graph of a function for inputs of these dtypes and shapes; `callers` are the functions that it is part of.

        Raises:
            InvalidArgumentError: the definition contradicts itself or the inputs.
            UnimplementedError: it holds an op that Headrace does not have.
        """
        uses = self._uses[name] = self._uses.get(name, 0) + 1
        graph = Graph(name if uses == 1 else f"{name}_{uses}")
        values = [graph.add_input(i.dtype, i.shape, i.name, element=i.element) for i in inputs]
        graph.outputs = self._inline(graph, name, values, "", callers)
        return graph

    def _inline(self, graph: Graph, name: str, inputs: Sequence[Value], prefix: str, callers: tuple[str, ...]) -> list[Value]:
        if name in callers:
            raise UnimplementedError(f"function {name!r} calls itself (through {' -> '.join(callers)}); recursion is not supported")
        if len(callers) >= _MAX_DEPTH:
            raise UnimplementedError(f"functions are nested more than {_MAX_DEPTH} deep at {name!r}")
        definition = self.definition(name)
        body = _Body(self, graph, definition, prefix, (*callers, name))
        return body.run(inputs)

    def call(self, graph: Graph, name: str, inputs: Sequence[Value], prefix: str, callers: tuple[str, ...]) -> list[Value]:
        """Inlines a call of function `name` into `graph`; returns its outputs."""
        return self._inline(graph, name, inputs, prefix, callers)


class _Body:
    """One function on its way into a graph."""

    def __init__(self, importer: FunctionImporter, graph: Graph, definition: Any, prefix: str, callers: tuple[str, ...]) -> None:
        self._importer = importer
        self._graph = graph
        self._definition = definition
        self._name: str = callers[-1]
        self._prefix = prefix
        self._callers = callers
        self._values: dict[str, list[Value]] = {}
        """Arguments by name, and output arguments of nodes by `node:argument`."""
        self._numbered: dict[str, list[Value]] = {}
        """The outputs of nodes by node, which is how a main graph counts them."""
        self._custom: list[tuple[Node, RegisteredGradient]] = []
        """Nodes with gradients of their own."""

    def run(self, inputs: Sequence[Value]) -> list[Value]:
        if isinstance(self._definition, MainFunction):
            self._values |= {name: [value] for name, value in zip(self._definition.arguments, inputs, strict=True)}
            self._add_nodes()
            return [self._resolve(text, f"a result of {self._name!r}") for text in self._definition.results]
        arguments = self._definition.signature.input_arg
        if len(arguments) != len(inputs):
            raise InvalidArgumentError(f"function {self._name!r} takes {len(arguments)} inputs but is called with {len(inputs)}")
        for argument, value in zip(arguments, inputs, strict=True):
            self._check_argument(argument, value)
            self._values[argument.name] = [value]
        self._add_nodes()
        return [self._output(argument) for argument in self._definition.signature.output_arg]

    def _add_nodes(self) -> None:
        for node in self._ordered():
            self._add(node)
        for made, gradient in self._custom:
            self._graph.gradients[made] = gradient.saved(made, self._name, self._named, self._importer.build)

    def _check_argument(self, argument: Any, value: Value) -> None:
        what = f"argument {argument.name!r} of function {self._name!r}"
        if argument.number_attr or argument.type_list_attr or argument.type_attr:
            raise UnimplementedError(f"{what} has a type that depends on attributes; only fixed types are supported")
        declared = dtype_from_proto(argument.type, what)
        if declared is not value.dtype:
            raise InvalidArgumentError(f"{what} is {declared.name} but {value.dtype.name} is passed")
        if argument.name in self._values:
            raise InvalidArgumentError(f"function {self._name!r} has two arguments named {argument.name!r}")

    def _output(self, argument: Any) -> Value:
        what = f"output {argument.name!r} of function {self._name!r}"
        if argument.name not in self._definition.ret:
            raise InvalidArgumentError(f"{what} is not assigned; the definition lists no source for it")
        value = self._resolve(self._definition.ret[argument.name], what)
        declared = dtype_from_proto(argument.type, what)
        if declared is not value.dtype:
            raise InvalidArgumentError(f"{what} is declared {declared.name} but its source is {value.dtype.name}")
        return value

    def _ordered(self) -> list[Any]:
        """The nodes so that each follows those it reads or waits for; otherwise in the order of the file."""
        nodes = {node.name: node for node in self._definition.node_def}
        if len(nodes) != len(self._definition.node_def):
            raise InvalidArgumentError(f"function {self._name!r} has two nodes of the same name")
        if len(self._graph.nodes) + len(nodes) > MAX_NODES:
            raise ResourceExhaustedError(f"function {self._callers[0]!r} spells out more than {MAX_NODES} nodes")
        before = {name: self._sources(node, nodes) for name, node in nodes.items()}
        ordered: list[Any] = []
        state: dict[str, int] = {}
        for start in nodes:
            stack = [start]
            while stack:
                name = stack[-1]
                if state.get(name) == 2:
                    stack.pop()
                    continue
                waiting = [source for source in before[name] if state.get(source) != 2]
                if not waiting:
                    state[name] = 2
                    ordered.append(nodes[name])
                    stack.pop()
                elif state.get(name) == 1:
                    raise InvalidArgumentError(f"function {self._name!r} has a cycle through node {name!r}")
                else:
                    state[name] = 1
                    stack.extend(reversed(waiting))
        return ordered

    def _sources(self, node: Any, nodes: Mapping[str, Any]) -> list[str]:
        sources = []
        for text in node.input:
            source = text.removeprefix("^").partition(":")[0]
            if source in nodes:
                sources.append(source)
            elif source not in self._values:
                raise InvalidArgumentError(f"node {node.name!r} of function {self._name!r} reads {text!r}, which does not exist")
        return list(dict.fromkeys(sources))

    def _resolve(self, text: str, what: str) -> Value:
        name, _, rest = text.partition(":")
        output, _, number = rest.rpartition(":")
        if isinstance(self._definition, MainFunction):
            values = self._values.get(name) or self._numbered.get(name)
        else:
            values = self._values.get(name if not rest or rest == "0" else f"{name}:{output or rest}")
        index = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
        if values is None or index >= len(values):
            raise InvalidArgumentError(f"{what} reads {text!r}, which does not exist in function {self._name!r}")
        return values[index]

    def _keep(self, node: Any, labels: Iterable[str], values: Sequence[Value]) -> None:
        """Remembers the outputs of a node, each under the name of its output argument."""
        self._numbered[node.name] = list(values)
        for label, value in zip(labels, values, strict=True):
            self._values.setdefault(f"{node.name}:{label}", []).append(value)

    def _add(self, node: Any) -> None:
        what = f"node {node.name!r} ({node.op}) of function {self._name!r}"
        inputs = [self._resolve(text, what) for text in node.input if not text.startswith("^")]
        if node.op in _DROPPED:
            return
        if node.op in CALLS or node.op in self._importer:
            name = attrs.decode("func", _attr(node, "f", what), what) if node.op in CALLS else node.op
            prefix = f"{self._prefix}{node.name}/"
            outputs = self._importer.call(self._graph, name, inputs, prefix, self._callers)
            if node.op in CALLS:
                self._keep(node, _OUTPUT * len(outputs), outputs)
            else:
                self._keep(node, [argument.name for argument in self._importer.definition(name).signature.output_arg], outputs)
        elif node.op in FUNCTIONAL:
            self._add_functional(node, inputs, what)
        elif node.op == "Const":
            self._add_const(node, what)
        elif node.op == "IdentityN" and node.attr["_gradient_op_type"].s in self._importer.gradients:
            self._add_custom(node, inputs, what)
        elif node.op == "IdentityN" or (node.op == "Identity" and inputs[0].dtype in (dtypes.resource, dtypes.variant)):
            self._keep(node, _OUTPUT * len(inputs), inputs)
        elif of_lists(node.op, inputs):
            made = add_of_lists(self._graph, node.op, inputs, self._prefix + node.name)
            self._keep(node, [argument.name for argument in get(node.op).outputs], [made])
        else:
            self._add_op(node, inputs, what)

    def _add_custom(self, node: Any, inputs: list[Value], what: str) -> None:
        """A node that passes values on and has a gradient of its own."""
        gradient = self._importer.gradients[node.attr["_gradient_op_type"].s]
        gradient.check(len(inputs), what)
        self._add_op(node, inputs, what)
        self._custom.append((self._graph.nodes[-1], gradient))

    def _named(self, text: str) -> Value | None:
        """The value that `node:number` names in a graph, counting all outputs of the node; None where there is none."""
        name, _, number = text.partition(":")
        outputs = self._values.get(name) or self._numbered.get(name) or []
        index = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else len(outputs)
        return outputs[index] if index < len(outputs) else None

    def _add_functional(self, node: Any, inputs: list[Value], what: str) -> None:
        """A branch or loop, with its functions as graphs of their own."""
        depth = len(self._callers) - 1

        def build(name: str, fed: Sequence[Input]) -> Graph:
            return self._importer.build(name, fed, self._callers)

        complete, outputs = import_functional(node, inputs, what, build, depth)
        self._graph.add_node(node.op, inputs, complete, outputs, name=self._prefix + node.name)
        self._keep(node, _OUTPUT * len(outputs), outputs)

    def _add_const(self, node: Any, what: str) -> None:
        value = from_proto(constant_tensor(node, what), what)
        dtype = attrs.decode("type", _attr(node, "dtype", what), what)
        if value.dtype != dtype.np_dtype:
            raise InvalidArgumentError(f"{what} says {dtype.name} but holds {value.dtype}")
        output = Value(dtype, TensorShape(value.shape), probes=content_probes(value))
        self._graph.add_node("Const", [], {"value": value, "dtype": dtype}, [output], name=self._prefix + node.name)
        self._keep(node, _OUTPUT, [output])

    def _add_op(self, node: Any, inputs: list[Value], what: str) -> None:
        op = find(node.op)
        if op is None:
            raise UnimplementedError(f"{what}: Headrace has no op {node.op!r}", op=node.op)
        try:
            complete = self._attributes(op, node, inputs, what)
            inferred = infer(op, inputs, complete)
        except UnimplementedError:
            raise
        except HeadraceError as error:
            raise InvalidArgumentError(f"{what}: {error}", op=node.op) from None
        outputs = [Value(dtype, shape, probes=probes) for dtype, shape, probes in inferred]
        self._graph.add_node(node.op, inputs, complete, outputs, name=self._prefix + node.name)
        self._keep(node, (label.partition(":")[0] for label in output_labels(op, complete)), outputs)

    def _attributes(self, op: OpDef, node: Any, inputs: Sequence[Value], what: str) -> dict[str, Any]:
        """Every attribute of a node: those given, the defaults, and what the inputs imply."""
        given: dict[str, Any] = {}
        for key, attr in op.attrs.items():
            label = f"attribute {key!r} of {what}"
            if key in node.attr:
                if "func" in attr.kind:
                    raise UnimplementedError(f"{label} is a function; ops that hold functions are not read yet", op=node.op)
                given[key] = attrs.decode(attr.kind, node.attr[key], label)
            elif attr.default is REQUIRED and not attr.implied:
                raise InvalidArgumentError(f"{label} is missing; expected {attr.kind}", op=node.op)
        for key in node.attr:
            if key not in op.attrs and not key.startswith("_") and not attrs.is_blank(node.attr[key]):
                raise UnimplementedError(f"{what} sets the attribute {key!r}, which Headrace's {node.op} does not have", op=node.op)
        explicit = op.canonical({key: value for key, value in given.items() if not op.attrs[key].implied})
        complete = resolve_types(op, inputs, explicit, _counts(op, given, inputs, what))
        for key, value in given.items():
            if complete[key] != value and op.attrs[key].implied:
                raise InvalidArgumentError(
                    f"{what} says {key} = {_text(value)}, but its inputs imply {_text(complete[key])}", op=node.op
                )
        return complete


def _counts(op: OpDef, given: Mapping[str, Any], inputs: Sequence[Value], what: str) -> list[int]:
    """The length of each list input."""
    lists = [arg for arg in op.inputs if arg.is_list]
    counts = []
    for arg in lists:
        key = arg.number_attr or arg.type_list_attr
        if key in given:
            counts.append(given[key] if arg.number_attr else len(given[key]))
        elif len(lists) == 1:
            counts.append(len(inputs) - len(op.inputs) + 1)
        else:
            raise InvalidArgumentError(f"{what} lacks the attribute {key!r}, the length of its input {arg.name!r}", op=op.name)
    if any(n < 0 for n in counts) or sum(counts) + len(op.inputs) - len(lists) != len(inputs):
        raise InvalidArgumentError(f"{what} has {len(inputs)} inputs, which is not what {op.signature()} takes", op=op.name)
    return counts


def _text(value: Any) -> str:
    return ", ".join(_text(v) for v in value) if isinstance(value, tuple) else getattr(value, "name", str(value))


def _attr(node: Any, key: str, what: str) -> Any:
    if key not in node.attr:
        raise InvalidArgumentError(f"{what} lacks the attribute {key!r}", op=node.op)
    return node.attr[key]


def constant_tensor(node: Any, what: str) -> Any:
    """The TensorProto of a Const node.

    Raises:
        InvalidArgumentError: it has none.
    """
    value = _attr(node, "value", what)
    if value.WhichOneof("value") != "tensor":
        raise InvalidArgumentError(f"{what} holds no tensor in its attribute 'value'", op=node.op)
    return value.tensor
