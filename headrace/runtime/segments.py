"""Compiled segments: a graph (or a part of one) compiled by XLA, with variables and spent inputs donated.

There is one compilation for each set of input shapes, as `jax.jit` keeps them, and one for each value of the inputs that
must be known at compile time but depend on data.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core import dtypes
from headrace.core.errors import NotCompilable
from headrace.dispatch import context
from headrace.dispatch.fetched import fetched
from headrace.dispatch.lists import ElementList, stacked
from headrace.dispatch.resource import Resource
from headrace.ir.graph import Graph
from headrace.runtime import devices
from headrace.runtime.cells import Cell, is_random, written_inputs
from headrace.runtime.lowering import Interpreter
from headrace.runtime.randomness import generator

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
        self._takes_lists = any(graph.inputs[i].dtype is dtypes.variant for i in self._tensor_inputs)
        used = {value for node in graph.nodes for value in node.inputs}.union(graph.outputs) if self._takes_lists else set()
        self._unread = {i for i in self._tensor_inputs if self._takes_lists and graph.inputs[i] not in used}
        self._written = written_inputs(graph)
        self._versions: OrderedDict[Any, Any] = OrderedDict()
        self._binding: _Binding | None = None
        self._passes_on = False
        self._built = 0
        self._lock = threading.Lock()

    def __call__(self, arguments: Sequence[Any], spent: tuple[int, ...] = ()) -> list[Any]:
        """Runs the graph; variables that it assigns are updated.

        Args:
            arguments: one an input of the graph: an array, or a Resource.
            spent: positions of arrays that nothing else holds or reads later, whose memory may be taken for outputs.

        Returns:
            The output arrays.
        """
        binding = self._bound([arguments[i] for i in self._resource_inputs])
        if self._statics or spent:
            compiled = self._specialized(binding.aliasing, [fetched(arguments[i]) for i in self._statics], spent)
        else:
            compiled = self._versions.get(binding.aliasing) or self._build(binding.aliasing, binding.aliasing, [])
        tensors = [arguments[i] for i in (*self._kept(spent), *spent)] if spent else [arguments[i] for i in self._tensor_inputs]
        if self._takes_lists:
            tensors = [self._stacked(i, tensor) for i, tensor in zip((*self._kept(spent), *spent), tensors, strict=True)]
        device = context.state().device
        if device:
            target = devices.resolve(device)
            tensors = [jax.device_put(t, target) if t.dtype.kind != "O" else t for t in tensors]
        given = tensors[-len(spent) :] if spent else []
        return self._run(compiled, binding, given, tensors[: -len(spent)] if spent else tensors)

    def bound(self, resources: Sequence[Resource]) -> Callable[[list[Any]], list[Any]] | None:
        """The graph on these resources as a function of its other inputs, once it was called with them.

        None where other inputs than arrays decide what is compiled. The function may raise NotCompilable.
        """
        binding = self._bound(list(resources))
        version = self._versions.get(binding.aliasing)
        if version is None or self._statics or self._takes_lists:
            return None
        if binding.changing or self._random:
            return partial(self._run, version, binding, [])

        def read_only(tensors: list[Any]) -> list[Any]:
            outputs: list[Any] = version([], [resource.array for resource in binding.reading], tensors, None)[0]
            if self._passes_on:
                _mark_shared(outputs, binding.reading)
            return outputs

        return read_only

    def _run(self, version: Any, binding: _Binding, spent: list[Any], tensors: list[Any]) -> list[Any]:
        changing = [resource.take() if resource.array is not None else None for resource in binding.changing]
        reading = [resource.array for resource in binding.reading]
        entropy = generator.entropy() if self._random else None
        outputs: list[Any]
        outputs, state = version(changing + spent, reading, tensors, entropy)
        for resource, array in zip(binding.changing, state, strict=True):
            resource.write(array)
        if self._passes_on:
            _mark_shared(outputs, (*binding.changing, *binding.reading))
        return outputs

    def compile(self, arguments: Sequence[Any]) -> jax.stages.Compiled:
        """What XLA makes of the graph for these arguments, without running it; shapes may stand for arrays."""
        binding = self._bound([arguments[i] for i in self._resource_inputs])
        statics = [fetched(arguments[i]) for i in self._statics]
        function = self._build((binding.aliasing, "inspected"), binding.aliasing, statics)
        changing = [resource.peek() for resource in binding.changing]
        reading = [resource.array for resource in binding.reading]
        tensors = [arguments[i] for i in self._tensor_inputs]
        compiled: jax.stages.Compiled = function.lower(
            changing, reading, tensors, np.zeros(4, np.uint32) if self._random else None
        ).compile()
        return compiled

    def _stacked(self, position: int, argument: Any) -> Any:
        """A list in the form for compiled code, if something reads it; a refusal names the first node that does."""
        if position in self._unread and isinstance(argument, ElementList):
            return None  # most lists of a loop are nothing to its condition, which would be compiled for every length of them
        try:
            return stacked(argument)
        except NotCompilable as error:
            value = self.graph.inputs[position]
            error.node = next((node for node in self.graph.nodes if value in node.inputs), None)
            if error.node is None:
                return argument if value in self.graph.outputs else None
            raise

    def _kept(self, spent: tuple[int, ...]) -> list[int]:
        return [i for i in self._tensor_inputs if i not in spent] if spent else self._tensor_inputs

    def _specialized(self, aliasing: tuple[int, ...], statics: list[Any], spent: tuple[int, ...]) -> Any:
        key = aliasing, spent, tuple((a.shape, a.dtype.str, a.tobytes()) for a in statics)
        found = self._versions.get(key)
        if found is None:
            return self._build(key, aliasing, statics, spent)
        with self._lock:
            if key in self._versions:
                self._versions.move_to_end(key)
        return found

    def _bound(self, given: list[Resource]) -> _Binding:
        """What follows from the resources given; most often they are those of the call before."""
        known = self._binding
        if known is not None and known.given == given:
            return known
        order: dict[int, int] = {}
        distinct: list[Resource] = []
        for resource in given:
            if id(resource) not in order:
                order[id(resource)] = len(distinct)
                distinct.append(resource)
        aliasing = tuple(order[id(resource)] for resource in given)
        written = self._written_of(aliasing)
        reading = [resource for i, resource in enumerate(distinct) if i not in written]
        self._binding = _Binding(given, aliasing, [distinct[i] for i in written], reading)
        return self._binding

    def _written_of(self, aliasing: tuple[int, ...]) -> tuple[int, ...]:
        """Which of the different resources are assigned."""
        return tuple(sorted({aliasing[n] for n, i in enumerate(self._resource_inputs) if i in self._written}))

    def _build(self, key: Any, aliasing: tuple[int, ...], statics: list[Any], spent: tuple[int, ...] = ()) -> Any:
        with self._lock:
            if key not in self._versions:
                function = self._function(aliasing, self._written_of(aliasing), statics, spent)
                self._versions[key] = jax.jit(function, donate_argnums=(0,))
                self._count()
            return self._versions[key]

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

    def _function(self, aliasing: tuple[int, ...], written: tuple[int, ...], statics: list[Any], spent: tuple[int, ...]) -> Any:
        names = {aliasing[n]: self.graph.inputs[i].name for n, i in enumerate(self._resource_inputs)}
        kept = self._kept(spent)

        def function(changing: list[Any], reading: list[Any], tensors: list[Any], entropy: Any) -> Any:
            rest = iter(reading)
            changed = dict(zip(written, changing[: len(written)], strict=True))
            cells = [Cell(changed[i] if i in changed else next(rest), names[i]) for i in range(len(names))]
            inputs: list[Any] = [None] * len(self.graph.inputs)
            for position, index in zip(self._resource_inputs, aliasing, strict=True):
                inputs[position] = cells[index]
            for position, tensor in zip((*kept, *spent), (*tensors, *changing[len(written) :]), strict=True):
                inputs[position] = tensor
            for position, content in zip(self._statics, statics, strict=True):
                inputs[position] = content
            before = [cell.array for cell in cells]
            outputs = Interpreter(entropy).run(self.graph, inputs)
            arrays = {id(array) for array in (*before, *(cell.array for cell in cells))}
            # Noted while the function is traced; JAX gives such outputs back as the very arrays of the variables.
            self._passes_on = self._passes_on or any(id(output) in arrays for output in outputs)
            return [_result(o) for o in outputs], [cells[i].array for i in written]

        function.__name__ = self.graph.name.replace("-", "_")
        return function


class _Binding(NamedTuple):
    """What a call's resources decide.

    Attributes:
        given: one resource an input that is a handle.
        aliasing: for each of them, which of the different resources it is.
        changing: those that the graph assigns.
        reading: the others.
    """

    given: list[Resource]
    aliasing: tuple[int, ...]
    changing: list[Resource]
    reading: list[Resource]


def _mark_shared(outputs: list[Any], resources: Sequence[Resource]) -> None:
    """Marks variables whose very array is also an output, so that a later call does not donate it."""
    held = {id(array) for array in outputs}
    for resource in resources:
        if id(resource.array) in held:
            resource.shared = True


def _result(output: Any) -> Any:
    return jnp.asarray(output) if isinstance(output, np.ndarray) else output
