"""The If and Case nodes of a graph, and their gradient.

The gradient of a branch is a branch on the same selector: each of its graphs runs the backward pass of one branch. The
values of the forward pass that it needs become further outputs of the forward node, once a gradient is asked for; the
other branches have `_Undefined` in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from headrace.autodiff.reverse import Gradient, backward, zeros_like
from headrace.core.shapes import TensorShape
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.ir.graph import Node, Value
from headrace.ops.lists.tensor_list import undefined
from headrace.passes.effects import has_effects
from headrace.trace.builder import GraphBuilder, user_frame
from headrace.trace.control.bodies import Body, align, extend_outputs


class Conditional:
    """An If or Case node while its graph is built.

    Attributes:
        outputs: its outputs, of which the first ones are the program's.
    """

    def __init__(self, builder: GraphBuilder, node: Node, inputs: Sequence[Tensor], branches: Sequence[Body]) -> None:
        self.builder = builder
        self.node = node
        self.inputs = list(inputs)
        self.branches = list(branches)
        self.outputs = [GraphTensor(value, builder) for value in node.outputs]
        self._saved: dict[int, GraphTensor] = {}
        self._record(self.outputs, context.state().tapes)

    def _record(self, outputs: Sequence[Tensor], tapes: Sequence[context.Recorder]) -> None:
        positions = [i for i, output in enumerate(self.outputs) if any(output is item for item in outputs)]
        for tape in tapes:
            tape.record_custom(list(self.inputs), list(outputs), partial(self._gradient, positions))

    def _gradient(self, positions: Sequence[int], *gradients: Gradient) -> list[Gradient]:
        """The gradients of the inputs, given those of the outputs at `positions`."""
        seeds = {p: convert_to_tensor(g) for p, g in zip(positions, gradients, strict=True) if g is not None}
        found = [self._backward(branch, seeds) for branch in self.branches]
        wanted = [i for i in range(len(self.inputs) - 1) if any(gradients[i] is not None for _, gradients in found)]
        reverse = [self._completed(*item, wanted) for item in found]
        for branch, body in zip(self.branches, reverse, strict=True):
            body.feeds = [self._outside(branch, feed) for feed in body.feeds]
        results = iter(conditional(self.inputs[0], reverse, align(reverse)))
        return [None, *(next(results) if i in wanted else None for i in range(len(self.inputs) - 1))]

    def _backward(self, branch: Body, seeds: dict[int, Tensor]) -> tuple[GraphBuilder, list[Gradient]]:
        """The backward pass of one branch: its builder and the gradients of the branch's inputs."""
        builder = GraphBuilder(f"{branch.graph.name}_grad")
        with context.using(builder, tapes=(builder.log,)):
            targets = [(branch.outputs[p], builder.adopt(seed)) for p, seed in seeds.items()]
            found = backward(branch.builder.log.records, targets, {id(t) for t in branch.inputs})
            gradients = [found.get(id(t)) for t in branch.inputs]
        return builder, gradients

    def _completed(self, builder: GraphBuilder, gradients: list[Gradient], wanted: Sequence[int]) -> Body:
        """The body whose outputs are the wanted gradients, zeros where this branch has none."""
        with context.using(builder, tapes=(builder.log,)):
            filled = [zeros_like(builder.adopt(self.inputs[1 + i])) if gradients[i] is None else gradients[i] for i in wanted]
            outputs = [builder.adopt(convert_to_tensor(g)) for g in filled]
        return Body(builder, [], outputs)

    def _outside(self, branch: Body, feed: Tensor | None) -> Tensor:
        """What to feed for a tensor that the backward pass reads: of a branch, what leaves it through the node."""
        assert feed is not None
        if not isinstance(feed, GraphTensor) or feed.builder is not branch.builder:
            return feed
        for position, tensor in enumerate(branch.inputs):
            if tensor is feed:
                return self.inputs[1 + position]
        if id(feed) not in self._saved:
            self._saved[id(feed)] = self._save(branch, feed)
        return self._saved[id(feed)]

    def _save(self, branch: Body, tensor: GraphTensor) -> GraphTensor:
        """Makes a value of a branch an output of the node."""
        for other in self.branches:
            value = tensor if other is branch else self._nothing(other, tensor)
            other.outputs.append(value)
            other.seal()
        (output,) = extend_outputs(self.builder, self.node, [tensor])
        self.node.attrs["Tout"] = (*self.node.attrs["Tout"], tensor.dtype)
        self.node.attrs["output_shapes"] = (*self.node.attrs["output_shapes"], tensor.shape)
        self.outputs.append(output)
        tapes = [tape for tape in context.state().tapes if tape is not self.builder.log]
        self._record([output], [self.builder.log, *tapes])
        return output

    @staticmethod
    def _nothing(branch: Body, like: GraphTensor) -> GraphTensor:
        with context.using(branch.builder, tapes=()):
            nothing = undefined(dtype=like.dtype)
            nothing.set_shape(like.shape)
            return nothing  # type: ignore[return-value]


def conditional(selector: Tensor, branches: Sequence[Body], inputs: Sequence[Tensor], *, case: bool = False) -> list[GraphTensor]:
    """Adds an If node (branches: false, true) or a Case node to the graph under construction; returns its outputs."""
    builder: GraphBuilder = context.state().executor  # type: ignore[assignment]
    tensors = [builder.adopt(t) for t in (selector, *inputs)]
    outputs = [
        Value(values[0].dtype, _common([t.shape for t in values])) for values in zip(*(b.outputs for b in branches), strict=True)
    ]
    attrs: dict[str, Any] = {
        "Tin": tuple(t.dtype for t in tensors[1:]),
        "Tout": tuple(v.dtype for v in outputs),
        "output_shapes": tuple(v.shape for v in outputs),
    }
    graphs = tuple(branch.graph for branch in branches)
    case = case or len(graphs) != 2 or selector.dtype.is_integer
    if case:
        attrs["branches"] = graphs
    else:
        attrs |= {"Tcond": selector.dtype, "else_branch": graphs[0], "then_branch": graphs[1]}
    stateful = any(has_effects(node) for graph in graphs for node in graph.nodes)
    name = ("" if stateful else "Stateless") + ("Case" if case else "If")
    state = context.state()
    node = builder.graph.add_node(
        name,
        [t.value for t in tensors],
        attrs,
        outputs,
        name=state.name_scope + ("switch_case" if case else "cond"),
        device=state.device,
        source=user_frame(),
    )
    return Conditional(builder, node, tensors, branches).outputs


def _common(shapes: Sequence[TensorShape]) -> TensorShape:
    result = shapes[0]
    for shape in shapes[1:]:
        result = result.most_general(shape)
    return result
