"""Equality of graphs: structure, attributes and constants, bit for bit."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from headrace.ir.graph import Graph, Node, Value


def assert_same(first: Graph, second: Graph) -> None:
    """Asserts that two graphs, and those they refer to, are equal in everything but the identity of objects."""
    _same_graph(first, second, {})


def _same_graph(a: Graph, b: Graph, seen: dict[Graph, Graph]) -> None:
    if a in seen:
        assert seen[a] is b
        return
    seen[a] = b
    assert a.name == b.name
    values: dict[Value, Value] = {}
    assert len(a.inputs) == len(b.inputs)
    for x, y in zip(a.inputs, b.inputs, strict=True):
        _same_value(x, y, values)
    assert [n.name for n in a.nodes] == [n.name for n in b.nodes]
    for n, m in zip(a.nodes, b.nodes, strict=True):
        _same_node(n, m, values, seen)
    assert [values[v] for v in a.outputs] == b.outputs


def _same_node(n: Node, m: Node, values: dict[Value, Value], seen: dict[Graph, Graph]) -> None:
    assert (n.op, n.device, n.source) == (m.op, m.device, m.source)
    assert [values[v] for v in n.inputs] == m.inputs
    assert list(n.attrs) == list(m.attrs)
    for key, value in n.attrs.items():
        _same_attr(value, m.attrs[key], seen)
    assert len(n.outputs) == len(m.outputs)
    for x, y in zip(n.outputs, m.outputs, strict=True):
        assert y.node is m
        assert x.index == y.index
        _same_value(x, y, values)


def _same_value(x: Value, y: Value, values: dict[Value, Value]) -> None:
    assert (x.name, x.dtype, x.shape, x.element) == (y.name, y.dtype, y.shape, y.element)
    values[x] = y


def _same_attr(a: Any, b: Any, seen: dict[Graph, Graph]) -> None:
    assert type(a) is type(b)
    if isinstance(a, Graph):
        _same_graph(a, b, seen)
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            _same_attr(x, y, seen)
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes() if a.dtype.kind != "O" else a.tolist() == b.tolist()
    elif isinstance(a, float):
        assert struct.pack("<d", a) == struct.pack("<d", b)
    else:
        assert a == b
