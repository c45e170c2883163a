"""The pipeline: order, copies, options, failures, nested graphs, checks."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from headrace.core.errors import InternalError, InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.ir.graph import Graph
from headrace.ir.parser import parse
from headrace.ir.printer import print_graph
from headrace.passes import checks, options
from headrace.passes.base import Pass, Result
from headrace.passes.options import PassOptions
from headrace.passes.pipeline import PASSES, Report, optimize
from tests.passes.expressions import build, show

DOUBLE_NEGATION = "AddV2(Neg(Neg(x)), Identity(x))"


def test_the_graph_given_stays_as_it_is() -> None:
    graph = build("x: float32[2]", DOUBLE_NEGATION)
    before = print_graph(graph)
    report = Report()
    after = optimize(graph, report=report)
    assert show(after) == "AddV2(x, x)"
    assert print_graph(graph) == before
    assert (report.before, report.after) == (4, 1)
    assert report.statistics["arithmetic"]["negate_twice"] == 1
    assert report.statistics["dependency"]["identity"] == 1
    assert not report.failed


def test_names_of_passes_and_their_requirements() -> None:
    names = [step.name for step in PASSES]
    assert all(set(step.requires) <= set(names[:position]) for position, step in enumerate(PASSES))
    needy = Pass("needy", "remapping", lambda graph: Result(graph, False, {}), ("absent",))
    with pytest.raises(ValueError, match="'needy' requires absent before it"):
        optimize(Graph(), passes=[needy])


def _raises(graph: Graph) -> Result:
    graph.nodes.clear()
    raise ZeroDivisionError("oops")


def _breaks(graph: Graph) -> Result:
    graph.nodes.reverse()
    return Result(graph, True, {})


@pytest.mark.parametrize(("fault", "error"), [(_raises, ZeroDivisionError), (_breaks, InternalError)])
def test_a_fault_is_raised_while_verifying(fault: Callable[[Graph], Result], error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        optimize(build("x: float32[2]", DOUBLE_NEGATION), passes=[Pass("faulty", "remapping", fault)])
    assert caught.value.__notes__ == ["raised by pass 'faulty' on graph @test"]


def test_a_fault_is_logged_and_undone_otherwise(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("HEADRACE_VERIFY_PASSES", "0")
    graph = build("x: float32[2]", DOUBLE_NEGATION)
    report = Report()
    with caplog.at_level(logging.WARNING):
        after = optimize(graph, passes=[Pass("faulty", "remapping", _raises), *PASSES], report=report)
    assert show(after) == "AddV2(x, x)"
    assert set(report.failed) == {"faulty"}
    assert "pass 'faulty' failed on graph @test and was left out: ZeroDivisionError: oops" in caplog.text


NESTED = """\
graph @main(%x: float32[]) {
  a = PartitionedCall(%x) {Tin = (float32,), Tout = (float32,), f = @loop} : float32[]
  return %a
}

graph @loop(%x: float32[]) {
  neg = Neg(%x) {T = float32} : float32[]
  neg_1 = Neg(%neg) {T = float32} : float32[]
  again = PartitionedCall(%neg_1) {Tin = (float32,), Tout = (float32,), f = @loop} : float32[]
  return %again
}
"""


def test_nested_and_recursive_graphs_are_optimized_once() -> None:
    graph = parse(NESTED)
    after = optimize(graph)
    loop = after.nodes[-1].attrs["f"]
    assert [node.op for node in loop.nodes] == ["PartitionedCall"]
    assert loop.nodes[0].attrs["f"] is loop
    assert print_graph(graph) == NESTED


def test_options_turn_passes_off() -> None:
    graph = build("x: float32[2]", DOUBLE_NEGATION)
    off = optimize(graph, options=PassOptions(arithmetic_optimization=False))
    assert show(off) == "AddV2(Neg(Neg(x)), x)"
    assert show(optimize(graph, options=PassOptions(disable_meta_optimizer=True))) == DOUBLE_NEGATION
    assert show(optimize(graph, options=PassOptions(min_graph_nodes=5))) == DOUBLE_NEGATION
    kept = optimize(graph, options=PassOptions(disable_model_pruning=True, arithmetic_optimization=False))
    assert len(kept.nodes) == 3


ALWAYS = {"disable_model_pruning": False, "disable_meta_optimizer": False}
"""What TensorFlow reports before anything was set."""


def test_jit_is_reported_back_as_tensorflow_does() -> None:
    assert options.get_jit() == ""
    for given, expected in ((True, "autoclustering"), (False, ""), ("autoclustering", "autoclustering")):
        options.set_jit(given)
        assert options.get_jit() == expected
    with pytest.raises(InvalidArgumentError, match="True, False or 'autoclustering'; got 'on'"):
        options.set_jit("on")
    options.reset()
    assert options.get_jit() == ""


def test_experimental_options() -> None:
    assert options.get_experimental_options() == ALWAYS
    options.set_experimental_options({"arithmetic_optimization": False, "layout_optimizer": True})
    options.set_experimental_options({"debug_stripper": True})
    assert options.get_experimental_options() == ALWAYS | {
        "arithmetic_optimization": False,
        "layout_optimizer": True,
        "debug_stripper": True,
    }
    assert options.current() == PassOptions(arithmetic_optimization=False, debug_stripper=True)
    assert show(optimize(build("x: float32[2]", DOUBLE_NEGATION))) == "AddV2(Neg(Neg(x)), x)"
    options.reset()
    assert options.current() == PassOptions()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"arithmetic": True}, "no option 'arithmetic'"),
        ({"constant_folding": 1}, "'constant_folding' must be bool; got 1"),
        ({"min_graph_nodes": True}, "'min_graph_nodes' must be int"),
        ({"layout_optimizer": "on"}, "'layout_optimizer' must be bool"),
    ],
)
def test_wrong_options_are_refused_and_change_nothing(given: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        options.set_experimental_options({"remapping": False, **given})
    assert options.current() == PassOptions()
    assert options.get_experimental_options() == ALWAYS


CHECKED = """
graph @g(%x: float32[2], %y: float32[2]) {
  c = Const() {value = tensor<float32[]>(1.0), dtype = float32} : float32[]
  a = AddV2(%x, %c) {T = float32} : float32[2]
  m = Sum(%a, %s) {keep_dims = false, T = float32, Tidx = int32} : float32[]
  p = PartitionedCall(%m) {Tin = (float32,), Tout = (float32,), f = @f} : float32[]
  return %p
}
graph @f(%x: float32[]) {
  return %x
}
""".replace("%s", "%axis").replace("  c = ", "  axis = Const() {value = tensor<int32[1]>(0), dtype = int32} : int32[1]\n  c = ")


def _set(node: int, **changes: object) -> Callable[[Graph], None]:
    def damage(graph: Graph) -> None:
        for name, value in changes.items():
            setattr(graph.nodes[node], name, value)

    return damage


def _attr(node: int, name: str, value: object) -> Callable[[Graph], None]:
    return lambda graph: graph.nodes[node].attrs.__setitem__(name, value)


def _drop_attr(graph: Graph) -> None:
    del graph.nodes[3].attrs["keep_dims"]


def _input_dtype(graph: Graph) -> None:
    graph.nodes[2].inputs[1] = graph.nodes[0].output


def _output_dtype(graph: Graph) -> None:
    graph.nodes[2].output.dtype = graph.nodes[0].output.dtype


def _constant_shape(graph: Graph) -> None:
    graph.nodes[1].output.shape = TensorShape((1,))


def _call_shape(graph: Graph) -> None:
    graph.nodes[4].attrs["f"].inputs[0].shape = TensorShape((7,))


BROKEN = [
    (101, _set(2, op="Nope")),
    (102, _drop_attr),
    (102, _attr(3, "keep_dims", 1)),
    (102, _attr(3, "T", "float32")),
    (103, _set(2, inputs=[])),
    (104, _input_dtype),
    (105, _set(2, outputs=())),
    (106, _output_dtype),
    (107, _constant_shape),
    (107, _attr(1, "value", 3)),
    (108, _set(4, inputs=[])),
    (108, _attr(4, "f", None)),
    (108, _call_shape),
]


def test_a_sound_graph_passes() -> None:
    checks.verify_ops(parse(CHECKED))


@pytest.mark.parametrize(("number", "damage"), BROKEN, ids=[str(n) for n, _ in BROKEN])
def test_a_broken_demand_of_an_op_is_named(number: int, damage: Callable[[Graph], None]) -> None:
    graph = parse(CHECKED)
    damage(graph)
    with pytest.raises(InternalError) as caught:
        checks.verify_ops(graph, "some_pass")
    assert str(caught.value).startswith(f"constraint {number} ({checks.CONSTRAINTS[number]})")
    assert "after pass 'some_pass'" in str(caught.value)


def test_every_demand_has_a_test() -> None:
    assert {number for number, _ in BROKEN} == set(checks.CONSTRAINTS)
