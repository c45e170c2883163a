"""What ops demand of their nodes, by number; ir/verify.py checks the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from headrace.core.dtypes import DType
from headrace.core.errors import InternalError
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import Arg, OpDef, find
from headrace.ir.functional import ATTRIBUTES, FUNCTIONAL, branches, first_input
from headrace.ir.graph import Graph, Node, Value, subgraphs

CONSTRAINTS = {
    101: "every op is declared",
    102: "a node has the attributes of its op",
    103: "a node has as many inputs as its op declares",
    104: "the inputs have the dtypes that the op declares",
    105: "a node has as many outputs as its op declares",
    106: "the outputs have the dtypes that the op declares",
    107: "a constant has the dtype and shape of its array",
    108: "a call passes what the function takes and returns what it returns",
}
"""Number -> constraint; errors cite the number."""

_KINDS: dict[str, type | tuple[type, ...]] = {
    "type": DType,
    "int": int,
    "float": float,
    "bool": bool,
    "string": str,
    "shape": TensorShape,
    "tensor": np.ndarray,
    "func": Graph,
}


def verify_ops(graph: Graph, pass_name: str = "") -> None:
    """Checks every node of `graph`, and of the graphs that nodes hold, against the declaration of its op.

    Raises:
        InternalError: a constraint does not hold; the message gives its number, the node and the pass.
    """
    seen = {graph}
    queue = [graph]
    while queue:
        member = queue.pop()
        for node in member.nodes:
            _Check(member, node, pass_name).run()
            bodies = set(subgraphs(node)) - seen
            seen |= bodies
            queue.extend(bodies)


class _Check:
    """The checks of one node."""

    def __init__(self, graph: Graph, node: Node, pass_name: str) -> None:
        self.graph = graph
        self.node = node
        self.pass_name = pass_name

    def fail(self, number: int, detail: str) -> NoReturn:
        after = f" after pass {self.pass_name!r}" if self.pass_name else ""
        raise InternalError(
            f"constraint {number} ({CONSTRAINTS[number]}) does not hold at node {self.node.name!r} ({self.node.op}) of graph"
            f" @{self.graph.name}{after}: {detail}",
            op=self.node.op,
        )

    def run(self) -> None:
        if self.node.op == "Const":
            self.check_constant()
        elif self.node.op in FUNCTIONAL:
            self.check_bodies()
        else:
            op = find(self.node.op)
            if op is None:
                self.fail(101, f"no op named {self.node.op!r} is declared")
            self.check_attrs(op)
            self.check_values(op, op.inputs, self.node.inputs, (103, 104))
            self.check_values(op, op.outputs, self.node.outputs, (105, 106))

    def check_attrs(self, op: OpDef) -> None:
        missing = sorted(op.attrs.keys() - self.node.attrs.keys())
        if missing:
            self.fail(102, f"missing {', '.join(missing)}; {op.name} has {', '.join(op.attrs) or 'none'}")
        for name, attr in op.attrs.items():
            if not _is_kind(attr.kind, self.node.attrs[name]):
                self.fail(102, f"{name} must be {attr.kind}; got {self.node.attrs[name]!r:.80}")

    def check_values(self, op: OpDef, declared: tuple[Arg, ...], values: Any, numbers: tuple[int, int]) -> None:
        expected = op.flat_args(declared, self.node.attrs)
        if len(values) != len(expected):
            self.fail(numbers[0], f"got {len(values)}; expected {len(expected)} for {op.signature()}")
        for position, (value, (arg, dtype)) in enumerate(zip(values, expected, strict=True)):
            if value.dtype is not dtype:
                self.fail(numbers[1], f"{arg.name!r} at {position} is {value.dtype.name}; expected {dtype.name}")

    def check_constant(self) -> None:
        array, dtype = self.node.attrs.get("value"), self.node.attrs.get("dtype")
        if not isinstance(array, np.ndarray) or not isinstance(dtype, DType) or len(self.node.outputs) != 1:
            self.fail(107, f"expected an array `value`, a `dtype` and one output; got {sorted(self.node.attrs)}")
        output = self.node.output
        if output.dtype is not dtype or array.dtype != dtype.np_dtype or output.shape != array.shape:
            self.fail(
                107, f"the array is {array.dtype}{array.shape}, `dtype` {dtype.name}, the output {output.dtype.name}{output.shape}"
            )

    def check_bodies(self) -> None:
        for name in ATTRIBUTES[self.node.op]:
            held = self.node.attrs.get(name)
            if not all(isinstance(body, Graph) for body in (held if isinstance(held, tuple) else (held,))) or not held:
                self.fail(108, f"attribute `{name}` is {held!r:.80}; expected a graph")
        given = self.node.inputs[first_input(self.node) :]
        if "cond" in self.node.attrs:
            condition, body = self.node.attrs["cond"], self.node.attrs["body"]
            self.check_body(condition, given, condition.outputs)
            self.check_body(body, given, self.node.outputs)
            self.check_values_of("carried value", body, body.inputs, body.outputs)
            if len(condition.outputs) != 1:
                self.fail(108, f"the condition @{condition.name} has {len(condition.outputs)} outputs; expected one")
        else:
            for body in (self.node.attrs["f"],) if "f" in self.node.attrs else branches(self.node):
                self.check_body(body, given, self.node.outputs)

    def check_body(self, body: Graph, inputs: Sequence[Value], outputs: Sequence[Value]) -> None:
        self.check_values_of("input", body, inputs, body.inputs)
        self.check_values_of("output", body, outputs, body.outputs)

    def check_values_of(self, what: str, body: Graph, given: Sequence[Value], taken: Sequence[Value]) -> None:
        if len(given) != len(taken):
            self.fail(108, f"the node has {len(given)} {what}s; @{body.name} has {len(taken)}")
        for position, (a, b) in enumerate(zip(given, taken, strict=True)):
            if a.dtype is not b.dtype or not a.shape.is_compatible_with(b.shape):
                self.fail(108, f"{what} {position} is {a.dtype.name}{a.shape}; that of @{body.name} is {b.dtype.name}{b.shape}")


def _is_kind(kind: str, value: Any) -> bool:
    if kind.startswith("list("):
        return isinstance(value, tuple) and all(_is_kind(kind[5:-1], item) for item in value)
    if kind == "int" and isinstance(value, bool):
        return False
    return isinstance(value, _KINDS[kind])
