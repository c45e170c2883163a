"""Graphs as text: the readable form that parser.py reads back, bit for bit.

    graph @main(%x: float32[?, 3], %w: resource[]<float32[3, 4]>) {
      read = ReadVariableOp(%w) {dtype = float32} : float32[3, 4]
      product = MatMul(%x, %read) {transpose_a = false, transpose_b = false, T = float32} : float32[?, 4]
      parts = Split(%axis, %product) {num_split = 2, T = float32} : float32[?, 2], float32[?, 2] on "/device:CPU:0"
      return %parts:0, %parts:1
    }

A line is `name = Op(inputs) {attributes} : results`, with an optional device (`on "..."`) and source (`from "..."`).
`?` is an unknown dimension, `[*]` an unknown rank. The graph itself comes first, then those that its nodes refer to by
`@name`. docs/graph.md has the grammar. What inference tried on a value (`probes`) is not printed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from headrace.core.dtypes import DType, from_numpy, string
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.ir.graph import Graph, Node, Value, subgraphs

BARE_NAME = r"[A-Za-z0-9_.][A-Za-z0-9_.\\/>-]*"
"""Names of this form are printed as they are, others in quotes."""


class Style(NamedTuple):
    """How to print: the largest tensor to show (None: all), and names of graphs that differ from their own."""

    elide: int | None = None
    names: Mapping[Graph, str] = MappingProxyType({})


PLAIN = Style()

MOST_READABLE = 64
"""Tensors of more elements are printed as hexadecimal bytes."""

CANONICAL_NAN = 0x7FF8000000000000

_bare = re.compile(BARE_NAME)
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def print_graph(graph: Graph, *, elide: int | None = None) -> str:
    """The text of `graph` and of every graph reached through attributes.

    Args:
        graph: the graph, printed first.
        elide: tensors of more elements are shown as `...`; such a text is for people and cannot be parsed back.

    Graphs that share a name are told apart by `_1`, `_2`, ... at its end.

    Raises:
        InvalidArgumentError: an attribute is of a kind that the IR does not have.
    """
    style = Style(elide, _printed_names(graph))
    return "\n".join(_graph_text(member, style) for member in style.names)


def _printed_names(graph: Graph) -> dict[Graph, str]:
    """`graph`, then the graphs held by its nodes, and so on, each once in order of first use; and how each is called."""
    names: dict[Graph, str] = {}
    taken: set[str] = set()
    queue = [graph]
    while queue:
        member = queue.pop(0)
        if member in names:
            continue
        name, number = member.name, 0
        while name in taken:
            number += 1
            name = f"{member.name}_{number}"
        taken.add(name)
        names[member] = name
        queue.extend(body for node in member.nodes for body in subgraphs(node))
    return names


def _graph_text(graph: Graph, style: Style) -> str:
    inputs = ", ".join(f"%{quoted_name(v.name)}: {type_text(v)}" for v in graph.inputs)
    lines = [f"graph @{quoted_name(style.names[graph])}({inputs}) {{"]
    lines += [f"  {node_text(node, style)}" for node in graph.nodes]
    lines.append("  return " + ", ".join(map(reference, graph.outputs)) if graph.outputs else "  return")
    return "\n".join([*lines, "}", ""])


def node_text(node: Node, style: Style = PLAIN) -> str:
    """One node as one line."""
    text = f"{quoted_name(node.name)} = {quoted_name(node.op)}({', '.join(map(reference, node.inputs))})"
    if node.attrs:
        attrs = (f"{quoted_name(key)} = {attr_text(value, style)}" for key, value in node.attrs.items())
        text += " {" + ", ".join(attrs) + "}"
    if node.outputs:
        text += " : " + ", ".join(f"{quoted_name(v.name)}: {type_text(v)}" if v.name else type_text(v) for v in node.outputs)
    if node.device:
        text += f" on {quoted(node.device)}"
    if node.source is not None:
        text += f" from {quoted(node.source)}"
    return text


def reference(value: Value) -> str:
    """A value as it is read: `%input`, `%node`, or `%node:index` when the node has several outputs."""
    if value.node is None:
        return f"%{quoted_name(value.name)}"
    name = quoted_name(value.node.name)
    return f"%{name}" if len(value.node.outputs) == 1 else f"%{name}:{value.index}"


def type_text(value: Value) -> str:
    """Dtype, shape and, for a handle, the type of the variable: `resource[]<float32[3]>`."""
    text = value.dtype.name + shape_text(value.shape)
    if value.element is not None:
        text += f"<{value.element[0].name}{shape_text(value.element[1])}>"
    return text


def shape_text(shape: TensorShape) -> str:
    """`[2, ?]`, or `[*]` when the rank is unknown."""
    if shape.rank is None:
        return "[*]"
    return "[" + ", ".join("?" if d is None else str(d) for d in shape) + "]"


def attr_text(value: Any, style: Style = PLAIN) -> str:
    """An attribute's value; different values have different texts.

    Raises:
        InvalidArgumentError: the IR has no attributes of this kind.
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return float_text(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, DType):
        return value.name
    if isinstance(value, TensorShape):
        return shape_text(value)
    if isinstance(value, Graph):
        return f"@{quoted_name(style.names.get(value, value.name))}"
    if isinstance(value, np.ndarray):
        return tensor_text(value, style)
    if isinstance(value, tuple):
        return "(" + ", ".join(attr_text(item, style) for item in value) + ("," if len(value) == 1 else "") + ")"
    raise InvalidArgumentError(
        f"an attribute is a {type(value).__name__} ({value!r:.80}); the IR has ints, floats, bools, strings, DTypes, TensorShapes,"
        " numpy arrays, graphs, None and tuples of these"
    )


def float_text(value: float) -> str:
    """The shortest text that reads back as the same 64 bits."""
    bits = struct.unpack("<Q", struct.pack("<d", value))[0]
    if value != value and bits != CANONICAL_NAN:
        return f"nan(0x{bits:016x})"
    return repr(value)


def quoted_name(name: str) -> str:
    """A name as it is, or quoted when it holds other characters than a node's name may."""
    return name if _bare.fullmatch(name) else quoted(name)


def quoted(text: str) -> str:
    """A string in double quotes; what cannot be printed is written `\\u{hex}`."""
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\u{{{ord(c):x}}}") for c in text) + '"'


def tensor_text(array: np.ndarray[Any, Any], style: Style = PLAIN) -> str:
    """`tensor<float32[2]>(1.0, 2.5)`: the elements in row-major order (complex ones as two numbers), or their bytes.

    Elements are written out where there are few and the text reads back as the very same bits.

    Raises:
        InvalidArgumentError: the array holds objects that are not bytes.
    """
    dtype = from_numpy(array.dtype)
    head = f"tensor<{dtype.name}{shape_text(TensorShape(array.shape))}>"
    if style.elide is not None and array.size > style.elide:
        return f"{head}(...)"
    if dtype is string:
        return f"{head}({', '.join(_byte_strings(array))})"
    native = np.ascontiguousarray(array.astype(dtype.np_dtype, copy=False))
    if array.size <= MOST_READABLE:
        texts = list(_elements(native, dtype))
        if elements_from(texts, dtype).tobytes() == native.tobytes():
            return f"{head}({', '.join(texts)})"
    little = native if native.dtype.byteorder != ">" else native.byteswap()
    return f"{head}(0x{little.tobytes().hex()})"


def _byte_strings(array: np.ndarray[Any, Any]) -> Iterator[str]:
    for item in array.ravel().tolist():
        if not isinstance(item, bytes):
            raise InvalidArgumentError(f"a string tensor holds {item!r:.80} ({type(item).__name__}); expected bytes objects")
        yield quoted(item.decode("utf-8", "surrogateescape"))


def _elements(array: np.ndarray[Any, Any], dtype: DType) -> Iterator[str]:
    if dtype.is_bool:
        yield from ("true" if item else "false" for item in array.ravel().tolist())
    elif dtype.is_integer:
        yield from (str(int(item)) for item in array.ravel())
    else:
        yield from (_short(item) for item in array.ravel().view(dtype.real_dtype.np_dtype))


def _short(item: Any) -> str:
    """A float of any width: as short as it reads back through 64 bits."""
    text = str(item)
    wide = float(item)
    exact = type(item)(float(text)) == item
    text = text if exact else repr(wide)
    return text if "." in text or "e" in text or "n" in text else text + ".0"


def elements_from(texts: list[str], dtype: DType) -> np.ndarray[Any, Any]:
    """The flat array that element texts stand for.

    Raises:
        ValueError, OverflowError: a text is no element of `dtype`.
    """
    if dtype.is_bool:
        if not set(texts) <= {"true", "false"}:
            raise ValueError("expected true or false")
        return np.array([text == "true" for text in texts], np.bool_)
    if dtype.is_integer:
        numbers = [int(text) for text in texts]
        limits = ml_dtypes.iinfo(dtype.np_dtype)
        if any(number < limits.min or number > limits.max for number in numbers):
            raise OverflowError(f"expected integers in {limits.min}..{limits.max}")
        return np.array(numbers, np.int64 if dtype.name != "uint64" else np.uint64).astype(dtype.np_dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        reals = np.array([float(text) for text in texts], np.float64).astype(dtype.real_dtype.np_dtype)
    return reals.view(dtype.np_dtype)
