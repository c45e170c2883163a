"""ConcreteFunction: one graph with what it captured, called on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from headrace.autodiff.reverse import Record
from headrace.core import nest
from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import CompositeSpec, TensorSpec
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.ir.graph import Graph
from headrace.runtime.memory.report import MemoryReport, report
from headrace.state.tracking import Trackable
from headrace.trace.gradients import DifferentiableGraph


class ConcreteFunction(Trackable):
    """A traced function for one set of argument shapes and dtypes.

    Attributes:
        graph: its inputs are the flat tensor arguments, then the captures.
        captured_inputs: the captured tensors and variable handles.
        structured_input_signature: `(args, kwargs)` with a TensorSpec in place of each tensor.
        structured_outputs: the structure of the result, with TensorSpecs.
        variables: the variables that the function reads or assigns.
    """

    def __init__(
        self,
        graph: Graph,
        captured: Sequence[Tensor],
        input_signature: tuple[tuple[Any, ...], dict[str, Any]],
        output_structure: Any,
        variables: Sequence[Any],
        differentiable: DifferentiableGraph,
        name: str,
    ) -> None:
        self.graph = graph
        self.captured_inputs = list(captured)
        self.structured_input_signature = input_signature
        self._output_structure = output_structure
        self.variables = tuple(variables)
        self.name = name
        self._differentiable = differentiable
        self._argument_count = len(graph.inputs) - len(self.captured_inputs)
        self.specs = [spec for spec in nest.flatten(input_signature, expand_composites=True) if isinstance(spec, TensorSpec)]
        """The flat tensor arguments."""

    @property
    def records(self) -> Sequence[Record]:
        """The steps of the graph, with the gradients that they have of their own."""
        return self._differentiable.records

    def trackable_children(self) -> dict[str, Any]:
        """None: what a function captures is saved with it."""
        return {}

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """The variables that are trainable."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def inputs(self) -> list[TensorSpec]:
        """Specs of the flat tensor arguments."""
        return list(self.specs)

    @property
    def outputs(self) -> list[TensorSpec]:
        """Specs of the flat outputs."""
        return [TensorSpec(v.shape, v.dtype) for v in self.graph.outputs]

    @property
    def structured_outputs(self) -> Any:
        """The structure of the result with TensorSpecs for leaves."""
        leaves = iter(self.outputs)

        def leaf(marker: Any) -> Any:
            if isinstance(marker, CompositeSpec):
                for _ in marker.component_specs:
                    next(leaves)
                return marker
            return None if marker is None else next(leaves)

        return nest.map_structure(leaf, self._output_structure)

    def pretty_printed_signature(self, verbose: bool = True) -> str:
        """The signature as one line, `name(x: TensorSpec(...)) -> ...`."""
        args, kwargs = self.structured_input_signature
        parts = [repr(a) for a in args] + [f"{k}={v!r}" for k, v in kwargs.items()]
        return f"{self.name}({', '.join(parts)}) -> {self.structured_outputs!r}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function; arguments as in the traced call, or tensors alone, by position or by the names of their specs.

        Raises:
            TypeError: an argument is missing or unknown.
            InvalidArgumentError: a tensor's dtype or shape does not fit.
        """
        return self.call_flat(self._flat_arguments(args, kwargs))

    def call_flat(self, tensors: Sequence[Tensor]) -> Any:
        """Calls the function on its flat tensor arguments, already checked."""
        inputs = [*tensors, *self.captured_inputs]
        state = context.state()
        if state.observer is not None and state.executor.is_eager:
            state.observer(self.graph)
        if state.tapes:
            for variable in self.variables:
                for tape in state.tapes:
                    tape.watch_variable(variable)
            outputs: Sequence[Tensor] = self._differentiable.call(inputs)
        else:
            outputs = state.executor.call(self.graph, inputs)
        return self.pack(outputs)

    def memory_report(self) -> MemoryReport:
        """What one call needs of memory, and the lifetime of every value; unknown dimensions count as 1.

        Raises:
            UnimplementedError: part of the function runs on the host.
        """
        shapes = [tuple(1 if d is None else d for d in spec.shape) for spec in self.specs]
        tensors = [jax.ShapeDtypeStruct(shape, spec.dtype.np_dtype) for shape, spec in zip(shapes, self.specs, strict=True)]
        return report(self.graph, [*tensors, *(t.array for t in self.captured_inputs)], self.name)  # type: ignore[attr-defined]

    @property
    def gives_one_tensor(self) -> bool:
        """True when the result is a tensor, in no structure."""
        return self._output_structure is True

    def pack(self, flat: Sequence[Any]) -> Any:
        """The flat outputs in the structure of the result."""
        if self.gives_one_tensor:
            return flat[0]
        leaves = iter(flat)

        def leaf(marker: Any) -> Any:
            if isinstance(marker, CompositeSpec):
                return marker.from_components([next(leaves) for _ in marker.component_specs])
            return None if marker is None else next(leaves)

        return nest.map_structure(leaf, self._output_structure)

    def _flat_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
        given = [a for a in nest.flatten(args, expand_composites=True) if is_tensor_like(a)]
        rest = dict(kwargs)
        for spec in self.specs[len(given) :]:
            if spec.name is None or spec.name not in rest:
                raise TypeError(
                    f"{self.name} is missing the argument {spec.name!r}; its signature is {self.structured_input_signature}"
                )
            given.append(rest.pop(spec.name))
        if rest or len(given) > len(self.specs):
            names = [s.name for s in self.specs]
            extra = ", ".join(map(repr, sorted(rest))) or f"{len(given)} tensors"
            raise TypeError(f"{self.name} takes the arguments {names}; got {extra} besides")
        return [checked_argument(self.name, value, spec) for value, spec in zip(given, self.specs, strict=True)]

    def __repr__(self) -> str:
        return f"<ConcreteFunction {self.pretty_printed_signature()}>"


def is_tensor_like(value: Any) -> bool:
    """True for what becomes a tensor argument: tensors, variables, numpy arrays, and numbers or lists given to a signature."""
    return value is not None and not callable(value)


def checked_argument(function: str, value: Any, spec: TensorSpec) -> Tensor:
    """`value` as a tensor that fits `spec`.

    Raises:
        InvalidArgumentError: it does not fit.
    """
    try:
        tensor = (
            convert_to_tensor(value)
            if hasattr(value, "dtype") and not hasattr(value, "__array_interface__")
            else convert_to_tensor(value, spec.dtype)
        )
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"argument {spec.name!r} of {function} must fit {spec}: {error}") from None
    if tensor.dtype is not spec.dtype or not spec.shape.is_compatible_with(tensor.shape):
        raise InvalidArgumentError(
            f"argument {spec.name!r} of {function} has dtype {tensor.dtype.name} and shape {tensor.shape}; expected dtype"
            f" {spec.dtype.name} and shape {spec.shape}; cast or reshape it"
        )
    return tensor
