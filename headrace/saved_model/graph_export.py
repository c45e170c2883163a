"""ir.Graph to FunctionDef: the functions of a GraphDef's library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import UnimplementedError
from headrace.core.shapes import SCALAR
from headrace.dispatch.opdef import OpDef, find
from headrace.ir.functional import FUNCTIONAL, LOOPS, first_input
from headrace.ir.graph import Graph, Node, Value, subgraphs
from headrace.passes.unused_results import trimmed
from headrace.proto.messages import AttrValue, FunctionDef, GraphDef, NodeDef, VersionDef
from headrace.proto.tensors import shape_to_proto, to_proto
from headrace.saved_model import attrs
from headrace.saved_model.grouped_export import NOT_INLINED, is_grouped, set_apart
from headrace.saved_model.loop_export import CARRIED, counted
from headrace.saved_model.spelling import spelled

PRODUCER = 1882
"""The version of GraphDef's semantics that exported graphs follow; loaders choose old behaviours below certain versions."""
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_PASSED = {"Tin": "list(type)", "Tout": "list(type)"}
_BRANCHED = {**_PASSED, "output_shapes": "list(shape)"}
FUNCTION_ATTRS = {
    "PartitionedCall": {**_PASSED, "f": "func"},
    "If": {"Tcond": "type", **_BRANCHED, "then_branch": "func", "else_branch": "func"},
    "Case": {**_BRANCHED, "branches": "list(func)"},
    "While": {"T": "list(type)", "output_shapes": "list(shape)", "cond": "func", "body": "func", "parallel_iterations": "int"},
}
"""The attributes of nodes that hold functions, by the name without what it says of effects."""
_READS = frozenset(
    {
        "LookupTableExportV2",
        "LookupTableFindV2",
        "LookupTableSizeV2",
        "ReadVariableOp",
        "ResourceGather",
        "ResourceGatherNd",
        "VarIsInitializedOp",
        "VariableShape",
    }
)


class FunctionExporter:
    """Turns graphs, with those that they call, into FunctionDefs.

    Attributes:
        functions: the FunctionDefs by name, in the order in which they were finished: callees come first.
    """

    def __init__(self, *, to_look_at: bool = False) -> None:
        """Takes what the functions are for: a graph to look at may have ops that TensorFlow lacks."""
        self.to_look_at = to_look_at
        self.functions: dict[str, Any] = {}
        self.gradient_types: dict[Node, str] = {}
        """The type of the gradient that a node has of its own."""
        self.kept: set[Value] = set()
        """Values that such gradients refer to."""
        self._tensors: dict[str, dict[Value, str]] = {}
        self._names: dict[int, str] = {}
        self._graphs: list[Graph] = []

    def add(self, graph: Graph, stem: str | None = None, outputs: Sequence[str] | None = None) -> str:
        """Adds a graph, once, and returns its name in the library.

        Args:
            graph: the function.
            stem: what the name begins with; the graph's name by default.
            outputs: names of the outputs.

        Raises:
            UnimplementedError: an op has no counterpart in TensorFlow.
        """
        known = self._names.get(id(graph))
        if known is not None:
            return known
        # TensorFlow tells functions of one stem apart by a number at the end, and hashes the rest of the name.
        name = f"__inference_{_UNFIT.sub('_', stem or graph.name) or 'function'}_{len(self._names)}"
        self._names[id(graph)] = name
        self._graphs.append(graph)  # ids stay valid only while the graphs live
        self.functions[name] = self._exported(graph, name, outputs)
        return name

    def _exported(self, graph: Graph, name: str, outputs: Sequence[str] | None) -> Any:
        """The FunctionDef of what a graph computes; what gradients of its nodes refer to is written as well."""
        referred = [value for value in graph.values() if value in self.kept] if self.kept else []
        twins: dict[Value, Value] = {}
        body = _Body(self, trimmed(graph, referred, twins), name)
        for node in graph.nodes:
            made = twins.get(node.outputs[0], node.outputs[0]).node if node in self.gradient_types else None
            if made is not None:
                self.gradient_types[made] = self.gradient_types[node]
        function = body.build(outputs)
        if referred:
            names = body.tensors()
            self._tensors[name] = {value: names[twins.get(value, value)] for value in referred}
        return function

    def tensor_name(self, function: str, value: Value) -> str:
        """What a graph made of a function calls one of its values; known where nodes have gradients of their own."""
        return self._tensors[function][value]


def graph_def(graph: Graph, *, to_look_at: bool = False) -> Any:
    """A GraphDef whose nodes are those of a graph; inputs become placeholders, the functions it calls the library.

    Args:
        graph: its nodes.
        to_look_at: ops that TensorFlow lacks are written as well; the GraphDef is to be shown, not run.

    Raises:
        UnimplementedError: an op has no counterpart in TensorFlow.
    """
    exporter = FunctionExporter(to_look_at=to_look_at)
    body = _Body(exporter, graph, graph.name)
    function = body.build(None)
    found = GraphDef(versions=VersionDef(producer=PRODUCER))
    for argument, value in zip(function.signature.input_arg, graph.inputs, strict=True):
        node = found.node.add(name=argument.name, op="Placeholder")
        node.attr["dtype"].type = argument.type
        node.attr["shape"].shape.CopyFrom(shape_to_proto(value.shape))
    plain = {reference: _plain(reference, position) for reference, position in body.positions()}
    for node in function.node_def:
        copy = found.node.add()
        copy.CopyFrom(node)
        # What is not in the table is an argument, a control input, or a constant that stands for no value of the graph.
        copy.input[:] = [plain.get(text, text.removesuffix(":output:0")) for text in node.input]
    found.library.function.extend(exporter.functions.values())
    return found


def _plain(reference: str, position: int) -> str:
    """`node:output:0` of a function's body as a graph writes it: `node`, or `node:1`."""
    name = reference.partition(":")[0]
    return f"{name}:{position}" if position else name


def problem(graph: Graph) -> str | None:
    """Why a graph cannot be written for TensorFlow, naming op and function; None when it can."""
    return _problem(trimmed(graph))


def _problem(graph: Graph) -> str | None:
    for node in map(spelled, graph.nodes):
        op = find(node.op)
        if node.op not in FUNCTIONAL and node.op != "Const" and (op is None or not op.exportable):
            where = f" (from {node.source})" if node.source else ""
            return f"TensorFlow has no op like {node.op!r}, node {node.name!r}{where} of function {graph.name!r}"
        for body in subgraphs(node):
            below = _problem(body)
            if below is not None:
                return below
    return None


_UNFIT = re.compile(r"[^A-Za-z0-9_.\-/]")


def argument_name(text: str) -> str:
    """`text` as the name of a function's argument: lower case letters, digits and underscores, a letter first."""
    name = re.sub(r"[^a-z0-9_]", "_", text.lower())
    return name if name[:1].isalpha() else f"arg_{name}"


def node_name(text: str) -> str:
    """`text` as the name of a node."""
    name = _UNFIT.sub("_", text)
    return name if name[:1].isalnum() or name[:1] == "." else f"n{name}"


class _Body:
    """One function on its way to a FunctionDef."""

    def __init__(self, exporter: FunctionExporter, graph: Graph, name: str) -> None:
        self._exporter = exporter
        self._graph = graph
        self._taken: set[str] = set()
        self._references: dict[Value, str] = {}
        self._controls = _Order()
        self._is_apart = len(graph.nodes) == 1  # nothing stands there that a convolution could be joined with
        self.proto = FunctionDef()
        self.proto.signature.name = name

    def _unique(self, stem: str) -> str:
        name, number = stem, 0
        while name.lower() in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._taken.add(name.lower())
        return name

    def build(self, outputs: Sequence[str] | None) -> Any:
        for position, value in enumerate(self._graph.inputs):
            self._add_argument(position, value)
        for node in self._graph.nodes:
            self._add_node(node)
        names = outputs or ["identity"] * len(self._graph.outputs)
        for text, value in zip(names, self._graph.outputs, strict=True):
            self._add_output(text, value)
        for node_def in self._controls.effects:
            self.proto.signature.control_output.append(node_def)
            self.proto.control_ret[node_def] = node_def
        self.proto.signature.is_stateful = bool(self._controls.effects) or self._controls.stateful
        return self.proto

    def positions(self) -> list[tuple[str, int]]:
        """Every reference to an output of a node, with its number among the node's outputs."""
        return [
            (reference, value.index + (len(CARRIED) if value.node is not None and value.node.op in LOOPS else 0))
            for value, reference in self._references.items()
        ]

    def tensors(self) -> dict[Value, str]:
        """The name of each value in a graph: node and number, counting all outputs of the node."""
        numbers = dict(self.positions())
        return {value: f"{text.partition(':')[0]}:{numbers[text]}" for value, text in self._references.items()}

    def _add_argument(self, position: int, value: Value) -> None:
        argument = self.proto.signature.input_arg.add(name=self._unique(argument_name(value.name)), type=value.dtype.enum)
        self._references[value] = argument.name
        known = self.proto.arg_attr[position].attr
        known["_user_specified_name"].s = value.name.encode()
        known["_output_shapes"].list.shape.append(shape_to_proto(value.shape))
        if value.element is not None:
            dtype, shape = value.element
            argument.handle_data.add(dtype=dtype.enum, shape=shape_to_proto(shape))

    def _add_node(self, node: Node) -> None:
        values = node.outputs
        node = spelled(node)
        if is_grouped(node) and not self._is_apart:
            node = set_apart(node)
            self._exporter.functions[self._exporter.add(node.attrs["f"])].attr[NOT_INLINED].b = True
        name = self._unique(node_name(node.name))
        counters = self._add_counters(name) if node.op in LOOPS else []
        proto = self.proto.node_def.add(name=name, op=node.op)
        proto.input.extend([*counters, *(self._references[value] for value in node.inputs)])
        proto.input.extend(f"^{before}" for before in self._controls.add(node, name))
        if node.op == "Const":
            output_names = ["output:0"]
            _fill_const(proto, node)
        elif node.op in FUNCTIONAL:
            output_names = [f"output:{i + len(counters)}" for i in range(len(node.outputs))]
            if counters:
                self._fill_loop(proto, node)
            else:
                self._fill_functional(proto, node, node.attrs)
        else:
            output_names = self._fill_op(proto, node)
        for value, output in zip(values, output_names, strict=True):
            self._references[value] = f"{name}:{output}"

    def _add_counters(self, stem: str) -> list[str]:
        """The first values of what every loop of TensorFlow carries; see loop_export.py."""
        names = []
        for name, value in CARRIED:
            proto = self.proto.node_def.add(name=self._unique(f"{stem}/{name}"), op="Const")
            proto.attr["dtype"].type = dtypes.int32.enum
            proto.attr["value"].tensor.CopyFrom(to_proto(np.array(value, np.int32), dtypes.int32))
            names.append(f"{proto.name}:output:0")
        return names

    def _fill_loop(self, proto: Any, node: Node) -> None:
        added = len(CARRIED)
        changed = {
            "cond": counted(node.attrs["cond"], counts=False),
            "body": counted(node.attrs["body"], counts=True),
            "T": (dtypes.int32,) * added + node.attrs["T"],
            "output_shapes": (SCALAR,) * added + node.attrs["output_shapes"],
        }
        self._fill_functional(proto, node, node.attrs | changed)
        proto.attr["_num_original_outputs"].i = added + len(node.outputs)

    def _fill_functional(self, proto: Any, node: Node, given: dict[str, Any]) -> None:
        passed = node.inputs[first_input(node) :]
        complete = given | {"Tin": tuple(v.dtype for v in passed), "Tout": tuple(v.dtype for v in node.outputs)}
        stem = function_stem(node.op)
        callees = []
        for key, kind in FUNCTION_ATTRS[stem].items():
            proto.attr[key].CopyFrom(attrs.encode(kind, complete[key], self._exporter.add))
            if "func" in kind:
                held = complete[key] if isinstance(complete[key], tuple) else (complete[key],)
                callees += [self._exporter.functions[self._exporter.add(body)] for body in held]
        stateful = any(callee.signature.is_stateful for callee in callees)
        if node.op not in CALLS:
            proto.attr["_lower_using_switch_merge"].b = True
        if node.op in CALLS:
            for key in ("config", "config_proto", "executor_type"):
                proto.attr[key].s = b""
            proto.op = CALLS[stateful]
        else:
            proto.op = stem if stateful else f"Stateless{stem}"

    def _fill_op(self, proto: Any, node: Node) -> list[str]:
        op = find(node.op)
        if op is None or not (op.exportable or self._exporter.to_look_at):
            raise UnimplementedError(f"{problem(self._graph)}; a function with such an op cannot be saved", op=node.op)
        for key, attr in op.attrs.items():
            proto.attr[key].CopyFrom(attrs.encode(attr.kind, node.attrs[key], self._exporter.add))
        if node in self._exporter.gradient_types:
            proto.attr["_gradient_op_type"].s = self._exporter.gradient_types[node].encode()
        return output_labels(op, node.attrs)

    def _add_output(self, text: str, value: Value) -> None:
        output = self.proto.signature.output_arg.add(name=self._unique(argument_name(text)), type=value.dtype.enum)
        name = self._unique(f"{output.name}_result")
        identity = self.proto.node_def.add(name=name, op="Identity", input=[self._references[value]])
        identity.attr["T"].type = value.dtype.enum
        self.proto.ret[output.name] = f"{name}:output:0"


def function_stem(op: str) -> str:
    """The name of an op that runs functions, without what it says of effects."""
    return "PartitionedCall" if op in CALLS else op.removeprefix("Stateless")


def output_labels(op: OpDef, complete: dict[str, Any]) -> list[str]:
    """`argument:index` for each flat output of an op."""
    labels = []
    counts: dict[str, int] = {}
    for argument, _ in op.flat_args(op.outputs, complete):
        index = counts.setdefault(argument.name, 0)
        counts[argument.name] = index + 1
        labels.append(f"{argument.name}:{index}")
    return labels


def _fill_const(proto: Any, node: Node) -> None:
    value = node.attrs["value"]
    dtype = node.attrs.get("dtype") or node.output.dtype
    proto.attr["dtype"].type = dtype.enum
    proto.attr["value"].tensor.CopyFrom(to_proto(np.asarray(value), dtype))


class _Order:
    """Control edges that keep effects in the order of the nodes.

    A read waits for the last write of its variable, a write for what touched the variable since, and any other stateful
    op for the stateful op before it.
    """

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.stateful = False
        self._last_write: dict[Value, str] = {}
        self._reads: dict[Value, list[str]] = {}
        self._last_other: str | None = None

    def add(self, node: Node, name: str) -> list[str]:
        """The names of the nodes that `node` must wait for."""
        resources = [v for v in node.inputs if v.dtype is dtypes.resource]
        op = find(node.op)
        stateful = any(map(has_effects, subgraphs(node))) if node.op in FUNCTIONAL else op is not None and _acts(op)
        reads_only = node.op in _READS or node.op in FUNCTIONAL and not stateful
        before: list[str] = []
        for value in resources:
            if value in self._last_write:
                before.append(self._last_write[value])
            if reads_only:
                self._reads.setdefault(value, []).append(name)
            else:
                before += self._reads.pop(value, [])
                self._last_write[value] = name
        self.stateful = self.stateful or bool(resources)
        if stateful and not reads_only:
            self.effects.append(name)
            if not resources or node.op in FUNCTIONAL:
                if self._last_other is not None:
                    before.append(self._last_other)
                self._last_other = name
        return list(dict.fromkeys(before))


def has_effects(graph: Graph) -> bool:
    """True when running the graph does more than to compute its outputs."""
    for node in graph.nodes:
        op = find(node.op)
        if any(map(has_effects, subgraphs(node))) or node.op not in FUNCTIONAL and op is not None and _acts(op):
            return True
    return False


def _acts(op: OpDef) -> bool:
    return op.stateful and op.name not in _READS


def call_node(name: str, function: Any, inputs: Iterable[str]) -> Any:
    """A NodeDef of the main graph that calls a FunctionDef."""
    node = NodeDef(name=name, op=CALLS[function.signature.is_stateful], input=inputs)
    for key, arguments in (("Tin", function.signature.input_arg), ("Tout", function.signature.output_arg)):
        node.attr[key].CopyFrom(AttrValue(list=AttrValue.ListValue(type=[a.type for a in arguments])))
    node.attr["f"].func.name = function.signature.name
    for key in ("config", "config_proto", "executor_type"):
        node.attr[key].s = b""
    return node
