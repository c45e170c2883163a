"""Gradients that users gave with tf.custom_gradient, as functions of a model's library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from headrace.autodiff.reverse import CustomRule, Record
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.spec import TensorSpec
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.ir.graph import Graph, Node, Value
from headrace.saved_model.graph_export import problem
from headrace.trace.builder import GraphBuilder
from headrace.trace.concrete import ConcreteFunction


class TracedGradient(NamedTuple):
    """The gradient of one node as a function.

    Attributes:
        node: the IdentityN node.
        graph: takes the gradients of the node's outputs, then what it captured.
        captured: what it captured: values of the node's graph, and tensors of the outside.
        present: for each input of the node, whether there is a gradient.
    """

    node: Node
    graph: Graph
    captured: list[Value | Tensor]
    present: list[bool]

    @property
    def input_signature(self) -> Any:
        """What the function takes: in place of the node None, then the gradients."""
        specs = [TensorSpec(v.shape, v.dtype, f"result_grads_{i}") for i, v in enumerate(self.node.outputs)]
        return ((None, *specs), {})

    @property
    def output_signature(self) -> list[Any]:
        """What it gives for each input of the node."""
        made = iter(self.graph.outputs)
        specs = ((next(made), i) if there else (None, i) for i, there in enumerate(self.present))
        return [None if v is None else TensorSpec(v.shape, v.dtype, f"tensor_{i}") for v, i in specs]


def traced_gradients(concrete: ConcreteFunction) -> list[TracedGradient]:
    """The gradients that users gave for steps of a function, those inside its branches and loops left aside.

    Raises:
        UnimplementedError: one holds an op that TensorFlow does not have.
        InvalidArgumentError: one gives something else than a gradient for each input.
        Exception: what the user's function raises.
    """
    known = {value for node in concrete.graph.nodes for value in node.outputs}
    arguments = len(concrete.graph.inputs) - len(concrete.captured_inputs)
    outside = dict(zip(concrete.graph.inputs[arguments:], concrete.captured_inputs, strict=True))
    found = []
    for record in concrete.records:
        if isinstance(record.backward, CustomRule):
            first = record.outputs[0]
            node = first.value.node if isinstance(first, GraphTensor) and first.value in known else None
            if node is not None and node.op == "IdentityN":
                found.append(_traced(record, node, outside, f"the custom gradient in function {concrete.name!r}"))
    return found


def _traced(record: Record, node: Node, outside: dict[Value, Tensor], what: str) -> TracedGradient:
    builder = GraphBuilder("custom_gradient", may_create_variables=False)
    state = context.state()
    before, state.name_scope = state.name_scope, ""
    try:
        with context.using(builder):
            given = [builder.add_argument(TensorSpec(v.shape, v.dtype), f"result_grads_{i}") for i, v in enumerate(node.outputs)]
            assert record.backward is not None
            gradients = list(record.backward(*given[: len(record.outputs)]))
            results = [None if g is None else builder.adopt(convert_to_tensor(g)) for g in gradients]
    except Exception as error:
        error.add_note(f"{what} was being traced for a SavedModel; SaveOptions(experimental_custom_gradients=False) leaves it out")
        raise
    finally:
        state.name_scope = before
    if len(results) != len(record.inputs):
        raise InvalidArgumentError(f"{what} gives {len(results)} gradients for {len(record.inputs)} inputs")
    builder.graph.outputs = [t.value for t in results if t is not None]
    reason = problem(builder.graph)
    if reason is not None:
        raise UnimplementedError(reason)
    captured = [_captured(tensor, outside) for tensor in builder.captured]
    present = [*[False] * (len(node.inputs) - len(results)), *(t is not None for t in results)]
    return TracedGradient(node, builder.graph, captured, present)


def _captured(tensor: Tensor, outside: dict[Value, Tensor]) -> Value | Tensor:
    """A tensor of the node's graph as a value, or what that graph itself captured."""
    if not isinstance(tensor, GraphTensor):
        return tensor
    return outside.get(tensor.value, tensor.value)


class KeptTensor:
    """A value of a function that the gradient in it needs; an object of the model of the kind captured_tensor."""

    def __init__(self, value: Value, concrete: ConcreteFunction) -> None:
        self.value = value
        self.concrete = concrete


def op_type(number: int) -> str:
    """The name by which nodes refer to a gradient."""
    return f"CustomGradient-{number}"


def kept_tensors(objects: Sequence[Any]) -> list[tuple[int, KeptTensor]]:
    """The kept tensors among a model's objects, with their numbers."""
    return [(number, value) for number, value in enumerate(objects) if isinstance(value, KeptTensor)]
