"""Gradients that a model was saved with: functions that the library names for the nodes of a type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.spec import TensorSpec
from headrace.dispatch.tensor import ResourceTensor, Tensor
from headrace.ir.graph import Graph, Node, Value
from headrace.saved_model import structure
from headrace.saved_model.functional_import import Build, Input
from headrace.trace.control.bodies import element_of
from headrace.trace.control.restoring import SavedGradient

Capture = Callable[[int, str], Tensor]
"""Gives what an object stands for that a function captures, by its number and the function's name."""


class RegisteredGradient:
    """A gradient in a model.

    Args:
        name: of the function in the library.
        entry: its SavedConcreteFunction.
        nodes: the model's objects.
        capture: gives captured tensors of the outside.
        label: names the model in messages.

    Raises:
        InvalidArgumentError: the description is damaged.
    """

    def __init__(self, name: str, entry: Any, nodes: Any, capture: Capture, label: str) -> None:
        self._name = name
        self._bound: Sequence[int] = entry.bound_inputs
        self._nodes = nodes
        self._capture = capture
        results = structure.decode(entry.output_signature, f"the output signature of {name!r}")
        self._results: list[Any] = list(results) if isinstance(results, list | tuple) else [results]
        if not all(0 <= number < len(nodes) for number in self._bound):
            raise InvalidArgumentError(f"the gradient {name!r} of {label} captures an object that does not exist")

    def check(self, count: int, what: str) -> None:
        """Checks that it gives a gradient, or None, for each of the `count` inputs of a node.

        Raises:
            InvalidArgumentError: it does not.
        """
        if len(self._results) != count:
            raise InvalidArgumentError(f"{what} has {count} inputs; its gradient {self._name!r} gives {len(self._results)} results")

    def saved(self, node: Node, function: str, named: Callable[[str], Value | None], build: Build) -> SavedGradient:
        """The gradient of one node.

        Args:
            node: the node.
            function: the name of the function that holds it.
            named: finds values of that function by the names that they have in a graph.
            build: makes graphs of the library's functions.
        """
        captured: list[Value | Tensor] = []
        present = [result is not None for result in self._results]
        for number in self._bound:
            kept = self._nodes[number].captured_tensor
            if self._nodes[number].WhichOneof("kind") != "captured_tensor":
                captured.append(self._capture(number, self._name))
                continue
            found = named(kept.name) if kept.concrete_function == function else None
            if found is None:
                return SavedGradient(partial(self._refuse, kept.name, kept.concrete_function, function), [], present)
            captured.append(found)
        return SavedGradient(partial(self._function, node, captured, build), captured, present)

    def _refuse(self, tensor: str, owner: str, function: str) -> Graph:
        raise UnimplementedError(
            f"the custom gradient {self._name!r} in function {function!r} needs the tensor {tensor!r} of {owner!r}, which cannot be"
            " reached from there"
        )

    def _function(self, node: Node, captured: Sequence[Value | Tensor], build: Build) -> Graph:
        if not all(result is None or isinstance(result, TensorSpec) for result in self._results):
            raise UnimplementedError(f"the custom gradient {self._name!r} returns {self._results!r}; only tensors are supported")
        given = [Input(v.dtype, v.shape, f"gradient_{i}") for i, v in enumerate(node.outputs)]
        return build(self._name, [*given, *(_input(value) for value in captured)])


def _input(value: Value | Tensor) -> Input:
    if isinstance(value, Value):
        return Input(value.dtype, value.shape, "captured", value.element)
    element = element_of(value) if isinstance(value, ResourceTensor) else None
    return Input(value.dtype, value.shape, "captured", element)


def registered_gradients(meta: Any, capture: Capture, label: str) -> dict[bytes, RegisteredGradient]:
    """The gradients in a model, by the type that nodes name.

    Args:
        meta: the MetaGraphDef.
        capture: gives captured tensors.
        label: names the model in messages.

    Raises:
        InvalidArgumentError: one is described twice, or damaged.
    """
    objects = meta.object_graph_def
    found: dict[bytes, RegisteredGradient] = {}
    for item in meta.graph_def.library.registered_gradients:
        key = item.registered_op_type.encode()
        if not key or key in found or item.gradient_func not in objects.concrete_functions:
            raise InvalidArgumentError(
                f"{label} describes the gradient {item.gradient_func!r} of {item.registered_op_type!r} twice or not at all"
            )
        entry = objects.concrete_functions[item.gradient_func]
        found[key] = RegisteredGradient(item.gradient_func, entry, objects.nodes, capture, label)
    return found
