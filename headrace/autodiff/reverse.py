"""The backward pass over a list of records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from headrace.autodiff.vjp import differentiable_inputs, differentiable_outputs, vjp_op
from headrace.core.dtypes import int64, resource, variant
from headrace.core.errors import InternalError, NoGradientError
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor, resolve_types
from headrace.dispatch.opdef import Attrs, OpDef, get
from headrace.dispatch.tensor import EagerTensor, GraphTensor, Tensor

Gradient = Tensor | IndexedSlices | None
Backward = Callable[..., Sequence[Gradient]]


class Record:
    """One op as it ran: what a gradient rule gets to see. `backward` replaces the op's own rule."""

    __slots__ = ("attrs", "backward", "inputs", "op", "outputs")

    def __init__(
        self, op: OpDef | None, attrs: Attrs, inputs: Sequence[Tensor], outputs: Sequence[Tensor], backward: Backward | None = None
    ) -> None:
        self.op = op
        self.attrs = attrs
        self.inputs = inputs
        self.outputs = outputs
        self.backward = backward


class CustomRule:
    """A gradient that a user gave. In a graph the record's outputs are the first ones of an IdentityN node, and its inputs stand
    for the node's last ones, so that a SavedModel can hold it.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Backward) -> None:
        self._call = call

    def __call__(self, *gradients: Gradient) -> Sequence[Gradient]:
        """The gradients of the inputs."""
        return self._call(*gradients)


def carries_gradient(tensor: Tensor) -> bool:
    """True for tensors that gradients flow through."""
    if isinstance(tensor, EagerTensor):
        kind = tensor.array.dtype.kind
        return kind in "fcV" or (kind == "O" and tensor.dtype.is_differentiable)
    return isinstance(tensor, GraphTensor) and tensor.value.dtype.is_differentiable


def backward(
    records: Sequence[Record], targets: Sequence[tuple[Tensor, Gradient]], sources: Collection[int]
) -> dict[int, Tensor | IndexedSlices]:
    """Accumulated gradients of the sources.

    Args:
        records: what ran, in order.
        targets: each differentiated tensor with the gradient that flows into it.
        sources: ids of the tensors whose gradients are wanted.

    Returns:
        A gradient for each connected source, by id.
    """
    pending: dict[int, Tensor | IndexedSlices] = {}
    for target, seed in targets:
        _accumulate(pending, id(target), seed)
    found: dict[int, Tensor | IndexedSlices] = {}
    for record in reversed(records):
        incoming = [pending.pop(id(output), None) for output in record.outputs]
        if all(gradient is None for gradient in incoming):
            continue
        for output, gradient in zip(record.outputs, incoming, strict=True):
            if id(output) in sources and gradient is not None:
                found[id(output)] = gradient
        for tensor, gradient in zip(record.inputs, input_gradients(record, incoming), strict=True):
            if gradient is not None and carries_gradient(tensor):
                _accumulate(pending, id(tensor), gradient)
    for source in sources:
        if source in pending:
            found[source] = pending[source]
    return found


def input_gradients(record: Record, incoming: Sequence[Gradient]) -> Sequence[Gradient]:
    """The gradients of the inputs of one record, given those of its outputs (None where nothing flows)."""
    if record.backward is not None:
        return _checked(record, record.backward(*incoming))
    op = record.op
    assert op is not None
    if op.gradient_rule is not None:
        dense = [convert_to_tensor(g) if isinstance(g, IndexedSlices) and not _accepts_slices(op) else g for g in incoming]
        return _checked(record, op.gradient_rule(record, *dense))
    return _vjp_gradients(op, record, incoming)


def _accepts_slices(op: OpDef) -> bool:
    """Gradients of variables pass as they are; every other rule takes tensors."""
    return op.has_resources


def _checked(record: Record, result: Any) -> Sequence[Gradient]:
    gradients = result if isinstance(result, list | tuple) else (result,)
    if len(gradients) != len(record.inputs):
        name = record.op.name if record.op is not None else "a custom gradient"
        raise InternalError(f"the gradient of {name} returned {len(gradients)} values for {len(record.inputs)} inputs")
    return gradients


def _vjp_gradients(op: OpDef, record: Record, incoming: Sequence[Gradient]) -> Sequence[Gradient]:
    counts = _list_counts(op, record)
    complete = resolve_types(op, record.inputs, record.attrs, counts)
    outputs = op.group_outputs(list(zip(record.outputs, incoming, strict=True)), complete)
    cotangents: list[Any] = []
    for position in differentiable_outputs(op):
        group = outputs[position]
        filled = [_filled(o, g) for o, g in (group if isinstance(group[0], tuple) else (group,))] if group else []
        cotangents.append(filled if op.outputs[position].is_list else filled[0])
    derived = vjp_op(op)
    arguments = [*op.group(record.inputs, complete), *cotangents]
    results = iter(derived.run(arguments, record.attrs))
    wanted = set(differentiable_inputs(op))
    gradients: list[Gradient] = []
    for position, group in enumerate(op.group(record.inputs, complete)):
        for tensor in group if isinstance(group, tuple) else (group,):
            gradient = next(results) if position in wanted else None
            gradients.append(gradient if carries_gradient(tensor) else None)
    return gradients


def _list_counts(op: OpDef, record: Record) -> list[int] | None:
    """The lengths of list inputs; None lets `resolve_types` tell the only one."""
    lists = [arg for arg in op.inputs if arg.is_list]
    if len(lists) < 2:
        return None
    if all(arg.number_attr == lists[0].number_attr for arg in lists) and lists[0].number_attr:
        return [(len(record.inputs) - len(op.inputs) + len(lists)) // len(lists)] * len(lists)
    raise NoGradientError(f"{op.name} takes several lists of different lengths and needs an explicit gradient rule", op=op.name)


def _filled(output: Tensor, gradient: Gradient) -> Tensor:
    return zeros_like(output) if gradient is None else convert_to_tensor(gradient)


def zeros_like(tensor: Tensor) -> Tensor:
    """The gradient of something that nothing depends on; a list of zeros for a list, the variable's zeros for a handle."""
    if tensor.dtype is variant:
        return get("_TensorListZeros")(tensor)
    if tensor.dtype is resource:
        held = tensor.value.element[0] if isinstance(tensor, GraphTensor) and tensor.value.element else tensor.array.element_dtype  # type: ignore[attr-defined]
        return get("ZerosLike")(get("ReadVariableOp")(tensor, dtype=held))
    return get("ZerosLike")(tensor)


def _accumulate(pending: dict[int, Tensor | IndexedSlices], key: int, gradient: Gradient) -> None:
    if gradient is None:
        return
    present = pending.get(key)
    pending[key] = gradient if present is None else add_gradients(present, gradient)


def add_gradients(a: Tensor | IndexedSlices, b: Tensor | IndexedSlices) -> Tensor | IndexedSlices:
    """The sum of two gradients; slices stay slices when both are."""
    if isinstance(a, IndexedSlices) and isinstance(b, IndexedSlices):
        concat = get("ConcatV2")
        places = [a.indices, b.indices]
        if places[0].dtype is not places[1].dtype:
            places = [get("Cast")(p, DstT=int64) for p in places]
        return IndexedSlices(concat([a.values, b.values], 0), concat(places, 0), a.dense_shape)
    return get("_TensorListAdd" if a.dtype is variant else "AddV2")(convert_to_tensor(a), convert_to_tensor(b))


def by_source(found: Mapping[int, Tensor | IndexedSlices], keys: Sequence[int]) -> list[Gradient]:
    """The gradients in the order of `keys`, None where unconnected."""
    return [found.get(key) for key in keys]
