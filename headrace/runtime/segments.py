"""Compiled segments: a graph (or a part of one) compiled by XLA, with variables donated.

There is one compilation for each set of input shapes, as `jax.jit` keeps them, and one for each value of the inputs that
must be known at compile time but depend on data.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.errors import NotCompilable
from headrace.dispatch import context
from headrace.dispatch.lists import stacked
from headrace.dispatch.resource import Resource
from headrace.ir.graph import Graph
from headrace.runtime import devices
from headrace.runtime.cells import Cell, is_random, written_inputs
from headrace.runtime.lowering import Interpreter
from headrace.runtime.randomness import generator

_NO_ENTROPY = np.zeros(4, np.uint32)

MOST_SPECIALIZATIONS = 128
"""Versions of a segment that are kept, one for each value of its static inputs; the least recently used goes first."""

MANY_SPECIALIZATIONS = 64
"""A segment that was specialized more often than this is named in a warning."""

_log = logging.getLogger(__name__)


class Compiled:
    """A graph ready to be called on arrays and Resources."""

    def __init__(self, graph: Graph, statics: Collection[int] = ()) -> None:
        """Args:
        graph: optimized.
        statics: positions of the inputs whose content is needed at compile time.
        """
        self.graph = graph
        self._random = is_random(graph)
        self._statics = sorted(statics)
        self._resource_inputs = [i for i, value in enumerate(graph.inputs) if value.element is not None]
        self._tensor_inputs = [i for i, v in enumerate(graph.inputs) if v.element is None and i not in self._statics]
        self._written = written_inputs(graph)
        self._versions: OrderedDict[Any, Any] = OrderedDict()
        self._built = 0
        self._lock = threading.Lock()

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        """Runs the graph; variables that it assigns are updated.

        Args:
            arguments: one an input of the graph: an array, or a Resource.

        Returns:
            The output arrays.
        """
        resources, aliasing = self._distinct([arguments[i] for i in self._resource_inputs])
        if self._statics:
            compiled, written = self._specialized(aliasing, [np.asarray(arguments[i]) for i in self._statics])
        else:
            compiled, written = self._versions.get(aliasing) or self._build(aliasing, aliasing, [])
        tensors = [self._stacked(i, arguments[i]) for i in self._tensor_inputs]
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

    def compile(self, arguments: Sequence[Any]) -> jax.stages.Compiled:
        """What XLA makes of the graph for these arguments, without running it; shapes may stand for arrays."""
        resources, aliasing = self._distinct([arguments[i] for i in self._resource_inputs])
        function, written = self._build((aliasing, "inspected"), aliasing, [np.asarray(arguments[i]) for i in self._statics])
        changing = [resources[i].peek() for i in written]
        reading = [r.array for i, r in enumerate(resources) if i not in written]
        tensors = [arguments[i] for i in self._tensor_inputs]
        compiled: jax.stages.Compiled = function.lower(changing, reading, tensors, _NO_ENTROPY).compile()
        return compiled

    def _stacked(self, position: int, argument: Any) -> Any:
        """A list in the form for compiled code, if something reads it; a refusal names the first node that does."""
        try:
            return stacked(argument)
        except NotCompilable as error:
            error.node = next((node for node in self.graph.nodes if self.graph.inputs[position] in node.inputs), None)
            if error.node is None:
                return argument
            raise

    def _specialized(self, aliasing: tuple[int, ...], statics: list[Any]) -> tuple[Any, tuple[int, ...]]:
        key = aliasing, tuple((a.shape, a.dtype.str, a.tobytes()) for a in statics)
        found = self._versions.get(key)
        if found is None:
            return self._build(key, aliasing, statics)
        with self._lock:
            if key in self._versions:
                self._versions.move_to_end(key)
        return found  # type: ignore[no-any-return]

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

    def _build(self, key: Any, aliasing: tuple[int, ...], statics: list[Any]) -> tuple[Any, tuple[int, ...]]:
        with self._lock:
            if key not in self._versions:
                written = {aliasing[n] for n, i in enumerate(self._resource_inputs) if i in self._written}
                ordered = tuple(sorted(written))
                compiled = jax.jit(self._function(aliasing, ordered, statics), donate_argnums=(0,))
                self._versions[key] = compiled, ordered
                self._count()
            return self._versions[key]  # type: ignore[no-any-return]

    def _count(self) -> None:
        """Keeps the number of versions bounded, and speaks up once when there are many."""
        self._built += 1
        if len(self._versions) > MOST_SPECIALIZATIONS:
            self._versions.popitem(last=False)
        if self._built == MANY_SPECIALIZATIONS + 1 and self._statics:
            names = {self.graph.inputs[i] for i in self._statics}
            users = [n for n in self.graph.nodes if names.intersection(n.inputs)]
            where = "; ".join(f"{n.op} (node {n.name}" + (f", from {n.source})" if n.source else ")") for n in users[:4])
            _log.warning(
                "part of %s was compiled anew for more than %d different values of a shape or size that depends on data: %s."
                " Pad to few different sizes, or compute it from shapes",
                self.graph.name,
                MANY_SPECIALIZATIONS,
                where,
            )

    def _function(self, aliasing: tuple[int, ...], written: tuple[int, ...], statics: list[Any]) -> Any:
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
            for position, content in zip(self._statics, statics, strict=True):
                inputs[position] = content
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
