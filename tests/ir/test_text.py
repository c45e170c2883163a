"""print_graph and parse: round trips, the look of the text, errors."""

from __future__ import annotations

import random
import struct
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.ir.graph import Graph, Value
from headrace.ir.parser import parse
from headrace.ir.printer import print_graph
from headrace.ir.verify import verify
from tests.ir.same import assert_same

TEXT = """\
graph @main(%x: float32[?, 3], %w: resource[]<float32[3, 4]>, %any: string[*]) {
  read = ReadVariableOp(%w) {dtype = float32} : float32[3, 4] from "model.py:12"
  product = MatMul(%x, %read) {transpose_a = false, transpose_b = false, T = float32} : float32[?, 4]
  axis = Const() {value = tensor<int32[]>(1), dtype = int32} : int32[]
  parts = Split(%axis, %product) {num_split = 2, T = float32} : float32[?, 2], float32[?, 2] on "/device:CPU:0"
  call = StatefulPartitionedCall(%parts:1, %w) {f = @inner, Tin = (float32, resource), Tout = ()}
  return %parts:0, %x, %parts:1
}

graph @inner(%p: float32[?, 2], %w: resource[]<float32[3, 4]>) {
  again = PartitionedCall() {f = @inner}
  return
}
"""

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -(10**30),
    1.0,
    -0.0,
    1e300,
    5e-324,
    0.1,
    float("inf"),
    float("-inf"),
    float("nan"),
    -float("nan"),
    "",
    'a "quoted" \\ line\n\ttab \u00e9 \u4e2d \x00 \udc80',
    dtypes.bfloat16,
    dtypes.bool_,
    TensorShape(None),
    TensorShape(()),
    TensorShape((2, None, 0)),
    (),
    (1,),
    (1, (2.5, ("x", None))),
    (dtypes.float32, TensorShape((1,))),
]


def _value_id(value: Any) -> str:
    return ascii(value)[:20]


def round_trip(value: Any) -> None:
    graph = Graph()
    graph.add_node("Op", [], {"value": value}, [])
    assert_same(graph, parse(print_graph(graph)))


def test_text_reads_back_and_prints_the_same() -> None:
    graph = parse(TEXT)
    verify(graph)
    assert print_graph(graph) == TEXT
    assert_same(graph, parse(print_graph(graph)))
    inner = graph.nodes[-1].attrs["f"]
    assert inner.nodes[0].attrs["f"] is inner
    assert graph.inputs[1].element == (dtypes.float32, TensorShape((3, 4)))
    assert graph.nodes[3].outputs[1].node is graph.nodes[3]


@pytest.mark.parametrize("value", VALUES, ids=_value_id)
def test_attribute_round_trip(value: Any) -> None:
    round_trip(value)


def test_nan_payload_survives() -> None:
    odd = struct.unpack("<d", struct.pack("<Q", 0xFFF8000000000123))[0]
    round_trip(odd)


ARRAYS = [
    np.array(0.1, np.float32),
    np.array([0.1, -0.0, np.inf, np.nan, 1e-45, 3.4028235e38], np.float32),
    np.array([-np.nan], np.float32),
    np.array([[1.5, 2], [3, 0.1]], ml_dtypes.bfloat16),
    np.array([0.1, 65504], np.float16),
    np.array([0.5, -448], ml_dtypes.float8_e4m3fn),
    np.array([np.inf, 57344], ml_dtypes.float8_e5m2),
    np.array([-8, 7], ml_dtypes.int4),
    np.array([2**64 - 1, 0], np.uint64),
    np.array([-(2**63)], np.int64),
    np.array([1 + 2j, complex(-0.0, np.inf)], np.complex64),
    np.array([[True, False]]),
    np.zeros((0, 3), np.float32),
    np.zeros((2, 0), object),
    np.array([b"", b"plain", "caf\u00e9".encode(), b"\xff\x00", b'"\\'], object),
    np.array(b"scalar", object),
    np.random.default_rng(0).standard_normal((9, 9)),
    np.arange(12, dtype=np.int16).reshape(3, 4).T,
    np.array([1, 2], ">i4").astype("=i4"),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_tensor_round_trip(array: np.ndarray[Any, Any]) -> None:
    round_trip(array)


def test_small_tensors_are_readable() -> None:
    graph = Graph("g")
    graph.add_node("Const", [], {"value": np.array([[0.1, 2]], np.float32)}, [], name="c")
    assert print_graph(graph) == "graph @g() {\n  c = Const() {value = tensor<float32[1, 2]>(0.1, 2.0)}\n  return\n}\n"


def test_elide_hides_large_tensors_only() -> None:
    graph = Graph("g")
    graph.add_node("Const", [], {"a": np.zeros(3, np.int8), "b": np.zeros(2, np.int8)}, [], name="c")
    text = print_graph(graph, elide=2)
    assert "tensor<int8[3]>(...)" in text
    assert "tensor<int8[2]>(0, 0)" in text


def test_graphs_of_one_name_are_told_apart() -> None:
    graph, first, second = Graph("main"), Graph("body"), Graph("body")
    second.add_node("NoOp", [], {}, [])
    graph.add_node("If", [], {"branches": (first, second)}, [])
    back = parse(print_graph(graph))
    names = [body.name for body in back.nodes[0].attrs["branches"]]
    assert names == ["body", "body_1"]
    assert [len(body.nodes) for body in back.nodes[0].attrs["branches"]] == [0, 1]


def test_nodes_may_have_the_names_of_keywords() -> None:
    graph = Graph("graph")
    for name in ("return", "on", "from", "graph", "tensor", "1e5", "a->b"):
        graph.add_node("NoOp", [], {}, [], name=name)
    assert_same(graph, parse(print_graph(graph)))


def test_comments_and_trailing_commas_are_skipped() -> None:
    graph = parse("# what\ngraph @g(%x: int32[2,],) { # in\n n = Op(%x,) {a = (1,),} : int32[] # node\n return %n, }  # end")
    assert graph.nodes[0].attrs == {"a": (1,)}
    assert graph.inputs[0].shape == (2,)


ERRORS = [
    ("", "line 1, column 1: expected `graph`"),
    ("graph main", "line 1, column 7: expected '@'"),
    ("graph @g(%x: float33[]) {", "line 1, column 14: expected a dtype"),
    ("graph @g(%x: float32[-1]) {", "line 1, column 22: expected a dimension"),
    ("graph @g(%x: float32[], %x: float32[]) {", "column 26: the name 'x' is used twice"),
    ("graph @g() {\n  n = Op(%y)\n", "line 2, column 10: %y is not defined above"),
    ("graph @g() {\n  n = Op(%n) : int32[]\n", "line 2, column 10: %n is not defined above"),
    ("graph @g() {\n  n = Op() : int32[], int32[]\n  return %n\n}", "line 3, column 10: %n has 2 outputs"),
    ("graph @g() {\n  n = Op() : int32[]\n  return %n:1\n}", "line 3, column 10: %n has no output 1"),
    ("graph @g() {\n  n = Op()\n  n = Op()\n", "line 3, column 3: the name 'n' is used twice"),
    ("graph @g() {\n  n = Op() {a = 1, a = 2}\n", "line 2, column 20: the attribute 'a' is given twice"),
    ("graph @g() {\n  n = Op() {f = @h}\n  return\n}", "line 2, column 17: graph @h is not defined"),
    ("graph @g() { return }\ngraph @g() { return }", "line 2, column 8: graph @g is defined twice"),
    ("graph @g() { n = Op() {a = what}", "column 28: expected an attribute's value"),
    ("graph @g() { n = Op() {a = 1.2.3}", "column 31: expected ','"),
    ('graph @g() { n = Op() {a = "open}', "expected a string in double quotes"),
    ('graph @g() { n = Op() {a = "\\u{110000}"}', "is no character"),
    ("graph @g() { n = Op() {a = tensor<int8[1]>(300)}", "column 44: the elements do not make a int8 tensor"),
    ("graph @g() { n = Op() {a = tensor<int8[2]>(1)}", "does not take the 1 elements"),
    ("graph @g() { n = Op() {a = tensor<float32[1]>(0x00)}", "do not make a float32 tensor"),
    ("graph @g() { n = Op() {a = tensor<bool[1]>(1)}", "expected true or false"),
    ("graph @g() { n = Op() {a = tensor<int8[?]>(1)}", "fully defined"),
    ("graph @g() { n = Op() {a = tensor<resource[]>(1)}", "a representation"),
    ("graph @g() { n = Op() {a = tensor<int32[0, 9999999999999999999]>()}", "does not take"),
    ("graph @g() { n = Op() {a = " + "(" * 100, "nest deeper"),
    ("graph @g() { return } rest", "column 23: expected `graph` or the end"),
]


@pytest.mark.parametrize(("text", "message"), ERRORS, ids=[m for _, m in ERRORS])
def test_errors_say_where(text: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("line ")


def test_unknown_kinds_of_attributes_are_refused() -> None:
    graph = Graph()
    graph.add_node("Op", [], {"a": [1]}, [])
    with pytest.raises(InvalidArgumentError, match="an attribute is a list"):
        print_graph(graph)
    graph.nodes[0].attrs = {"a": np.array(["text"], object)}
    with pytest.raises(InvalidArgumentError, match="expected bytes"):
        print_graph(graph)


NAMES = st.text(min_size=1, max_size=8) | st.from_regex(r"[A-Za-z0-9.][A-Za-z0-9_./>-]{0,8}", fullmatch=True)
SHAPES = st.none() | st.lists(st.none() | st.integers(0, 5), max_size=4)
DTYPES = st.sampled_from(dtypes.ALL)
DENSE = st.sampled_from([d for d in dtypes.ALL if d.is_numpy_compatible and not d.is_quantized and d is not dtypes.string])


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    count = int(np.prod(shape))
    if draw(st.booleans()):
        flat = np.empty(count, object)
        flat[:] = draw(st.lists(st.binary(max_size=5), min_size=count, max_size=count))
        return flat.reshape(shape)
    dtype = draw(DENSE)
    if dtype.is_bool or dtype.name in ("int4", "uint4"):
        return np.array(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))).astype(dtype.np_dtype).reshape(shape)
    size = count * dtype.size
    return np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype.np_dtype).reshape(shape)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(st.characters(), max_size=8),
    DTYPES,
    SHAPES.map(TensorShape),
    arrays(),
)
ATTRS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)


@st.composite
def values(draw: st.DrawFn, name: str = "") -> Value:
    dtype = draw(DTYPES)
    element = (draw(DTYPES), TensorShape(draw(SHAPES))) if dtype is dtypes.resource and draw(st.booleans()) else None
    return Value(dtype, TensorShape(draw(SHAPES)), name, element=element)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    library = [Graph(name) for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))]
    for graph in library:
        for _ in range(draw(st.integers(0, 3))):
            value = draw(values())
            graph.add_input(value.dtype, value.shape, draw(NAMES), element=value.element)
        known = list(graph.inputs)
        for _ in range(draw(st.integers(0, 4))):
            read = draw(st.lists(st.sampled_from(known), max_size=3)) if known else []
            attrs = draw(st.dictionaries(NAMES, ATTRS | st.sampled_from(library), max_size=3))
            outputs = [draw(values(draw(st.just("") | NAMES))) for _ in range(draw(st.integers(0, 3)))]
            device, source = draw(st.just("") | NAMES), draw(st.none() | st.text(max_size=5))
            graph.add_node(draw(NAMES), read, attrs, outputs, name=draw(NAMES), device=device, source=source)
            known += outputs
        graph.outputs = draw(st.lists(st.sampled_from(known), max_size=3)) if known else []
    return library[0]


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_any_graph_reads_back_identical(graph: Graph) -> None:
    text = print_graph(graph)
    back = parse(text)
    assert_same(graph, back)
    assert print_graph(back) == text


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_damaged_text_is_refused_or_read_but_never_breaks_the_parser(seed: int) -> None:
    source = random.Random(seed)
    text = list(TEXT)
    for _ in range(source.randint(1, 6)):
        at = source.randrange(len(text))
        text[at : at + source.randint(0, 3)] = source.choice(
            ['"', "(", ")", "{", "}", "%", "@", ":", "9" * 25, "nan(", "0x", "<", "\\", ""]
        )
    try:
        graph = parse("".join(text))
    except InvalidArgumentError as error:
        assert str(error).startswith("line ")
    else:
        assert_same(graph, parse(print_graph(graph)))
