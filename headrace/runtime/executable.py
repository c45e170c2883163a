"""Executables: an optimized graph compiled by XLA, one for each set of input shapes, with variables donated."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.dispatch import context
from headrace.dispatch.resource import Resource
from headrace.ir.graph import Graph
from headrace.passes import pipeline
from headrace.runtime import devices
from headrace.runtime.lowering import Cell, Interpreter, is_random, written_inputs
from headrace.runtime.randomness import generator

_NO_ENTROPY = np.zeros(4, np.uint32)


class Executable:
    """A graph ready to be called on arrays and Resources."""

    def __init__(self, graph: Graph) -> None:
        self.graph = pipeline.optimize(graph)
        self._random = is_random(self.graph)
        self._resource_inputs = [i for i, value in enumerate(self.graph.inputs) if value.element is not None]
        self._tensor_inputs = [i for i, value in enumerate(self.graph.inputs) if value.element is None]
        self._written = written_inputs(self.graph)
        self._by_aliasing: dict[tuple[int, ...], Any] = {}
        self._lock = threading.Lock()

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        """Runs the graph; variables that it assigns are updated.

        Args:
            arguments: one an input of the graph: an array, or a Resource.

        Returns:
            The output arrays.
        """
        resources, aliasing = self._distinct([arguments[i] for i in self._resource_inputs])
        compiled, written = self._by_aliasing.get(aliasing) or self._build(aliasing)
        tensors = [arguments[i] for i in self._tensor_inputs]
        device = context.state().device
        if device:
            target = devices.resolve(device)
            tensors = [jax.device_put(t, target) if t.dtype.kind != "O" else t for t in tensors]
        changing = [resource.take() if resource.array is not None else None for resource in (resources[i] for i in written)]
        reading = [r.array for i, r in enumerate(resources) if i not in written]
        entropy = generator.entropy() if self._random else _NO_ENTROPY
        outputs, state = compiled(changing, reading, tensors, entropy)
        for position, array in zip(written, state, strict=True):
            resources[position].write(array)
        return self._released(outputs, resources)

    @staticmethod
    def _distinct(resources: list[Resource]) -> tuple[list[Resource], tuple[int, ...]]:
        """The different resources, and for each input which of them it is."""
        order: dict[int, int] = {}
        distinct: list[Resource] = []
        for resource in resources:
            if id(resource) not in order:
                order[id(resource)] = len(distinct)
                distinct.append(resource)
        return distinct, tuple(order[id(resource)] for resource in resources)

    def _build(self, aliasing: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
        with self._lock:
            if aliasing not in self._by_aliasing:
                written = {aliasing[n] for n, i in enumerate(self._resource_inputs) if i in self._written}
                ordered = tuple(sorted(written))
                compiled = jax.jit(self._function(aliasing, ordered), donate_argnums=(0,))
                self._by_aliasing[aliasing] = compiled, ordered
            return self._by_aliasing[aliasing]  # type: ignore[no-any-return]

    def _function(self, aliasing: tuple[int, ...], written: tuple[int, ...]) -> Any:
        names = {aliasing[n]: self.graph.inputs[i].name for n, i in enumerate(self._resource_inputs)}

        def function(changing: list[Any], reading: list[Any], tensors: list[Any], entropy: Any) -> Any:
            rest = iter(reading)
            changed = dict(zip(written, changing, strict=True))
            cells = [Cell(changed[i] if i in changed else next(rest), names[i]) for i in range(len(names))]
            inputs: list[Any] = [None] * len(self.graph.inputs)
            for position, index in zip(self._resource_inputs, aliasing, strict=True):
                inputs[position] = cells[index]
            for position, tensor in zip(self._tensor_inputs, tensors, strict=True):
                inputs[position] = tensor
            outputs = Interpreter(entropy).run(self.graph, inputs)
            return [_result(o) for o in outputs], [cells[i].array for i in written]

        function.__name__ = self.graph.name.replace("-", "_")
        return function

    @staticmethod
    def _released(outputs: list[Any], resources: list[Resource]) -> list[Any]:
        """Marks variables whose very array is also an output, so that a later call does not donate it."""
        held = {id(array) for array in outputs}
        for resource in resources:
            if id(resource.array) in held:
                resource.shared = True
        return outputs


def _result(output: Any) -> Any:
    return jnp.asarray(output) if isinstance(output, np.ndarray) else output


_executables: weakref.WeakKeyDictionary[Graph, Executable] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def of(graph: Graph) -> Executable:
    """The executable of a graph, made on the first call and kept as long as the graph."""
    found = _executables.get(graph)
    if found is None:
        with _lock:
            found = _executables.get(graph)
            if found is None:
                found = _executables[graph] = Executable(graph)
    return found
