"""Reads the text that printer.py writes. `#` starts a comment that runs to the end of the line."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, TypeVar

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import UNKNOWN, TensorShape
from headrace.ir.graph import Graph, Value
from headrace.ir.printer import BARE_NAME, elements_from

DEEPEST = 32
"""Tuples nest no deeper."""

T = TypeVar("T")

_SPACE = re.compile(r"(?:\s+|#[^\n]*)*")
_NAME = re.compile(BARE_NAME)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STRING = re.compile(r'"((?:[^"\\\n]|\\u\{[0-9a-f]{1,6}\}|\\[ntr"\\])*)"')
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))")
_INTEGER = re.compile(r"-?\d{1,4000}(?![\d.e])")
_DIMENSION = re.compile(r"\d{1,19}(?!\d)")
_FLOAT = re.compile(r"-?(?:\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+|inf)")
_NAN = re.compile(r"nan\(0x([0-9a-f]{16})\)")
_HEX = re.compile(r"0x((?:[0-9a-f]{2})*)")
_ELEMENT = re.compile(r"-?(?:\d[\d.e+-]*|inf|nan)|true|false")
_UNESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


class _Type(NamedTuple):
    dtype: DType
    shape: TensorShape
    element: tuple[DType, TensorShape] | None


def parse(text: str) -> Graph:
    """The first graph of `text`, with the graphs that it refers to by name.

    Raises:
        InvalidArgumentError: the text is not a graph; the message gives line and column.
    """
    return _Parser(text).graphs()


class _Parser:
    """Reads from `position` on; every method leaves it behind what it read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.known: dict[str, Graph] = {}
        self.defined: set[str] = set()
        self.wanted: dict[str, int] = {}
        self.scope: dict[str, tuple[Value, ...]] = {}

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        at = self.position if position is None else position
        line = self.text.count("\n", 0, at) + 1
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        found = self.text[at : at + 20].split("\n")[0] or ("end of line" if at < len(self.text) else "end of text")
        raise InvalidArgumentError(f"line {line}, column {column}: {message}; found {found!r}")

    def space(self) -> None:
        self.position = _SPACE.match(self.text, self.position).end()  # type: ignore[union-attr]

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self.space()
        found = pattern.match(self.text, self.position)
        if found:
            self.position = found.end()
        return found

    def accept(self, token: str) -> bool:
        self.space()
        if not self.text.startswith(token, self.position):
            return False
        self.position += len(token)
        return True

    def expect(self, token: str) -> None:
        if not self.accept(token):
            self.fail(f"expected {token!r}")

    def keyword(self, word: str) -> bool:
        """Accepts a whole word."""
        self.space()
        found = _NAME.match(self.text, self.position)
        if found is None or found.group() != word:
            return False
        self.position = found.end()
        return True

    def listed(self, item: Callable[[], T], close: str) -> list[T]:
        """Items between commas up to `close`; a comma may end the list."""
        items: list[T] = []
        while not self.accept(close):
            if items:
                self.expect(",")
                if self.accept(close):
                    break
            items.append(item())
        return items

    # Names and types

    def string(self) -> str:
        found = self.match(_STRING)
        if found is None:
            self.fail('expected a string in double quotes (escapes: \\n \\t \\r \\" \\\\ \\u{hex})')
        if "\\" not in found.group(1):
            return found.group(1)
        start = found.start()

        def plain(escape: re.Match[str]) -> str:
            if escape.group(1) is None:
                return _UNESCAPED[escape.group(2)]
            code = int(escape.group(1), 16)
            return chr(code) if code <= 0x10FFFF else self.fail(f"\\u{{{code:x}}} is no character", start)

        return _ESCAPE.sub(plain, found.group(1))

    def name(self, what: str) -> str:
        self.space()
        if self.text.startswith('"', self.position):
            return self.string()
        found = self.match(_NAME)
        return found.group() if found else self.fail(f"expected {what}")

    def dtype(self) -> DType:
        self.space()
        start = self.position
        found = self.match(_WORD)
        dtype = dtypes._BY_NAME.get(found.group()) if found else None
        return dtype or self.fail("expected a dtype such as float32", start)

    def shape(self) -> TensorShape:
        self.expect("[")
        if self.accept("*"):
            self.expect("]")
            return UNKNOWN
        return TensorShape(self.listed(self.dimension, "]"))

    def dimension(self) -> int | None:
        if self.accept("?"):
            return None
        found = self.match(_DIMENSION)
        return int(found.group()) if found else self.fail("expected a dimension: a number or ?")

    def type(self) -> _Type:
        dtype, shape = self.dtype(), self.shape()
        element = None
        if self.accept("<"):
            element = self.dtype(), self.shape()
            self.expect(">")
        return _Type(dtype, shape, element)

    # Attributes

    def attribute(self, depth: int = 0) -> Any:
        self.space()
        start = self.text[self.position : self.position + 1]
        if start == '"':
            return self.string()
        if start == "[":
            return self.shape()
        if start == "@":
            return self.graph_reference()
        if start == "(":
            if depth == DEEPEST:
                self.fail(f"tuples nest deeper than {DEEPEST}")
            self.position += 1
            return tuple(self.listed(lambda: self.attribute(depth + 1), ")"))
        return self.number() if start == "-" or start.isdigit() else self.word()

    def number(self) -> int | float:
        if found := self.match(_INTEGER):
            return int(found.group())
        if found := self.match(_FLOAT):
            return float(found.group())
        return self.fail("expected a number")

    def word(self) -> Any:
        start = self.position
        if found := self.match(_NAN):
            return struct.unpack("<d", struct.pack("<Q", int(found.group(1), 16)))[0]
        found = self.match(_WORD)
        text = found.group() if found else ""
        if text == "tensor":
            return self.tensor()
        if text in ("true", "false"):
            return text == "true"
        if text in ("inf", "nan"):
            return float(text)
        if text == "none":
            return None
        return dtypes._BY_NAME.get(text) or self.fail("expected an attribute's value", start)

    def tensor(self) -> np.ndarray[Any, Any]:
        start = self.position
        self.expect("<")
        dtype, shape = self.dtype(), self.shape()
        self.expect(">")
        if not dtype.is_numpy_compatible or not shape.is_fully_defined():
            self.fail("a tensor needs a dtype with a representation and a shape that is fully defined", start)
        self.expect("(")
        flat = self.strings() if dtype is dtypes.string else self.numbers(dtype)
        try:
            return flat.reshape(shape.concrete())
        except ValueError:
            self.fail(f"the shape {shape} does not take the {flat.size} elements given", start)

    def strings(self) -> np.ndarray[Any, Any]:
        self.space()
        start = self.position
        items = self.listed(self.string, ")")
        flat = np.empty(len(items), object)
        try:
            flat[:] = [item.encode("utf-8", "surrogateescape") for item in items]
        except UnicodeEncodeError:
            self.fail("a string element holds a lone surrogate outside of dc80..dcff, which stands for no byte", start)
        return flat

    def numbers(self, dtype: DType) -> np.ndarray[Any, Any]:
        self.space()
        start = self.position
        try:
            if found := self.match(_HEX):
                self.expect(")")
                little = np.frombuffer(bytes.fromhex(found.group(1)), dtype.np_dtype).copy()
                return little if dtype.np_dtype.byteorder != ">" else little.byteswap()
            return elements_from(self.listed(self.element, ")"), dtype)
        except InvalidArgumentError:
            raise
        except (ValueError, OverflowError) as error:
            self.fail(f"the elements do not make a {dtype.name} tensor: {error}", start)

    def element(self) -> str:
        found = self.match(_ELEMENT)
        return found.group() if found else self.fail("expected an element: a number, true or false")

    def graph_reference(self) -> Graph:
        start = self.position
        self.expect("@")
        name = self.name("a graph's name")
        self.wanted.setdefault(name, start)
        return self.known.setdefault(name, Graph(name))

    # Graphs

    def graphs(self) -> Graph:
        first = self.graph()
        while self.keyword("graph"):
            self.graph_body()
        self.space()
        if self.position < len(self.text):
            self.fail("expected `graph` or the end of the text")
        for name, position in self.wanted.items():
            if name not in self.defined:
                self.fail(f"graph @{name} is not defined in this text", position)
        return first

    def graph(self) -> Graph:
        if not self.keyword("graph"):
            self.fail("expected `graph`")
        return self.graph_body()

    def graph_body(self) -> Graph:
        self.expect("@")
        self.space()
        start = self.position
        name = self.name("a graph's name")
        if name in self.defined:
            self.fail(f"graph @{name} is defined twice", start)
        self.defined.add(name)
        graph = self.known.setdefault(name, Graph(name))
        self.scope = {}
        self.expect("(")
        self.listed(lambda: self.input(graph), ")")
        self.expect("{")
        while not self.end(graph):
            self.node(graph)
        return graph

    def fresh(self, name: str, start: int) -> None:
        if name in self.scope:
            self.fail(f"the name {name!r} is used twice in this graph", start)

    def input(self, graph: Graph) -> None:
        self.expect("%")
        start = self.position
        name = self.name("an input's name")
        self.fresh(name, start)
        self.expect(":")
        dtype, shape, element = self.type()
        self.scope[name] = (graph.add_input(dtype, shape, name, element=element),)

    def end(self, graph: Graph) -> bool:
        """Reads `return ... }`; a node may also be called `return`."""
        start = self.position
        if not self.keyword("return"):
            return False
        if self.accept("="):
            self.position = start
            return False
        graph.outputs = self.listed(self.value, "}")
        return True

    def value(self) -> Value:
        self.expect("%")
        start = self.position - 1
        name = self.name("a value's name")
        values = self.scope.get(name)
        if values is None:
            self.fail(f"%{name} is not defined above", start)
        index = 0
        if self.accept(":"):
            found = self.match(_DIMENSION)
            index = int(found.group()) if found else self.fail("expected an output's index")
        elif len(values) != 1:
            self.fail(f"%{name} has {len(values)} outputs; write %{name}:0, %{name}:1, ...", start)
        if index >= len(values):
            self.fail(f"%{name} has no output {index}; it has {len(values)}", start)
        return values[index]

    def node(self, graph: Graph) -> None:
        self.space()
        start = self.position
        name = self.name("a node's name, `return` or `}`")
        self.fresh(name, start)
        self.expect("=")
        op = self.name("an op's name")
        self.expect("(")
        inputs = self.listed(self.value, ")")
        attrs: dict[str, Any] = {}
        if self.accept("{"):
            self.listed(lambda: self.named_attribute(attrs), "}")
        outputs = self.results() if self.accept(":") else []
        device = self.string() if self.keyword("on") and not self.is_definition("on") else ""
        source = self.string() if self.keyword("from") and not self.is_definition("from") else None
        self.scope[name] = graph.add_node(op, inputs, attrs, outputs, name=name, device=device, source=source).outputs

    def is_definition(self, word: str) -> bool:
        """True, and the word is put back, when what was read as a keyword is the name of the next node."""
        if self.text[self.position :].lstrip().startswith("="):
            self.position -= len(word)
            return True
        return False

    def named_attribute(self, attrs: dict[str, Any]) -> None:
        self.space()
        start = self.position
        name = self.name("an attribute's name")
        if name in attrs:
            self.fail(f"the attribute {name!r} is given twice", start)
        self.expect("=")
        attrs[name] = self.attribute()

    def results(self) -> list[Value]:
        values = [self.result()]
        while self.accept(","):
            values.append(self.result())
        return values

    def result(self) -> Value:
        """`type` or `name: type`; a type is a word and `[`."""
        start = self.position
        name = self.name("a result's type")
        if not self.accept(":"):
            self.position = start
            name = ""
        dtype, shape, element = self.type()
        return Value(dtype, shape, name, element=element)
