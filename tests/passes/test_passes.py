"""Inlining, pruning, shapes, folding, common subexpressions: Before and After in the text form of the IR."""

from __future__ import annotations

import numpy as np
import pytest

from headrace.passes import common_subexpressions, constant_folding, inline, prune, shapes
from headrace.passes.pipeline import optimize
from tests.passes.expressions import build, evaluate, samples, show
from tests.passes.texts import check, run


def test_inline_puts_bodies_in_place_of_calls() -> None:
    check(
        inline.PASS,
        """
        graph @main(%x: float32[?]) {
          call = PartitionedCall(%x) {Tin = (float32,), Tout = (float32, float32), f = @outer} : float32[?], float32[?] on "CPU:0"
          sum = AddV2(%call:0, %call:1) {T = float32} : float32[?]
          return %sum, %call:1
        }
        graph @outer(%a: float32[?]) {
          inner = StatefulPartitionedCall(%a) {Tin = (float32,), Tout = (float32,), f = @inner} : float32[?]
          twice = StatefulPartitionedCall(%inner) {Tin = (float32,), Tout = (float32,), f = @inner} : float32[?]
          return %twice, %a
        }
        graph @inner(%b: float32[?]) {
          neg = Neg(%b) {T = float32} : float32[?] from "f.py:1"
          return %neg
        }
        """,
        """
        graph @main(%x: float32[?]) {
          call/inner/neg = Neg(%x) {T = float32} : float32[?] on "CPU:0" from "f.py:1"
          call/twice/neg = Neg(%call/inner/neg) {T = float32} : float32[?] on "CPU:0" from "f.py:1"
          sum = AddV2(%call/twice/neg, %x) {T = float32} : float32[?]
          return %sum, %x
        }
        """,
    )


def test_inline_leaves_recursion_and_noinline() -> None:
    graph = run(
        inline.PASS,
        """
        graph @main(%x: float32[]) {
          a = PartitionedCall(%x) {Tin = (float32,), Tout = (float32,), f = @loop} : float32[]
          b = PartitionedCall(%x) {Tin = (float32,), Tout = (float32,), f = @neg, _noinline = true} : float32[]
          return %a, %b
        }
        graph @loop(%x: float32[]) {
          neg = Neg(%x) {T = float32} : float32[]
          again = PartitionedCall(%neg) {Tin = (float32,), Tout = (float32,), f = @loop} : float32[]
          return %again
        }
        graph @neg(%x: float32[]) {
          neg = Neg(%x) {T = float32} : float32[]
          return %neg
        }
        """,
    )
    assert [node.op for node in graph.nodes].count("PartitionedCall") == 2
    assert [node.name for node in graph.nodes][-1] == "b"


def test_prune_drops_dead_nodes_and_keeps_effects() -> None:
    check(
        prune.PASS,
        """
        graph @main(%x: float32[], %v: resource[]<float32[]>, %unused: float32[]) {
          dead = Neg(%x) {T = float32} : float32[]
          dead_too = Neg(%dead) {T = float32} : float32[]
          unread = ReadVariableOp(%v) {dtype = float32} : float32[]
          new = Abs(%x) {T = float32} : float32[]
          assign = AssignVariableOp(%v, %new) {dtype = float32, validate_shape = false}
          idle = PartitionedCall(%x) {Tin = (float32,), Tout = (float32,), f = @pure} : float32[]
          effect = StatefulPartitionedCall(%v, %new) {Tin = (resource, float32), Tout = (), f = @writes}
          return %x
        }
        graph @pure(%x: float32[]) {
          return %x
        }
        graph @writes(%v: resource[]<float32[]>, %x: float32[]) {
          assign = AssignVariableOp(%v, %x) {dtype = float32, validate_shape = false}
          return
        }
        """,
        """
        graph @main(%x: float32[], %v: resource[]<float32[]>, %unused: float32[]) {
          new = Abs(%x) {T = float32} : float32[]
          assign = AssignVariableOp(%v, %new) {dtype = float32, validate_shape = false}
          effect = StatefulPartitionedCall(%v, %new) {Tin = (resource, float32), Tout = (), f = @writes}
          return %x
        }

        graph @writes(%v: resource[]<float32[]>, %x: float32[]) {
          assign = AssignVariableOp(%v, %x) {dtype = float32, validate_shape = false}
          return
        }
        """,
    )


def test_shapes_are_narrowed_after_inlining() -> None:
    check(
        shapes.PASS,
        """
        graph @main(%x: float32[2, 3]) {
          neg = Neg(%x) {T = float32} : float32[?, ?]
          c = Const() {value = tensor<int32[1]>(-1), dtype = int32} : int32[1]
          flat = Reshape(%neg, %c) {T = float32, Tshape = int32} : float32[*]
          return %flat
        }
        """,
        """
        graph @main(%x: float32[2, 3]) {
          neg = Neg(%x) {T = float32} : float32[2, 3]
          c = Const() {value = tensor<int32[1]>(-1), dtype = int32} : int32[1]
          flat = Reshape(%neg, %c) {T = float32, Tshape = int32} : float32[6]
          return %flat
        }
        """,
    )


def test_shapes_that_do_not_fit_are_left_to_run_time() -> None:
    text = """\
        graph @main(%x: float32[2, 3], %y: float32[4, 5]) {
          sum = AddV2(%x, %y) {T = float32} : float32[*]
          return %sum
        }
        """
    check(shapes.PASS, text, text)


FOLDED = [
    ("", "AddV2(int32([1, 2]), int32(3))", "int32([4, 5])"),
    ("", "Exp(float32(0))", "float32(1.0)"),
    ("", "MatMul(float32([[1, 2]]), float32([[3], [4]]))", "float32([[11.0]])"),
    ("", "Cast(Sum(int64([1, 2]), int32([0])), DstT=bfloat16)", "bfloat16(3.0)"),
    ("", "(u := Unpack(int32([1, 2]), num=2))[1], u", "int32(2), int32(1)"),
    ("x: float32[2]", "AddV2(x, Neg(float32(1)))", "AddV2(x, float32(-1.0))"),
    ("x: float32[2]", "Neg(x)", "Neg(x)"),
    ("", "Reshape(string([b'a', b'b']), int32([2, 1]))", "string([[b'a'], [b'b']])"),
    ("", "BroadcastTo(int8(1), int32([1000, 1000]))", "BroadcastTo(int8(1), int32([1000, 1000]))"),
]


@pytest.mark.parametrize(("inputs", "before", "after"), FOLDED, ids=[before for _, before, _ in FOLDED])
def test_constant_folding(inputs: str, before: str, after: str) -> None:
    assert show(optimize(build(inputs, before), passes=[constant_folding.PASS])) == after


def test_folding_takes_what_is_no_larger_than_its_constants() -> None:
    graph = build("", "Neg(Const0)".replace("Const0", f"int8({[[1] * 400] * 400})"))
    after = optimize(graph, passes=[constant_folding.PASS, prune.PASS])
    assert [node.op for node in after.nodes] == ["Const"]
    np.testing.assert_array_equal(after.nodes[0].attrs["value"], np.full((400, 400), -1, np.int8))


def test_random_and_stateful_nodes_are_not_folded() -> None:
    graph = build("", "CheckNumerics(float32(1), message='m')")
    assert show(optimize(graph, passes=[constant_folding.PASS])) == "CheckNumerics(float32(1.0), message='m')"


MERGED = [
    ("AddV2(Neg(x), Neg(x))", 2),
    ("AddV2(AddV2(x, y), AddV2(y, x))", 2),
    ("AddV2(Sub(x, y), Sub(y, x))", 3),
    ("AddV2(Maximum(x, y), Maximum(y, x))", 3),
    ("AddV2(MatMul(x, y, transpose_a=True), MatMul(x, y, transpose_a=True))", 2),
    ("AddV2(MatMul(x, y, transpose_a=True), MatMul(x, y, transpose_b=True))", 3),
    ("AddV2(AddV2(x, float32(1)), AddV2(y, float32(1)))", 4),
    ("AddV2(AddV2(x, float32(0)), AddV2(y, float32(-0.0)))", 5),
    ("AddV2(AddV2(x, float32(1)), Cast(AddV2(Cast(y, DstT=float64), float64(1)), DstT=float32))", 7),
]


@pytest.mark.parametrize(("expression", "nodes"), MERGED, ids=[e for e, _ in MERGED])
def test_common_subexpressions_merge_equal_pure_nodes(expression: str, nodes: int) -> None:
    graph = build("x: float32[3, 3]; y: float32[3, 3]", expression)
    after = optimize(graph, passes=[common_subexpressions.PASS])
    assert len(after.nodes) == nodes
    arrays = samples(graph, special=False)
    np.testing.assert_array_equal(evaluate(after, arrays)[0], evaluate(graph, arrays)[0])


def test_devices_keep_nodes_apart() -> None:
    text = """
        graph @main(%x: float32[]) {
          a = Neg(%x) {T = float32} : float32[] on "/device:CPU:0"
          b = Neg(%x) {T = float32} : float32[]
          return %a, %b
        }
        """
    assert len(run(common_subexpressions.PASS, text).nodes) == 2


READS = """\
graph @main(%v: resource[]<float32[]>, %w: resource[]<float32[]>, %x: float32[]) {
  a = ReadVariableOp(%v) {dtype = float32} : float32[]
  b = ReadVariableOp(%v) {dtype = float32} : float32[]
  other = ReadVariableOp(%w) {dtype = float32} : float32[]
  WRITE
  c = ReadVariableOp(%v) {dtype = float32} : float32[]
  d = ReadVariableOp(%v) {dtype = float32} : float32[]
  return %a, %b, %other, %c, %d
}

graph @writes(%v: resource[]<float32[]>, %x: float32[]) {
  assign = AssignVariableOp(%v, %x) {dtype = float32, validate_shape = false}
  return
}

graph @reads(%v: resource[]<float32[]>, %x: float32[]) {
  read = ReadVariableOp(%v) {dtype = float32} : float32[]
  return
}
"""

WRITES = [
    ("assign = AssignVariableOp(%v, %x) {dtype = float32, validate_shape = false}", "a a other c c"),
    ("assign = AssignVariableOp(%w, %x) {dtype = float32, validate_shape = false}", "a a other c c"),
    ("call = StatefulPartitionedCall(%v, %x) {Tin = (resource, float32), Tout = (), f = @writes}", "a a other c c"),
    ("call = StatefulPartitionedCall(%v, %x) {Tin = (resource, float32), Tout = (), f = @reads}", "a a other a a"),
    ("neg = Neg(%x) {T = float32} : float32[]", "a a other a a"),
]


@pytest.mark.parametrize(("write", "outputs"), WRITES, ids=[w.split(" {")[0] for w, _ in WRITES])
def test_reads_are_merged_between_writes_only(write: str, outputs: str) -> None:
    after = run(common_subexpressions.PASS, READS.replace("WRITE", write))
    assert " ".join(value.label for value in after.outputs) == outputs
