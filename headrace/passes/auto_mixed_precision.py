"""Auto mixed precision: products and convolutions, and what lies between them, compute in 16 bits instead of 32.

    # y = matmul(x, w) -> y = cast(matmul(cast(x, bfloat16), cast(w, bfloat16)), float32)

The nodes that change are chosen as Grappler does: those on the ALLOW list; of INFER and CLEAR those that lie between two of
them with nothing from DENY before; of INFER those that follow one; of CLEAR those that touch one. Variables, and everything
that a graph takes or returns, keep their dtypes: casts stand where 16 and 32 bits meet, one a value.

The dtype is bfloat16, which has the range of float32. On a GPU `auto_mixed_precision` takes float16, as TensorFlow does, whose
small gradients need loss scaling (headrace/state/loss_scale.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import jax

from headrace.core.dtypes import DType, bfloat16, float16, float32
from headrace.dispatch.opdef import Arg, OpDef, find, get
from headrace.ir.graph import Graph, Node, Value
from headrace.passes.base import Pass, Result, counted
from headrace.passes.mixed_precision_lists import ALLOW, CLEAR, DENY, INFER
from headrace.passes.rewrite import make_node

TYPE = "T"
"""The type attribute that changes; other attributes (an index type, the type of statistics) stay."""


def fast_type() -> DType:
    """What `auto_mixed_precision` computes in: float16 on a GPU, bfloat16 elsewhere."""
    return float16 if jax.default_backend() == "gpu" else bfloat16


class _Painter:
    """Chooses the nodes of a graph that change; a node's neighbours are those it shares a value of type T with."""

    def __init__(self, graph: Graph, target: DType) -> None:
        self.nodes = [node for node in graph.nodes if _is_typed(node, target)]
        self.readers: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        self.makers: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for value in _typed(node.inputs, find_op(node).inputs, node):
                maker = value.node
                if maker in self.readers and value in _typed(maker.outputs, find_op(maker).outputs, maker):
                    self.readers[maker].append(node)
                    self.makers[node].append(maker)

    def chosen(self) -> set[Node]:
        """The nodes to change."""
        allowed = {node for node in self.nodes if node.op in ALLOW}
        denied = self._denied()

        def passes(node: Node) -> bool:
            return node not in denied and node.op in INFER | CLEAR

        between = self._reached(allowed, self.readers, passes) & self._reached(allowed, self.makers, passes)
        allowed |= between
        self._follow(allowed, denied)
        both = {node: [*self.readers[node], *self.makers[node]] for node in self.nodes}
        return allowed | self._reached(allowed, both, lambda node: node not in denied and node.op in CLEAR)

    def _follow(self, allowed: set[Node], denied: set[Node]) -> None:
        """Adds the nodes of INFER that read what a chosen node makes, and nothing from DENY."""
        for node in self.nodes:
            before = set(self.makers[node])
            if node.op in INFER and node not in denied and before & allowed and not before & denied:
                allowed.add(node)

    def _denied(self) -> set[Node]:
        """The nodes of DENY, and those of INFER downstream of them, with what lies between."""
        denied = {node for node in self.nodes if node.op in DENY}
        ends = denied | {node for node in self.nodes if node.op in INFER}
        leading = self._reached(ends, self.makers, lambda node: node.op in CLEAR)
        return denied | self._reached(denied, self.readers, lambda node: node.op in INFER or node in leading)

    @staticmethod
    def _reached(start: Iterable[Node], edges: Mapping[Node, Iterable[Node]], passes: Callable[[Node], bool]) -> set[Node]:
        """The nodes that can be reached over nodes that `passes` admits, themselves included."""
        found: set[Node] = set()
        stack = list(start)
        while stack:
            for node in edges[stack.pop()]:
                if node not in found and passes(node):
                    found.add(node)
                    stack.append(node)
        return found


class _Caster:
    """Rebuilds the list of nodes with casts around those that change."""

    def __init__(self, graph: Graph, chosen: set[Node], target: DType) -> None:
        self.graph = graph
        self.chosen = chosen
        self.target = target
        self.changed: dict[Value, Value] = {}
        self.casts: dict[tuple[Value, DType], Value] = {}

    def run(self) -> None:
        nodes, self.graph.nodes = self.graph.nodes, []
        for node in nodes:
            if node in self.chosen:
                self.convert(node)
            else:
                node.inputs = [self.cast_back(value) for value in node.inputs]
                self.graph.nodes.append(node)
        self.graph.outputs = [self.cast_back(value) for value in self.graph.outputs]

    def convert(self, node: Node) -> None:
        """Appends the 16-bit twin of a node."""
        op = find_op(node)
        inputs = [
            self.fitting(arg, value, node) for (arg, _), value in zip(op.flat_args(op.inputs, node.attrs), node.inputs, strict=True)
        ]
        attrs = {attr.name: node.attrs[attr.name] for attr in op.explicit}
        counts = [len(group) for arg, group in zip(op.inputs, op.group(node.inputs, node.attrs), strict=True) if arg.is_list]
        twin = make_node(self.graph, op, inputs, attrs, like=node, counts=counts)
        for old, new in zip(node.outputs, twin.outputs, strict=True):
            new.shape = new.shape.merge_with(old.shape)
            self.changed[old] = new

    def fitting(self, arg: Arg, value: Value, reader: Node) -> Value:
        """An input of a node that changes; lists of any types (what is fused into a convolution) are taken as they come."""
        if arg.type_list_attr:
            return self.changed.get(value, value)
        if arg.type_attr == TYPE:
            return self.changed.get(value) or self.cast(value, self.target, reader)
        return self.cast_back(value)

    def cast_back(self, value: Value) -> Value:
        """A value in its own dtype."""
        changed = self.changed.get(value)
        if changed is None or changed.dtype is value.dtype:
            return changed or value
        return self.cast(changed, value.dtype, None)

    def cast(self, value: Value, dtype: DType, reader: Node | None) -> Value:
        """A value in another dtype; it is cast once, in the name of the node that makes it or else of its first reader."""
        found = self.casts.get((value, dtype))
        if found is None:
            like = value.node or reader
            assert like is not None
            named = Node("Cast", [], {}, [], f"{like.name}/{dtype.name}", like.device, like.source)
            found = self.casts[value, dtype] = make_node(self.graph, get("Cast"), [value], {"DstT": dtype}, like=named).output
        return found


def find_op(node: Node) -> OpDef:
    """The declaration of a node that has one."""
    return get(node.op)


def _is_typed(node: Node, target: DType) -> bool:
    """True for a node of some list that computes in float32 and can compute in `target`."""
    if node.op not in ALLOW | INFER | DENY | CLEAR or node.attrs.get(TYPE) is not float32:
        return False
    op = find(node.op)
    allowed = op.attrs[TYPE].allowed if op is not None and TYPE in op.attrs else ()
    return allowed is None or target in allowed


def _typed(values: Iterable[Value], declared: tuple[Arg, ...], node: Node) -> set[Value]:
    """Those of a node's inputs or outputs that have its type T."""
    op = find_op(node)
    flat = op.flat_args(declared, node.attrs)
    return {value for (arg, _), value in zip(flat, values, strict=True) if arg.type_attr == TYPE}


def lower_precision(graph: Graph, target: DType) -> Result:
    """Changes nodes to `target` in place."""
    chosen = _Painter(graph, target).chosen()
    if not any(node.op in ALLOW for node in chosen):
        return counted(graph, {})
    caster = _Caster(graph, chosen, target)
    caster.run()
    return counted(graph, {"nodes": len(chosen), "casts": len(caster.casts)})


def run(graph: Graph) -> Result:
    """To the fast type of this machine."""
    return lower_precision(graph, fast_type())


def run_bfloat16(graph: Graph) -> Result:
    """To bfloat16."""
    return lower_precision(graph, bfloat16)


PASS = Pass("auto_mixed_precision", "auto_mixed_precision", run)
BFLOAT16_PASSES = tuple(
    Pass(name, name, run_bfloat16)
    for name in ("auto_mixed_precision_onednn_bfloat16", "auto_mixed_precision_mkl", "auto_mixed_precision_cpu")
)
"""Grappler's names for bfloat16 on a CPU, the older ones included."""
