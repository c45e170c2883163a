"""Each numbered constraint of ir/verify.py, broken once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headrace.core import dtypes
from headrace.core.errors import InternalError
from headrace.core.shapes import TensorShape
from headrace.ir.graph import Graph, Node, Value
from headrace.ir.parser import parse
from headrace.ir.verify import CONSTRAINTS, verify

TEXT = """
graph @g(%x: float32[2], %y: float32[2]) {
  a = Add(%x, %y) {T = float32} : float32[2]
  b = Add(%a, %y) {T = float32} : float32[2]
  return %b
}
"""

SCALAR = TensorShape(())


def _rename(name: str) -> Callable[[Graph], None]:
    return lambda graph: setattr(graph.nodes[0], "name", name)


def _own_input(graph: Graph) -> None:
    graph.inputs[0].node = graph.nodes[0]


def _input_twice(graph: Graph) -> None:
    graph.inputs.append(graph.inputs[0])
    graph.inputs[0].name = "other"


def _wrong_index(graph: Graph) -> None:
    graph.nodes[0].output.index = 1


def _wrong_node(graph: Graph) -> None:
    graph.nodes[0].output.node = graph.nodes[1]


def _twice(graph: Graph) -> None:
    graph.nodes.append(graph.nodes[0])


def _foreign(graph: Graph) -> None:
    graph.nodes[0].inputs[0] = Value(dtypes.float32, SCALAR, "stray")


def _reversed(graph: Graph) -> None:
    graph.nodes.reverse()


def _itself(graph: Graph) -> None:
    graph.nodes[0].inputs[0] = graph.nodes[0].output


def _foreign_output(graph: Graph) -> None:
    graph.outputs.append(Value(dtypes.float32, SCALAR, "stray"))


def _dropped(graph: Graph) -> None:
    graph.nodes.pop()


def _element(graph: Graph) -> None:
    graph.inputs[0].element = (dtypes.float32, SCALAR)


def _list(graph: Graph) -> None:
    graph.nodes[1].attrs["axes"] = (1, [2])


def _nested(graph: Graph) -> None:
    inner = parse(TEXT)
    _list(inner)
    outer = Graph("outer")
    outer.add_node("Call", [], {"f": (inner,)}, [])
    graph.nodes.append(Node("Call", [], {"f": outer}, [], "call"))


BROKEN: list[tuple[int, Callable[[Graph], None], str]] = [
    (1, _rename("has space"), "node 'has space'"),
    (1, lambda g: setattr(g.inputs[0], "name", "a:0"), "input 'a:0'"),
    (2, _rename("b"), "node 'b'"),
    (2, _rename("x"), "node 'x'"),
    (3, _own_input, "output 0 of node 'a'"),
    (2, _input_twice, "used twice"),
    (4, _wrong_index, "output 1 of 'a'"),
    (4, _wrong_node, "output 0 of 'b'"),
    (5, _twice, "node 'a' (Add)"),
    (6, _foreign, "input 0, %stray"),
    (7, _reversed, "node 'b' (Add)"),
    (7, _itself, "node 'a' (Add)"),
    (8, _foreign_output, "output 1, %stray"),
    (8, _dropped, "output 0, %b"),
    (9, _element, "%x is float32"),
    (10, _list, "attribute 'axes' holds a list"),
    (10, _nested, "node 'b' (Add) of graph @g"),
]


def test_a_sound_graph_passes() -> None:
    verify(parse(TEXT))


@pytest.mark.parametrize(("number", "damage", "detail"), BROKEN, ids=[f"{n}{f.__name__}" for n, f, _ in BROKEN])
def test_a_broken_constraint_is_named(number: int, damage: Callable[[Graph], None], detail: str) -> None:
    graph = parse(TEXT)
    damage(graph)
    with pytest.raises(InternalError) as caught:
        verify(graph, "some_pass")
    message = str(caught.value)
    assert message.startswith(f"constraint {number} ({CONSTRAINTS[number]})")
    assert detail in message
    assert "after pass 'some_pass'" in message


def test_every_constraint_has_a_test() -> None:
    assert {number for number, _, _ in BROKEN} == set(CONSTRAINTS)


def test_recursive_graphs_end() -> None:
    graph = parse("graph @f() { n = Call() {f = @f} return }")
    verify(graph)
