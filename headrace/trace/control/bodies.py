"""Bodies: the graphs of a branch or loop, with the tensors and records of their construction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import SCALAR, TensorShape
from headrace.core.spec import TensorSpec
from headrace.dispatch import context
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.ir.graph import Graph, Value
from headrace.trace.builder import GraphBuilder


class Body:
    """A graph that a node runs.

    Attributes:
        builder: built it; its log has the records.
        inputs: the graph's inputs as tensors, in order.
        outputs: the graph's outputs as tensors.
        feeds: for each input the tensor outside that is fed, None for arguments.
    """

    def __init__(self, builder: GraphBuilder, arguments: Sequence[GraphTensor], outputs: Sequence[GraphTensor]) -> None:
        self.builder = builder
        self.inputs = [*arguments, *map(builder.adopt, builder.captured)]
        self.outputs = list(outputs)
        self.feeds: list[Tensor | None] = [*[None] * len(arguments), *builder.captured]

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.builder.graph

    def seal(self) -> None:
        """Gives the graph the present inputs and outputs."""
        self.graph.inputs = [t.value for t in self.inputs]
        self.graph.outputs = [t.value for t in self.outputs]

    def add_input(self, like: Tensor | None, name: str = "unused", dtype: DType = dtypes.variant) -> GraphTensor:
        """One more input, of the kind of `like`, or a scalar of `dtype`."""
        if like is None:
            value = self.graph.add_input(dtype, SCALAR, name)
        else:
            value = self.graph.add_input(like.dtype, like.shape, name, element=element_of(like))
        tensor = GraphTensor(value, self.builder)
        self.inputs.append(tensor)
        self.feeds.append(like)
        return tensor


def element_of(tensor: Tensor) -> tuple[DType, TensorShape] | None:
    """What a resource handle refers to, None for other tensors."""
    if tensor.dtype is not dtypes.resource:
        return None
    if isinstance(tensor, GraphTensor):
        return tensor.value.element
    cell = tensor.array  # type: ignore[attr-defined]
    return cell.element_dtype, cell.element_shape


def trace(name: str, function: Callable[..., tuple[Any, list[Tensor]]], specs: Iterable[TensorSpec] = ()) -> tuple[Any, Body]:
    """Traces a Python function into a body.

    Args:
        name: of the graph.
        function: takes a tensor for each spec; returns anything, and the outputs.
        specs: of the arguments.

    Returns:
        What the function returned first, and the body.
    """
    state = context.state()
    outer: GraphBuilder = state.executor  # type: ignore[assignment]
    builder = GraphBuilder(name, may_create_variables=outer.may_create_variables)
    arguments = [builder.add_argument(spec, spec.name or "arg") for spec in specs]
    with context.using(builder, tapes=(builder.log,)):
        result, outputs = function(*arguments)
        adopted = [builder.adopt(tensor) for tensor in outputs]
    outer.created += builder.created
    for variable in builder.log.variables.values():
        for tape in state.tapes:
            tape.watch_variable(variable)
    body = Body(builder, arguments, adopted)
    body.seal()
    return result, body


def align(bodies: Sequence[Body], skip: int = 0) -> list[Tensor]:
    """Gives bodies the same inputs in the same order, after the first `skip` ones, which they share.

    Returns:
        The tensors to feed to them.
    """
    wanted: dict[tuple[int, int], Tensor] = {}
    owned: list[dict[tuple[int, int], GraphTensor]] = []
    for body in bodies:
        count: Counter[int] = Counter()
        mine: dict[tuple[int, int], GraphTensor] = {}
        for tensor, feed in zip(body.inputs[skip:], body.feeds[skip:], strict=True):
            assert feed is not None
            key = id(feed), count[id(feed)]
            count[id(feed)] += 1
            mine[key] = tensor
            wanted.setdefault(key, feed)
        owned.append(mine)
    for body, mine in zip(bodies, owned, strict=True):
        for key, feed in wanted.items():
            if key not in mine:
                mine[key] = body.add_input(feed)
        body.inputs[skip:] = [mine[key] for key in wanted]
        body.feeds[skip:] = list(wanted.values())
        body.seal()
    return list(wanted.values())


def extend_outputs(builder: GraphBuilder, node: Any, likes: Sequence[Tensor]) -> list[GraphTensor]:
    """Gives a node more outputs, of the kinds of `likes`."""
    added = []
    for like in likes:
        value = Value(like.dtype, like.shape)
        value.node, value.index = node, len(node.outputs)
        node.outputs = (*node.outputs, value)
        added.append(GraphTensor(value, builder))
    return added


def spec_like(tensor: Tensor, name: str) -> TensorSpec:
    """The spec of an argument that takes tensors such as this one; for a handle, of the variable's value."""
    element = element_of(tensor)
    return TensorSpec(tensor.shape, tensor.dtype, name) if element is None else TensorSpec(element[1], element[0], name)
