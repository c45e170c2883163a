"""ForwardAccumulator: directional derivatives, carried along while the program runs.

The derivative of an op along tangents of its inputs is taken from its gradient rule, which is linear in the gradient u that flows
in: the gradient of sum(rule(u) * tangent) with respect to u is the tangent of the output. So every op that has a gradient, calls
of functions included, has a forward derivative too.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from headrace.autodiff.reverse import Backward, Record, carries_gradient, input_gradients, zeros_like
from headrace.autodiff.tape import GradientTape, UnconnectedGradients, key_tensor
from headrace.core import nest
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import NO_ATTRS, Attrs, OpDef
from headrace.dispatch.tensor import Tensor


class ForwardAccumulator:
    """Computes J v, the derivative of what runs inside along `tangents` of `primals`.

    Args:
        primals: tensors or variables, in any structure.
        tangents: a direction of the same structure, dtypes and shapes.

    Raises:
        ValueError: the structures differ, or a tangent has another shape than its primal.
    """

    def __init__(self, primals: Any, tangents: Any) -> None:
        nest.assert_same_structure(primals, tangents)
        self._tangents: dict[int, Tensor] = {}
        self._kept: list[Tensor] = []
        self._recording = False
        for primal, direction in zip(nest.flatten(primals), nest.flatten(tangents), strict=True):
            tangent = convert_to_tensor(direction, primal.dtype)
            if not tangent.shape.is_compatible_with(primal.shape):
                raise ValueError(f"a tangent has the shape of its primal, {primal.shape}; got {tangent.shape}")
            self._keep(key_tensor(primal), tangent)

    def _keep(self, tensor: Tensor, tangent: Tensor) -> None:
        self._tangents[id(tensor)] = tangent
        self._kept.append(tensor)

    def __enter__(self) -> ForwardAccumulator:
        if self._recording:
            raise ValueError("the accumulator is in use already; it cannot be entered twice")
        state = context.state()
        state.tapes = (*state.tapes, self)
        self._recording = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        state = context.state()
        state.tapes = tuple(tape for tape in state.tapes if tape is not self)
        self._recording = False

    def jvp(self, primals: Any, unconnected_gradients: UnconnectedGradients | str = UnconnectedGradients.NONE) -> Any:
        """The derivatives of `primals`, which were computed inside.

        Args:
            primals: tensors or variables, in any structure.
            unconnected_gradients: what stands for those that do not depend on the accumulator's primals.

        Returns:
            A tensor of the same shape for each, or None.
        """
        zero = UnconnectedGradients(unconnected_gradients) is UnconnectedGradients.ZERO

        def derivative(primal: Any) -> Tensor | None:
            found = self._tangents.get(id(key_tensor(primal)))
            return zeros_like(convert_to_tensor(primal)) if found is None and zero else found

        return nest.map_structure(derivative, primals)

    # Called by the executors.
    def record(self, op: OpDef, attrs: Attrs, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Carries tangents through one op; see dispatch.context.Recorder."""
        if op.differentiable:
            self._carry(Record(op, attrs, inputs, outputs))

    def record_custom(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], rule: Backward) -> None:
        """Carries tangents through a step whose gradient is `rule`."""
        self._carry(Record(None, NO_ATTRS, inputs, outputs, rule))

    def watches(self, tensors: Sequence[Tensor]) -> bool:
        """True when one of the tensors has a tangent; see dispatch.context.Recorder."""
        return any(id(tensor) in self._tangents for tensor in tensors)

    def watch_variable(self, variable: Any) -> None:
        """Nothing: variables are watched when they are given as primals."""

    def _carry(self, record: Record) -> None:
        if not self.watches(record.inputs):
            return
        tangents = [self._tangents.get(id(tensor)) for tensor in record.inputs]
        state = context.state()
        # What is computed here concerns tapes around this one, but neither this one nor those inside it.
        around = state.tapes[: state.tapes.index(self)]
        with context.using(state.executor, tapes=around):
            incoming = [zeros_like(output) if carries_gradient(output) else None for output in record.outputs]
            seeds = [seed for seed in incoming if seed is not None]
            if not seeds:
                return
            with GradientTape() as tape:
                tape.watch(seeds)
                found = input_gradients(record, incoming)
            pairs = [(g, t) for g, t in zip(found, tangents, strict=True) if g is not None and t is not None]
            if not pairs:
                return
            gradients, directions = zip(*((convert_to_tensor(g), t) for g, t in pairs), strict=True)
            results = iter(tape.gradient(list(gradients), seeds, list(directions)))
        for output, seed in zip(record.outputs, incoming, strict=True):
            tangent = None if seed is None else next(results)
            if tangent is not None:
                self._keep(output, tangent)
