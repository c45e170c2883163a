"""The While node of a graph, and its gradient.

The gradient of a loop is a loop that runs as often, backwards: its body runs the backward pass of the forward body. Values
of every iteration that it needs are appended to lists, which the forward loop carries once a gradient is asked for and the
backward loop takes apart. What the forward loop does not change is passed as it is, and its gradient is summed up.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from headrace.autodiff.reverse import Gradient, Record, add_gradients, backward, zeros_like
from headrace.core import dtypes
from headrace.core.shapes import TensorShape
from headrace.core.spec import TensorSpec
from headrace.dispatch import context
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.ir.graph import Node, Value
from headrace.ops.lists.tensor_list import element_shape_of, empty_tensor_list, tensor_list_push_back
from headrace.passes.effects import has_effects
from headrace.trace.builder import GraphBuilder, user_frame
from headrace.trace.control.bodies import Body, align, extend_outputs, spec_like, trace


class Loop:
    """A While node while its graph is built.

    Attributes:
        outputs: its outputs, one an input; those that the body passes through are the inputs again.
    """

    def __init__(self, builder: GraphBuilder, node: Node, inputs: Sequence[Tensor], condition: Body, body: Body) -> None:
        self.builder = builder
        self.node = node
        self.inputs = list(inputs)
        self.condition = condition
        self.body = body
        self.outputs = [GraphTensor(value, builder) for value in node.outputs]
        self._saved: dict[int, GraphTensor] = {}
        self._count: GraphTensor | None = None
        self._record(list(range(len(self.outputs))), context.state().tapes)

    def _record(self, positions: list[int], tapes: Sequence[context.Recorder]) -> None:
        outputs = [self.outputs[p] for p in positions]
        for tape in tapes:
            tape.record_custom(list(self.inputs), outputs, partial(self._gradient, positions, len(self.inputs)))

    def _is_fixed(self, position: int) -> bool:
        return self.body.outputs[position] is self.body.inputs[position]

    def _gradient(self, positions: Sequence[int], count: int, *gradients: Gradient) -> list[Gradient]:
        """The gradients of the first `count` inputs, given those of the outputs at `positions`."""
        given = {p: convert_to_tensor(g) for p, g in zip(positions, gradients, strict=True) if g is not None}
        results: list[Gradient] = [given.get(i) if self._is_fixed(i) else None for i in range(count)]
        active = sorted(p for p in given if not self._is_fixed(p))
        if not active:
            return results
        reverse = _Reverse(self, active)
        while reverse.more:
            reverse = _Reverse(self, sorted({*active, *reverse.more}))
            active = reverse.active
        for position, gradient in reverse.emit(given).items():
            if position < count:
                before = results[position]
                results[position] = gradient if before is None else add_gradients(before, gradient)
        return results

    def count(self) -> GraphTensor:
        """How many iterations ran, int32: carried from now on."""
        if self._count is None:
            with context.using(self.body.builder, tapes=()):
                argument = self.body.add_input(None, "iteration", dtypes.int32)
                following = argument + 1
            with context.using(self.builder, tapes=()):
                start = convert_to_tensor(np.int32(0))
            self._count = self._carry(start, following, [])
        return self._count

    def saved(self, tensor: GraphTensor) -> GraphTensor:
        """The list of the values that a tensor of the body has in each iteration: carried from now on."""
        found = self._saved.get(id(tensor))
        if found is None:
            with context.using(self.builder, tapes=()):
                start = empty_tensor_list(element_shape_of(tensor), -1, element_dtype=tensor.dtype)
            with context.using(self.body.builder, tapes=(self.body.builder.log,)):
                longer = tensor_list_push_back(self.body.add_input(None, "values"), tensor)
            tapes = [tape for tape in context.state().tapes if tape is not self.builder.log]
            found = self._saved[id(tensor)] = self._carry(start, longer, [self.builder.log, *tapes])
        return found

    def _carry(self, start: Tensor, following: Tensor, tapes: Sequence[context.Recorder]) -> GraphTensor:
        """Adds a carried value, whose input of the body is there already; `start` was just added to the graph."""
        self._move_before(start)
        self.node.inputs.append(start.value)  # type: ignore[attr-defined]
        self.inputs.append(start)
        self.body.outputs.append(following)  # type: ignore[arg-type]
        self.condition.add_input(start)
        self.body.seal()
        self.condition.seal()
        (output,) = extend_outputs(self.builder, self.node, [following])
        self.outputs.append(output)
        for name, item in (("T", output.dtype), ("output_shapes", output.shape)):
            self.node.attrs[name] = (*self.node.attrs[name], item)
        self._record([len(self.outputs) - 1], tapes)
        return output

    def _move_before(self, tensor: Tensor) -> None:
        """Moves the node of `tensor`, and the constants that it reads, from the end of the graph to before this one."""
        nodes = self.builder.graph.nodes
        made = tensor.value.node  # type: ignore[attr-defined]
        moved = [value.node for value in made.inputs if value.node.op == "Const"] + [made]
        for node in moved:
            nodes.remove(node)
        place = nodes.index(self.node)
        nodes[place:place] = moved


class _Reverse:
    """The backward loop of one Loop.

    Attributes:
        active: positions of changing values whose gradients are carried.
        more: positions that turn out to have a gradient too; if there are any, begin anew with them.
    """

    def __init__(self, loop: Loop, active: Sequence[int]) -> None:
        self.loop = loop
        self.active = list(active)
        self.builder = GraphBuilder(f"{loop.body.graph.name}_grad")
        body = loop.body
        with context.using(self.builder, tapes=(self.builder.log,)):
            self.counter = self.builder.add_argument(TensorSpec([], dtypes.int32), "remaining")
            self.seeds = {p: self.builder.add_argument(spec_like(body.outputs[p], "grad"), "grad") for p in self.active}
            targets = [(body.outputs[p], seed) for p, seed in self.seeds.items()]
            found = backward(body.builder.log.records, targets, {id(t) for t in body.inputs})
        self.gradients = [found.get(id(t)) for t in body.inputs]
        changing = [i for i in range(len(self.gradients)) if not loop._is_fixed(i)]
        self.more = [i for i in changing if self.gradients[i] is not None and i not in self.seeds]

    def emit(self, given: dict[int, Tensor]) -> dict[int, Tensor]:
        """Adds the loop to the graph under construction; returns the gradients of the forward loop's inputs by position."""
        loop = self.loop
        sums = [i for i, g in enumerate(self.gradients) if g is not None and loop._is_fixed(i)]
        with context.using(self.builder, tapes=(self.builder.log,)):
            totals = {i: self.builder.add_argument(spec_like(loop.body.inputs[i], "sum"), "sum") for i in sums}
            following: list[Tensor] = [self.counter - 1]
            for position, seed in self.seeds.items():
                gradient = self.gradients[position]
                following.append(zeros_like(seed) if gradient is None else convert_to_tensor(gradient))
            following += [_added(totals[i], self.gradients[i]) for i in sums]
            adopted = [self.builder.adopt(t) for t in following]
        body = Body(self.builder, [self.counter, *self.seeds.values(), *totals.values()], adopted)
        starts = [loop.count()]
        starts += [given[p] if p in given else zeros_like(context.state().executor.adopt(loop.outputs[p])) for p in self.seeds]  # type: ignore[misc]
        starts += [zeros_like(context.state().executor.adopt(loop.inputs[i])) for i in sums]  # type: ignore[misc]
        starts += self._take_apart(body, len(starts))  # type: ignore[arg-type]
        specs = [TensorSpec([], dtypes.int32)]
        _, condition = trace(f"{loop.condition.graph.name}_grad", lambda remaining: (None, [remaining > 0]), specs)
        for start in starts[1:]:
            condition.add_input(start)
        results = while_node(condition, body, starts)
        return dict(zip([*self.seeds, *totals], results[1:], strict=False))

    def _take_apart(self, body: Body, arguments: int) -> list[Tensor]:
        """Replaces what the body reads of the forward iteration by the last elements of lists; returns the lists."""
        loop = self.loop
        inputs, feeds = body.inputs[arguments:], body.feeds[arguments:]
        del body.inputs[arguments:], body.feeds[arguments:]
        lists: list[Tensor] = []
        outside: list[tuple[GraphTensor, Tensor]] = []
        for tensor, feed in zip(inputs, feeds, strict=True):
            assert feed is not None
            if not isinstance(feed, GraphTensor) or feed.builder is not loop.body.builder:
                outside.append((tensor, feed))
                continue
            fixed = next((i for i, t in enumerate(loop.body.inputs) if t is feed and loop._is_fixed(i)), None)
            if fixed is not None:
                outside.append((tensor, loop.inputs[fixed]))
                continue
            lists.append(loop.saved(feed))
            body.add_input(None, "values")
            body.outputs.append(_popped(body, tensor))
        for tensor, feed in outside:
            body.inputs.append(tensor)
            body.feeds.append(feed)
        return lists


def _added(total: Tensor, gradient: Gradient) -> Tensor:
    """A sum with one more gradient; slices are added in place."""
    assert gradient is not None
    if isinstance(gradient, IndexedSlices):
        indices = get("ExpandDims")(gradient.indices, -1)
        return get("TensorScatterAdd")(total, indices, gradient.values)
    return convert_to_tensor(add_gradients(total, gradient))


def _popped(body: Body, tensor: GraphTensor) -> GraphTensor:
    """Makes `tensor`, an input until now, the last element of the input added last; returns the rest of the list."""
    graph, builder, whole = body.graph, body.builder, body.inputs[-1]
    shape = Value(dtypes.int32, TensorShape(element_shape_of(tensor).shape))
    rest = Value(dtypes.variant, whole.value.shape)
    array = element_shape_of(tensor)
    graph.add_node("Const", [], {"value": array, "dtype": dtypes.int32}, [shape], name="element_shape", before=0)
    attrs = {"element_dtype": tensor.dtype}
    tensor.value.name = ""
    graph.add_node("TensorListPopBack", [whole.value, shape], attrs, [rest, tensor.value], name="saved", before=1)
    op = get("TensorListPopBack")
    outputs = [GraphTensor(rest, builder), tensor]
    builder.log.records.insert(0, Record(op, op.kernel_attrs(attrs), [whole, GraphTensor(shape, builder)], outputs))
    return outputs[0]


def while_node(condition: Body, body: Body, starts: Sequence[Tensor]) -> list[GraphTensor]:
    """Adds a While node to the graph under construction.

    Args:
        condition: of as many arguments as there are starts; gives a bool scalar.
        body: likewise; gives as many outputs.
        starts: the first values.

    Returns:
        The last values.
    """
    builder: GraphBuilder = context.state().executor  # type: ignore[assignment]
    captured = align([condition, body], len(starts))
    body.outputs += body.inputs[len(starts) :]
    body.seal()
    inputs = [builder.adopt(t) for t in (*starts, *captured)]
    outputs = [
        Value(t.dtype, after.shape.most_general(t.shape), element=t.value.element)
        for t, after in zip(inputs, body.outputs, strict=True)
    ]
    attrs = {
        "T": tuple(v.dtype for v in outputs),
        "output_shapes": tuple(v.shape for v in outputs),
        "cond": condition.graph,
        "body": body.graph,
        "parallel_iterations": 10,
    }
    effects = any(has_effects(node) for graph in (condition.graph, body.graph) for node in graph.nodes)
    state = context.state()
    node = builder.graph.add_node(
        "While" if effects else "StatelessWhile",
        [t.value for t in inputs],
        attrs,
        outputs,
        name=state.name_scope + "while",
        device=state.device,
        source=user_frame(),
    )
    return list(Loop(builder, node, inputs, condition, body).outputs[: len(starts)])


def specs_of(tensors: Sequence[Tensor], shapes: Sequence[Any] | None = None) -> list[TensorSpec]:
    """The specs of carried values, with wider shapes where `shapes` gives them."""
    if shapes is None:
        return [TensorSpec(t.shape, t.dtype) for t in tensors]
    return [TensorSpec(shape, t.dtype) for t, shape in zip(tensors, shapes, strict=True)]
