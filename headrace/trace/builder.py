"""The graph builder: the executor that records nodes instead of running ops."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from headrace.autodiff.reverse import Backward, Record
from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.core.spec import TensorSpec
from headrace.dispatch import context
from headrace.dispatch.convert import convert_inputs, convert_to_tensor, resolve_types
from headrace.dispatch.infer import content_probes, infer
from headrace.dispatch.opdef import NO_ATTRS, Attrs, OpDef
from headrace.dispatch.tensor import EagerTensor, GraphTensor, PathTensor, ResourceTensor, Tensor
from headrace.ir.graph import Graph, Value, ancestors
from headrace.runtime.eager import HOST_LIMIT

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class RecordLog:
    """Everything recorded while a graph is built, so that the graph can be differentiated later."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.variables: dict[int, Any] = {}

    def record(self, op: OpDef, attrs: Attrs, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Notes one op; see dispatch.context.Recorder."""
        if op.differentiable:
            self.records.append(Record(op, attrs, inputs, outputs))

    def record_custom(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], rule: Backward) -> None:
        """Notes a step whose gradient is `rule`; see dispatch.context.Recorder."""
        self.records.append(Record(None, NO_ATTRS, inputs, outputs, rule))

    def watches(self, tensors: Sequence[Tensor]) -> bool:
        """True: which values gradients are taken of turns out later."""
        return True

    def watch_variable(self, variable: Any) -> None:
        """Remembers the variables that the graph reads; see dispatch.context.Recorder."""
        self.variables.setdefault(id(variable), variable)


class GraphBuilder:
    """Builds one graph.

    Attributes:
        graph: the graph under construction.
        captured: the outside tensors that the graph uses, in the order of their inputs after the arguments.
        log: what was recorded, for differentiation.
        created: variables created meanwhile.
        may_create_variables: False in a trace that must not make any.
    """

    is_eager = False

    def __init__(self, name: str, *, may_create_variables: bool = True) -> None:
        self.graph = Graph(name)
        self.captured: list[Tensor] = []
        self.log = RecordLog()
        self.created: list[Any] = []
        self._capture_inputs: dict[int, GraphTensor] = {}
        self.may_create_variables = may_create_variables

    def add_argument(self, spec: TensorSpec, name: str) -> GraphTensor:
        """A new input for an argument of the traced function; a handle among them is an iterator's, which holds elements."""
        element = (dtypes.variant, TensorShape(())) if spec.dtype is dtypes.resource else None
        return GraphTensor(self.graph.add_input(spec.dtype, spec.shape, name, element=element), self)

    def run(self, op: OpDef, args: Sequence[Any], attrs: Attrs, name: str | None) -> tuple[Tensor, ...]:
        """Records one op; see dispatch.context.Executor."""
        inputs = convert_inputs(op, args, attrs)
        counts = [len(a) for a, d in zip(args, op.inputs, strict=True) if d.is_list]
        complete = resolve_types(op, inputs, attrs, counts)
        values = [tensor.value for tensor in inputs]  # type: ignore[attr-defined]
        try:
            inferred = infer(op, values, complete)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{error.message}{_at(user_frame())}", op=op.name) from None
        outputs = tuple(GraphTensor(Value(dtype, shape, probes=probes), self) for dtype, shape, probes in inferred)
        state = context.state()
        self.graph.add_node(
            op.name,
            values,
            complete,
            [t.value for t in outputs],
            name=state.name_scope + (name or op.name.lstrip("_")),
            device=state.device,
            source=user_frame(),
        )
        for tape in state.tapes:
            tape.record(op, attrs, inputs, outputs)
        return outputs

    def call(self, graph: Graph, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Records a call of another graph; see dispatch.context.Executor."""
        values = [self.adopt(t).value for t in inputs]
        outputs = [Value(v.dtype, v.shape) for v in graph.outputs]
        attrs = {"Tin": tuple(v.dtype for v in values), "Tout": tuple(v.dtype for v in outputs), "f": graph}
        self.graph.add_node("StatefulPartitionedCall", values, attrs, outputs, name=graph.name, source=user_frame())
        return tuple(GraphTensor(v, self) for v in outputs)

    def constant(self, value: Any, dtype: DType, name: str | None = None) -> GraphTensor:
        """A Const node; see dispatch.context.Executor."""
        output = Value(dtype, TensorShape(value.shape), probes=content_probes(value))
        state = context.state()
        self.graph.add_node("Const", [], {"value": value, "dtype": dtype}, [output], name=state.name_scope + (name or "Const"))
        return GraphTensor(output, self)

    def initial_value(self, value: Any, dtype: DType | None) -> EagerTensor:
        """The first value of a variable, computed outside of the graph; see dispatch.context.Executor.

        Raises:
            ValueError: variables may not be created in this trace, or the value depends on the function's arguments.
        """
        if not self.may_create_variables:
            raise ValueError(
                f"tf.function {self.graph.name!r} tried to create a variable when it was traced again; create variables once,"
                " outside of it or behind `if self.v is None`, so that only the first trace makes them"
            )
        self.created.append(value)
        if isinstance(value, GraphTensor):
            return self._lift(value, dtype)
        with context.init_scope():
            return context.state().executor.initial_value(value, dtype)

    def _lift(self, tensor: GraphTensor, dtype: DType | None) -> EagerTensor:
        """Runs the part of the graph that makes `tensor` at once."""
        needed = ancestors([tensor.value])
        lifted = Graph(f"{self.graph.name}_initializer")
        lifted.inputs = [v for v in self.graph.inputs if any(v in node.inputs for node in needed) or v is tensor.value]
        known = {t.value: outside for outside, t in zip(self.captured, self._capture_inputs.values(), strict=True)}
        if any(v not in known for v in lifted.inputs):
            raise ValueError(
                f"the initial value of a variable created in {self.graph.name!r} depends on the function's arguments; give a"
                " function without arguments (a lambda) or compute it outside"
            )
        lifted.nodes = [node for node in self.graph.nodes if node in needed]
        lifted.outputs = [tensor.value]
        with context.init_scope():
            (value,) = context.state().executor.call(lifted, [known[v] for v in lifted.inputs])
            return convert_to_tensor(value, dtype)  # type: ignore[return-value]

    def adopt(self, tensor: Tensor) -> GraphTensor:
        """This graph's name for a tensor: itself, a constant for a small host value, or a captured input."""
        if isinstance(tensor, GraphTensor) and tensor.builder is self:
            return tensor
        found = self._capture_inputs.get(id(tensor))
        if found is not None:
            return found
        if isinstance(tensor, ResourceTensor):
            cell = tensor.array
            value = self.graph.add_input(
                dtypes.resource, TensorShape(()), _identifier(cell.name), element=(cell.element_dtype, cell.element_shape)
            )
        elif isinstance(tensor, EagerTensor):
            small = tensor.array.dtype.kind in "iubO" and tensor.array.size <= HOST_LIMIT
            if small and not isinstance(tensor, PathTensor):
                return self.constant(tensor.__array__(), tensor.dtype)
            value = self.graph.add_input(tensor.dtype, tensor.shape, "capture")
        else:
            outer = tensor.value  # type: ignore[attr-defined]
            if outer.node is not None and outer.node.op == "Const":
                return self.constant(outer.node.attrs["value"], outer.dtype)
            value = self.graph.add_input(outer.dtype, outer.shape, "capture", outer.probes, outer.element)
        found = self._capture_inputs[id(tensor)] = GraphTensor(value, self)
        self.captured.append(tensor)
        return found


def _identifier(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_./-" else "_" for c in name).lstrip("_./-") or "variable"


def user_frame() -> str | None:
    """`file:line` of the innermost frame outside of Headrace."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith(_PACKAGE):
            return f"{filename}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def _at(place: str | None) -> str:
    return f" (at {place})" if place else ""
