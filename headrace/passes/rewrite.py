"""Applies rules (ir/patterns.py) to a graph, node by node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headrace.core.dtypes import DType
from headrace.core.errors import InternalError
from headrace.core.shapes import TensorShape
from headrace.dispatch.convert import resolve_types
from headrace.dispatch.infer import content_probes, infer
from headrace.dispatch.opdef import OpDef, find
from headrace.ir.graph import Graph, Node, Value
from headrace.ir.patterns import Match, Rule, instantiate, match
from headrace.passes.effects import has_effects

MOST_STEPS = 16
"""Rules applied to one node in a row; what is left over is found by the pipeline's next round."""


def rewrite(graph: Graph, rules: Sequence[Rule]) -> Counter[str]:
    """Replaces in place what the rules match.

    Returns:
        How often each rule was applied.

    Raises:
        InternalError: a rule made a value of another dtype or shape than the one it replaces.
    """
    return _Rewriter(graph, rules).run()


def make_node(
    graph: Graph,
    op: OpDef,
    inputs: Sequence[Value],
    attrs: Mapping[str, Any],
    *,
    like: Node,
    counts: Sequence[int] | None = None,
) -> Node:
    """A new node at the end of `graph`, with complete attributes and inferred outputs.

    Args:
        graph: where it goes.
        op: its op.
        inputs: its flat inputs.
        attrs: explicit attributes; those left out get their defaults.
        like: the node that gives name, device and source.
        counts: the length of each list input; may be left out when there is at most one.
    """
    complete = resolve_types(op, inputs, op.canonical(attrs), counts)
    outputs = [Value(dtype, shape, probes=probes) for dtype, shape, probes in infer(op, inputs, complete)]
    return graph.add_node(op.name, inputs, complete, outputs, name=like.name, device=like.device, source=like.source)


def make_constant(graph: Graph, array: np.ndarray[Any, Any], dtype: DType, name: str) -> Node:
    """A new Const at the end of `graph`."""
    output = Value(dtype, TensorShape(array.shape), probes=content_probes(array))
    return graph.add_node("Const", [], {"value": array, "dtype": dtype}, [output], name=name)


class _Undeclared(Exception):
    """Raised while a replacement is built of an op that this build does not declare."""


class _Rewriter:
    """One walk over a graph. New nodes join the list where the node that they replace stood."""

    def __init__(self, graph: Graph, rules: Sequence[Rule]) -> None:
        self.graph = graph
        self.by_op: dict[str, list[Rule]] = {}
        for rule in rules:
            for op in rule.pattern.ops:
                self.by_op.setdefault(op, []).append(rule)
        self.uses = Counter(value for node in graph.nodes for value in node.inputs) + Counter(graph.outputs)
        self.replaced: dict[Value, Value] = {}
        self.dead: set[Node] = set()
        self.statistics: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        pending = self.graph.nodes
        self.graph.nodes = []
        for node in pending:
            node.inputs = [self.replaced.get(value, value) for value in node.inputs]
            self.graph.nodes.append(node)
            if node.op in self.by_op and any(map(self.uses.__getitem__, node.outputs)):
                self.rewrite_node(node)
        self.graph.outputs = [self.replaced.get(value, value) for value in self.graph.outputs]
        self.graph.nodes = [node for node in self.graph.nodes if node not in self.dead]
        return self.statistics

    def rewrite_node(self, node: Node) -> None:
        """Applies rules to a node and then to what replaced it, until none fits."""
        originals = node.outputs
        for _ in range(MOST_STEPS):
            start = len(self.graph.nodes)
            results = self.apply_first(node)
            if results is None:
                return
            self.replaced.update(zip(originals, results, strict=False))
            successor = results[0].node
            if successor not in self.graph.nodes[start:] or successor is None or successor.outputs != results:
                return
            node = successor

    def apply_first(self, node: Node) -> tuple[Value, ...] | None:
        """What replaces the outputs of `node` by the first rule that fits, or None."""
        for rule in self.by_op.get(node.op, ()):
            for found in match(rule, node, self.uses.__getitem__):
                if all(covered.device == node.device for covered in found.covered):
                    results = self.apply(rule, found)
                    if results is not None:
                        return results
        return None

    def apply(self, rule: Rule, found: Match) -> tuple[Value, ...] | None:
        root = found.root
        start = len(self.graph.nodes)
        try:
            results = instantiate(rule, found, _Maker(self.graph, root))
        except _Undeclared:
            results = None
        made = self.graph.nodes[start:]
        partial = results is not None and any(map(self.uses.__getitem__, root.outputs[len(results) :]))
        if results is None or partial or not _keeps_host(found, made):
            del self.graph.nodes[start:]
            return None
        for old, new in zip(root.outputs, results, strict=False):
            _check(rule, old, new)
        for node in made:
            self.uses.update(node.inputs)
        for old, new in zip(root.outputs, results, strict=False):
            self.uses[new] += self.uses.pop(old, 0)
        self.release(root)
        self.statistics[rule.name] += 1
        return results

    def release(self, node: Node) -> None:
        """Notes that `node` is gone, and with it whatever only it needed."""
        stack = [node]
        while stack:
            gone = stack.pop()
            self.dead.add(gone)
            for value in gone.inputs:
                self.uses[value] -= 1
                maker = value.node
                if (
                    maker is not None
                    and maker not in self.dead
                    and not any(map(self.uses.__getitem__, maker.outputs))
                    and not has_effects(maker)
                ):
                    stack.append(maker)


class _Maker:
    """Makes nodes in the name of the one that they replace; see ir.patterns.Maker."""

    def __init__(self, graph: Graph, root: Node) -> None:
        self.graph = graph
        self.root = root

    def make(
        self, op: str, inputs: Sequence[Value], attrs: Mapping[str, Any], counts: Sequence[int] | None = None
    ) -> tuple[Value, ...]:
        declared = find(op)
        if declared is None:
            raise _Undeclared(op)
        return make_node(self.graph, declared, inputs, attrs, like=self.root, counts=counts).outputs

    def constant(self, array: np.ndarray[Any, Any], dtype: DType) -> Value:
        return make_constant(self.graph, array, dtype, self.root.name).output


def _keeps_host(found: Match, made: Sequence[Node]) -> bool:
    """True unless arithmetic that can be done on the host, as shape arithmetic must be, would lose that."""
    return not all(map(on_host, found.covered)) or all(map(on_host, made))


def on_host(node: Node) -> bool:
    """True when known inputs give a known output while a function is compiled."""
    op = find(node.op)
    return node.op == "Const" or op is not None and (op.host is not None or op.metadata or op.host_only)


def _check(rule: Rule, old: Value, new: Value) -> None:
    if old.dtype is not new.dtype or not old.shape.is_compatible_with(new.shape):
        raise InternalError(
            f"rule {rule.name!r} replaces {old.dtype.name}{old.shape} (%{old.label}) by {new.dtype.name}{new.shape}; expected the"
            " same dtype and a compatible shape"
        )
    if new.node is not None:
        new.shape = new.shape.merge_with(old.shape)
