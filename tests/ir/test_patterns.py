"""Matching: holes, constants, repeated names, commuting inputs, single readers."""

from __future__ import annotations

from collections import Counter

import pytest

from headrace.ir.graph import Graph, Value
from headrace.ir.parser import parse
from headrace.ir.patterns import Constant, Either, Hole, Match, Op, Pattern, Rule, match

TEXT = """
graph @g(%x: float32[], %y: float32[]) {
  one = Const() {value = tensor<float32[]>(1.0)} : float32[]
  two = Const() {value = tensor<float32[]>(2.0)} : float32[]
  a = Add(%x, %one) {T = float32} : float32[]
  b = Add(%two, %a) : float32[]
  c = Mul(%a, %a) : float32[]
  d = Mul(%x, %y) : float32[]
  e = Split(%d) {num = 2} : float32[], float32[]
  f = Neg(%e:0) : float32[]
  g = Neg(%e:1) : float32[]
  return %b, %c, %f, %g
}
"""

X, Y, C = Hole("x"), Hole("y"), Constant("c")


@pytest.fixture(name="graph")
def _graph() -> Graph:
    return parse(TEXT)


def matches(graph: Graph, name: str, pattern: Op) -> list[Match]:
    """The matches of a pattern at the node called `name`."""
    uses: Counter[Value] = Counter(v for node in graph.nodes for v in node.inputs) + Counter(graph.outputs)
    root = next(node for node in graph.nodes if node.name == name)
    return list(match(Rule("rule", pattern, X), root, uses.__getitem__))


@pytest.mark.parametrize(
    ("name", "pattern", "labels"),
    [
        ("a", Op("Add", X, C), [{"x": "x", "c": "one"}]),
        ("a", Op("Sub|Add", X, Y), [{"x": "x", "y": "one"}]),
        ("a", Op("Add", C, X), []),
        ("a", Op("Add", C, X, commutes=True), [{"x": "x", "c": "one"}]),
        ("a", Op("Add", X, Y, commutes=True), [{"x": "x", "y": "one"}, {"x": "one", "y": "x"}]),
        ("a", Op("Add", X, X), []),
        ("a", Op("Add", X), []),
        ("a", Op("Add"), [{}]),
        ("a", Op("Add", X, Constant("c", lambda array: array == 2)), []),
        ("a", Op("Add", X, Y, T="float32"), [{"x": "x", "y": "one"}]),
        ("a", Op("Add", X, Y, T="int32"), []),
        ("c", Op("Mul", X, X), [{"x": "a"}]),
        ("d", Op("Mul", X, X), []),
        ("b", Op("Add", C, Op("Add", X, Constant("d"))), [{"c": "two", "x": "x", "d": "one"}]),
        ("b", Op("Add", C, Op("Add", X, Constant("d"), once=True)), []),
        ("e", Op("Split", Op("Mul", X, Y, once=True)), [{"x": "x", "y": "y"}]),
        ("f", Op("Neg", Op("Split", X)), [{"x": "d"}]),
        ("f", Op("Neg", Op("Split", X, once=True)), []),
        ("g", Op("Neg", Op("Split", X)), []),
    ],
)
def test_match(graph: Graph, name: str, pattern: Op, labels: list[dict[str, str]]) -> None:
    found = [{key: value.label for key, value in m.values.items()} for m in matches(graph, name, pattern)]
    assert found == labels


def test_a_match_knows_nodes_constants_and_what_it_covers(graph: Graph) -> None:
    inner: Pattern = Op("Add", X, C, name="inner")
    (found,) = matches(graph, "b", Op("Add", Y, inner))
    assert found.nodes["inner"].name == "a"
    assert [node.name for node in found.covered] == ["b", "a"]
    assert found["x"] is graph.inputs[0]
    assert found.array("c") == 1
    with pytest.raises(KeyError, match="x was not matched by a Constant"):
        found.array("x")


def test_conditions_choose_among_the_ways_to_match(graph: Graph) -> None:
    root = graph.nodes[2]
    rule = Rule("rule", Op("Add", X, Y, commutes=True), X, (lambda m: m["y"] is graph.inputs[0],))
    (found,) = match(rule, root, lambda _: 1)
    assert found["x"].label == "one"


def test_a_repeated_name_means_the_same_node(graph: Graph) -> None:
    same = Op("Mul", Op("Add", X, C, name="sum"), Op("Add", name="sum"))
    assert len(matches(graph, "c", same)) == 1
    assert not matches(graph, "b", Op("Add", Op("Const", name="one"), Op("Add", X, Op("Const", name="one"))))


def test_either_matches_each_of_its_options(graph: Graph) -> None:
    pattern = Op("Add", C, Either(Op("Mul", X, Y), Op("Add", X, Constant("one")), Y))
    found = [sorted(m.values) for m in matches(graph, "b", pattern)]
    assert found == [["c", "one", "x"], ["c", "y"]]
    (found_a, found_c) = matches(graph, "a", Op("Add", X, Either(C, Y)))
    assert found_a["c"] is found_c["y"]


@pytest.mark.parametrize(("name", "pattern"), [("c", Op("Mul", Op("Add"), Op("Add"))), ("f", Op("Neg", Op("Split")))])
def test_a_rule_that_stands_alone_covers_every_reader(graph: Graph, name: str, pattern: Op) -> None:
    uses: Counter[Value] = Counter(v for node in graph.nodes for v in node.inputs) + Counter(graph.outputs)
    root = next(node for node in graph.nodes if node.name == name)
    rule = Rule("rule", pattern, X, alone=True)
    assert not list(match(rule, root, uses.__getitem__))
    graph.nodes = [node for node in graph.nodes if node.name not in ("b", "g")]
    graph.outputs = [v for v in graph.outputs if v.node in graph.nodes]
    uses = Counter(v for node in graph.nodes for v in node.inputs) + Counter(graph.outputs)
    assert len(list(match(rule, root, uses.__getitem__))) == 1
