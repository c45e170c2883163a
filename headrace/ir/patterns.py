"""Patterns of nodes, and rules that replace what a pattern matches.

    X = Hole("x")
    RULES = (
        # neg(neg(x)) -> x
        Rule("double_negation", Op("Neg", Op("Neg", X)), X),
    )

A rule names the values it matches (holes), may ask for more (`when`) and gives a replacement: a hole, nodes to make, or a
function. The passes' rewriter (passes/rewrite.py) applies rules; this module only matches and instantiates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from headrace.core.dtypes import DType
from headrace.ir.graph import Node, Value

Uses = Callable[[Value], int]
"""How often a value is read, as an output of the graph included."""


class Hole:
    """Matches any value. Where a name occurs twice in a pattern, both must be the same value."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def accepts(self, value: Value) -> bool:
        """True when `value` may fill the hole."""
        del value
        return True


class Constant(Hole):
    """Matches the output of a Const whose array passes `test`."""

    __slots__ = ("test",)

    def __init__(self, name: str, test: Callable[[np.ndarray[Any, Any]], bool] | None = None) -> None:
        super().__init__(name)
        self.test = test

    def accepts(self, value: Value) -> bool:
        """True for a constant that passes the test."""
        array = constant_array(value)
        return array is not None and (self.test is None or self.test(array))


class Op:
    """Matches a node, or makes one.

    Args:
        ops: the op's name; several are parted by `|`.
        *inputs: patterns of its inputs; none means any inputs.
        name: a name by which the match knows the node; where it occurs twice, both must be the same node.
        once: the node's first output has one reader, and its other outputs none.
        commutes: two inputs may also stand the other way round.
        **attrs: attributes that the node has; those not named may have any value.
    """

    __slots__ = ("attrs", "commutes", "inputs", "name", "once", "ops")

    def __init__(
        self, ops: str, *inputs: Pattern, name: str = "", once: bool = False, commutes: bool = False, **attrs: Any
    ) -> None:
        self.ops = tuple(ops.split("|"))
        self.inputs = inputs
        self.name = name
        self.once = once
        self.commutes = commutes
        self.attrs = attrs


class Either:
    """Matches what one of several patterns matches; not for replacements."""

    __slots__ = ("options",)

    def __init__(self, *options: Pattern) -> None:
        self.options = options


Pattern = Hole | Op | Either


@dataclass(frozen=True, slots=True)
class Match:
    """What a pattern matched: the node at its root, values by hole, nodes by name, and every node it covers."""

    root: Node
    values: Mapping[str, Value]
    nodes: Mapping[str, Node]
    covered: tuple[Node, ...]

    def __getitem__(self, name: str) -> Value:
        return self.values[name]

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The array of a constant."""
        array = constant_array(self.values[name])
        if array is None:
            raise KeyError(f"{name} was not matched by a Constant")
        return array


class Maker(Protocol):
    """Makes nodes in front of the one that is being replaced."""

    def make(
        self, op: str, inputs: Sequence[Value], attrs: Mapping[str, Any], counts: Sequence[int] | None = None
    ) -> tuple[Value, ...]:
        """The outputs of a new node; attributes that are left out get their defaults. `counts`: the length of each list input."""

    def constant(self, array: np.ndarray[Any, Any], dtype: DType) -> Value:
        """The output of a new Const."""


Replacement = Callable[[Match, Maker], Value | Sequence[Value] | None]
"""Returns what stands for the root's output (or outputs), or None to leave the root alone."""


class Rule(NamedTuple):
    """One rewrite.

    Attributes:
        name: names the rule in statistics.
        pattern: what it matches.
        replacement: what stands for the root.
        when: what must hold besides the pattern.
        alone: nothing outside the match may read what the nodes below the root compute: then all of them go.
    """

    name: str
    pattern: Op
    replacement: Hole | Op | Replacement
    when: tuple[Callable[[Match], bool], ...] = ()
    alone: bool = False


def constant_array(value: Value) -> np.ndarray[Any, Any] | None:
    """The array of a value that a Const makes, else None."""
    if value.node is None or value.node.op != "Const":
        return None
    array: np.ndarray[Any, Any] = value.node.attrs["value"]
    return array


def match(rule: Rule, root: Node, uses: Uses) -> Iterator[Match]:
    """The ways in which `rule` fits at `root`, its conditions included."""
    for found in _match_node(rule.pattern, root, uses, Match(root, {}, {}, ())):
        if all(condition(found) for condition in rule.when) and (not rule.alone or _stands_alone(found, uses)):
            yield found


def _stands_alone(found: Match, uses: Uses) -> bool:
    """True when the nodes below the root are read by the match only."""
    nodes = set(found.covered)
    inside = Counter(value for node in nodes for value in node.inputs)
    return all(inside[value] == uses(value) for node in nodes - {found.root} for value in node.outputs)


def _match_node(pattern: Op, node: Node, uses: Uses, sofar: Match) -> Iterator[Match]:
    if node.op not in pattern.ops or any(node.attrs.get(k) != v for k, v in pattern.attrs.items()):
        return
    if pattern.name and sofar.nodes.get(pattern.name, node) is not node:
        return
    nodes = {**sofar.nodes, pattern.name: node} if pattern.name else sofar.nodes
    sofar = replace(sofar, nodes=nodes, covered=(*sofar.covered, node))
    if not pattern.inputs:
        yield sofar
    elif len(pattern.inputs) == len(node.inputs):
        yield from _match_inputs(pattern.inputs, node.inputs, uses, sofar)
        if pattern.commutes:
            yield from _match_inputs(pattern.inputs[::-1], node.inputs, uses, sofar)


def _match_inputs(patterns: Sequence[Pattern], values: Sequence[Value], uses: Uses, sofar: Match) -> Iterator[Match]:
    if not patterns:
        yield sofar
        return
    for found in _match_value(patterns[0], values[0], uses, sofar):
        yield from _match_inputs(patterns[1:], values[1:], uses, found)


def _match_value(pattern: Pattern, value: Value, uses: Uses, sofar: Match) -> Iterator[Match]:
    if isinstance(pattern, Either):
        for option in pattern.options:
            yield from _match_value(option, value, uses, sofar)
    elif isinstance(pattern, Hole):
        if sofar.values.get(pattern.name, value) is value and pattern.accepts(value):
            yield replace(sofar, values={**sofar.values, pattern.name: value})
    elif value.node is not None and value.index == 0 and (not pattern.once or _read_once(value.node, uses)):
        yield from _match_node(pattern, value.node, uses, sofar)


def _read_once(node: Node, uses: Uses) -> bool:
    return uses(node.outputs[0]) == 1 and not any(map(uses, node.outputs[1:]))


def instantiate(rule: Rule, found: Match, maker: Maker) -> tuple[Value, ...] | None:
    """What replaces the root's outputs, or None when the rule's function declines."""
    if isinstance(rule.replacement, Hole | Op):
        return (_build(rule.replacement, found, maker),)
    result = rule.replacement(found, maker)
    return (result,) if isinstance(result, Value) else None if result is None else tuple(result)


def _build(template: Pattern, found: Match, maker: Maker) -> Value:
    if isinstance(template, Hole):
        return found.values[template.name]
    if isinstance(template, Either):
        raise TypeError("a replacement cannot hold Either: which of its patterns to build is open")
    inputs = [_build(item, found, maker) for item in template.inputs]
    return maker.make(template.ops[0], inputs, template.attrs)[0]
