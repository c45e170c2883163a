"""Graphs as nested calls, for tests: `AddV2(x, float32([1, 2]))`, `Unpack(x, num=2)[1]`; several outputs are a tuple."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import get
from headrace.ir.graph import Graph, Node, Value
from headrace.ir.parser import parse
from headrace.passes.rewrite import make_constant, make_node
from headrace.runtime.lowering import Cell, Interpreter


def build(inputs: str, expression: str) -> Graph:
    """The graph of an expression.

    Args:
        inputs: as in the text form, without `%`: `"x: float32[2, ?], y: int32[]"`.
        expression: ops called by name, constants as `int32([1, 2])`, tensors by their names, attributes as keywords.
    """
    typed = ", ".join(f"%{part.strip()}" for part in inputs.split(";") if part.strip())
    graph = parse(f"graph @test({typed}) {{ return }}")
    builder = _Builder(graph)
    body = ast.parse(expression.strip(), mode="eval").body
    parts = body.elts if isinstance(body, ast.Tuple) else [body]
    graph.outputs = [builder.value(part) for part in parts]
    return graph


class _Builder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = {value.name: value for value in graph.inputs}

    def value(self, tree: ast.expr) -> Value:
        if isinstance(tree, ast.NamedExpr):
            value = self.names[tree.target.id] = self.value(tree.value)
            return value
        if isinstance(tree, ast.Name):
            return self.names[tree.id]
        if isinstance(tree, ast.Subscript):
            assert isinstance(tree.slice, ast.Constant)
            return self.outputs(tree.value)[tree.slice.value]
        return self.outputs(tree)[0]

    def outputs(self, tree: ast.expr) -> tuple[Value, ...]:
        if isinstance(tree, ast.Name):
            node = self.names[tree.id].node
            assert node is not None
            return node.outputs
        if isinstance(tree, ast.NamedExpr):
            node = self.value(tree).node
            assert node is not None
            return node.outputs
        assert isinstance(tree, ast.Call), ast.dump(tree)
        assert isinstance(tree.func, ast.Name)
        name = tree.func.id
        if name in dtypes._BY_NAME:
            return self.constant(dtypes._BY_NAME[name], _plain(tree.args[0]))
        inputs: list[Value] = []
        counts = []
        for item in tree.args:
            if isinstance(item, ast.List):
                inputs += [self.value(element) for element in item.elts]
                counts.append(len(item.elts))
            else:
                inputs.append(self.value(item))
        attrs = {str(keyword.arg): _plain(keyword.value) for keyword in tree.keywords}
        like = Node(name, [], {}, [], name)
        return make_node(self.graph, get(name), inputs, attrs, like=like, counts=counts or None).outputs

    def constant(self, dtype: DType, value: Any) -> tuple[Value, ...]:
        array = np.array(value, object if dtype is dtypes.string else None).astype(dtype.np_dtype)
        return make_constant(self.graph, array, dtype, "c").outputs


def _plain(tree: ast.expr) -> Any:
    if isinstance(tree, ast.Name):
        return {"inf": float("inf"), "nan": float("nan")}[tree.id] if tree.id in ("inf", "nan") else tree.id
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return -_plain(tree.operand)
    if isinstance(tree, ast.List | ast.Tuple):
        return [_plain(item) for item in tree.elts]
    return ast.literal_eval(tree)


def show(graph: Graph) -> str:
    """The outputs as expressions; nodes that no output needs are not shown."""
    return ", ".join(map(_shown, graph.outputs))


def _shown(value: Value) -> str:
    node = value.node
    if node is None:
        return value.name
    if node.op == "Const":
        return f"{value.dtype.name}({_literal(node.attrs['value'].tolist())})"
    op = get(node.op)
    parts = []
    for arg, group in zip(op.inputs, op.group(node.inputs, node.attrs), strict=True):
        parts.append("[" + ", ".join(map(_shown, group)) + "]" if arg.is_list else _shown(group))
    for attr in op.explicit:
        shown = node.attrs[attr.name]
        if shown != attr.default and attr.name not in ("DstT",):
            parts.append(f"{attr.name}={_literal(shown)}")
    if "DstT" in node.attrs:
        parts.append(f"DstT={node.attrs['DstT'].name}")
    return f"{node.op}({', '.join(parts)})" + (f"[{value.index}]" if value.index else "")


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, DType):
        return value.name
    if isinstance(value, TensorShape):
        return str(value.dims)
    return repr(value)


def evaluate(graph: Graph, arrays: Sequence[Any]) -> list[np.ndarray[Any, Any]]:
    """Runs a graph, node by node."""
    return [np.asarray(result) for result in Interpreter(np.zeros(4, np.uint32)).run(graph, arrays)]


SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, float("inf"), float("-inf"), float("nan"), 1e-40, 3e38, -1e20, 1e-20, 7.0)


def samples(graph: Graph, *, special: bool = True, seed: int = 0) -> list[Any]:
    """Arrays for the inputs, unknown dimensions of size 3; floats include NaN, infinities, -0.0, subnormals."""
    random = np.random.default_rng(seed)
    return [_sample(value, random, special) for value in graph.inputs]


def _sample(value: Value, random: np.random.Generator, special: bool) -> Any:
    if value.element is not None:
        return Cell(_sample(Value(*value.element), random, special), value.name)
    dims = value.shape.as_tuple() if value.shape.rank is not None else (2, 3)
    shape = tuple(3 if d is None else d for d in dims)
    dtype = value.dtype
    if dtype.is_bool:
        return random.integers(0, 2, shape).astype(np.bool_)
    if dtype.is_integer:
        low, high = (0, 100) if dtype.is_unsigned else (-100, 100)
        return random.integers(low, high, shape).astype(dtype.np_dtype)
    numbers = random.normal(size=shape)
    if special:
        with np.errstate(over="ignore"):
            numbers = np.where(random.random(shape) < 0.6, random.choice(SPECIAL, shape), numbers)
    if dtype.is_complex:
        return (numbers + 1j * random.normal(size=shape)).astype(dtype.np_dtype)
    with np.errstate(over="ignore"):
        return numbers.astype(dtype.np_dtype)
