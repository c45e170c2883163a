"""A user's function in a pipeline: traced once for the structure of the elements, then run on numpy arrays."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core import dtypes, nest
from headrace.core.errors import NotCompilable
from headrace.core.spec import CompositeSpec, TensorSpec
from headrace.data.pipeline.elements import Element, NoneTensorSpec, fitted, flat_specs, host_array, map_leaves, to_user
from headrace.data.pipeline.stage import Bindable, Block, annotate
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import find
from headrace.dispatch.resource import Resource
from headrace.dispatch.tensor import GraphTensor
from headrace.ir.functional import FUNCTIONAL
from headrace.ir.graph import Graph, Node, Value
from headrace.passes.effects import is_pure
from headrace.runtime import executable
from headrace.runtime.cells import is_random
from headrace.runtime.host import as_host
from headrace.runtime.host_plan import plan_for
from headrace.runtime.lowering import Interpreter
from headrace.runtime.randomness import generator, split_entropy
from headrace.trace.autograph.calls import convert
from headrace.trace.function import Function

MOST_VECTORIZED = 1 << 26
"""Blocks of more bytes than this are not run through a function at once."""


class _Debugging:
    """`tf.data.experimental.enable_debug_mode`."""

    on = False


def enable_debug_mode() -> None:
    """Runs the functions of datasets that are made from now on as plain Python, element by element."""
    _Debugging.on = True


class TracedFunction(Bindable):
    """A function as a graph.

    Args:
        function: the user's.
        arguments: the structures of specs of its arguments; of an element that is a tuple each part is one argument.
        kind: the stage that it is for, for messages.

    Attributes:
        output_spec: the structure of what it returns.
        name: the function's.
    """

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any], kind: str) -> None:
        if not callable(function):
            raise TypeError(f"{kind} needs a function; got {function!r}")
        self.name = getattr(function, "__name__", type(function).__name__)
        self.kind = kind
        converted = convert(function)

        def body(*given: Any) -> Any:
            result = converted(*given)
            return map_leaves(_packed, tuple(result) if isinstance(result, list) else result)

        body.__name__ = self.name
        specs = tuple(map_leaves(lambda spec: spec, argument) for argument in arguments)
        given = [map_leaves(_given, spec) for spec in specs]
        concrete = Function(body, autograph=False).get_concrete_function(*given)
        self.graph: Graph = concrete.graph
        self.captured: tuple[Any, ...] = tuple(concrete.captured_inputs)
        self.output_spec = map_leaves(_spec_of, concrete.structured_outputs)
        self._prepared: _Prepared | _Plain | None = None
        if _Debugging.on:
            self._prepared = _Plain(function, specs, self.output_spec)

    def __call__(self, *components: Any) -> Element:
        """The components of the result on those of the arguments."""
        return self.prepared.run(components)

    @property
    def prepared(self) -> _Prepared | _Plain:
        """What runs the graph, made on the first call."""
        found = self._prepared
        if found is None:
            arrays = [_held(t) for t in self.captured]
            found = self._prepared = _Prepared(self.graph, arrays)
        return found

    def at(self, position: int) -> str:
        """The place that errors name."""
        return f"{self.kind}({self.name}) at element {position}"


def arguments_of(element_spec: Any) -> tuple[Any, ...]:
    """The arguments that a function of elements takes: the parts of a plain tuple, else the element itself."""
    return element_spec if type(element_spec) is tuple else (element_spec,)


def _given(spec: Any) -> Any:
    return None if isinstance(spec, NoneTensorSpec) else spec


def _packed(value: Any) -> Any:
    """A list inside of what a function returns is one tensor; as its result it is a tuple."""
    return convert_to_tensor(value) if isinstance(value, list) else value


def _spec_of(marker: Any) -> Any:
    if marker is None:
        return NoneTensorSpec()
    return marker if isinstance(marker, CompositeSpec) else TensorSpec(marker.shape, marker.dtype)


def _held(tensor: Any) -> Any:
    return tensor if not hasattr(tensor, "array") else tensor.array


def host_device() -> Any:
    """The processor, for pipelines work beside an accelerator; None where JAX's default device is one."""
    return None if jax.default_backend() == "cpu" else jax.local_devices(backend="cpu")[0]


class _Prepared:
    """A graph with the values that it captured."""

    def __init__(self, graph: Graph, captured: Sequence[Any]) -> None:
        if any(isinstance(value, GraphTensor) for value in captured):
            raise TypeError(
                "this dataset depends on a symbolic tensor of a tf.function that is being or was traced; iterate over it there"
            )
        read = {value for node in graph.nodes for value in node.inputs}
        given = graph.inputs[: len(graph.inputs) - len(captured)]
        # What only passes through, a window among others, goes by the side of the graph.
        self._passed = {i: given.index(value) for i, value in enumerate(graph.outputs) if value in given}
        self._taken = [i for i, value in enumerate(given) if value in read]
        inner = Graph(graph.name)
        inner.inputs = [given[i] for i in self._taken] + graph.inputs[len(given) :]
        inner.nodes = graph.nodes
        inner.outputs = [value for i, value in enumerate(graph.outputs) if i not in self._passed]
        self._takes_all = len(self._taken) == len(given)
        self._is_empty = not inner.nodes and not inner.outputs
        self._captured = list(captured)
        self._tensors = [value for value in captured if not isinstance(value, Resource)]
        self._resources = [value for value in captured if isinstance(value, Resource)]
        self._executable = executable.of(inner)
        self._host = plan_for(self._executable)
        self._short: Callable[[list[Any]], list[Any]] | None = None
        self._batched: Any = None
        self._sizes: set[int] = set()
        self._device = host_device()

    def run(self, components: Sequence[Any]) -> Element:
        """The results on the components of the arguments."""
        if not self._passed:
            return self._run(components if self._takes_all else [components[i] for i in self._taken])
        made = iter(() if self._is_empty else self._run([components[i] for i in self._taken]))
        count = len(self._passed) + len(self._executable.graph.outputs)
        return tuple(components[self._passed[i]] if i in self._passed else next(made) for i in range(count))

    def _run(self, components: Sequence[Any]) -> Element:
        if self._host is not None:
            return tuple(self._host([*map(as_host, components), *self._captured]))
        if self._device is None:
            return self._compute(components)
        with jax.default_device(self._device):
            return self._compute(components)

    def _compute(self, components: Sequence[Any]) -> Element:
        """The outputs of the compiled graph. Its inputs are numpy arrays, which go to JAX's default device."""
        if self._short is not None:
            try:
                return tuple(map(host_array, self._short([*components, *self._tensors])))
            except NotCompilable:
                self._short = None
        results = self._executable.run([*components, *self._captured])
        if self._executable.whole is not None:
            self._short = self._executable.whole.bound(self._resources)
        return tuple(map(host_array, results))

    def may_vectorize(self, count: int) -> bool:
        """True when the graph is pure, random numbers apart, and its shapes are known, so that it can run on whole blocks."""
        if self._batched is None:
            self._batched = self._vectorized() or False
        return self._batched is not False and count > 1 and count * self._row_bytes <= MOST_VECTORIZED

    def _vectorized(self) -> Any:
        graph = self._executable.graph
        values = [*graph.inputs, *graph.outputs]
        if self._is_empty:
            return None
        plain = all(v.dtype.is_numpy_compatible and v.dtype is not dtypes.string for v in values)
        fixed = all(v.shape.is_fully_defined() for v in values)
        if not (plain and fixed and graph.outputs and not self._resources and self._executable.whole is not None):
            return None
        if not all(_is_plain(node) or _only_draws(node) for node in graph.nodes):
            return None
        inside = [_bytes_of(value) for node in graph.nodes if node.op != "Const" for value in node.outputs]
        self._row_bytes = sum(map(_bytes_of, values)) + max(inside, default=0)
        captured = self._captured

        def one(entropy: Any, *components: Any) -> list[Any]:
            return Interpreter(entropy).run(graph, [*components, *captured])

        def several(count: int, entropy: Any, *components: Any) -> list[Any]:
            if entropy is None:
                return jax.vmap(functools.partial(one, None))(*components)
            # Each element draws numbers of its own.
            each = jax.vmap(functools.partial(split_entropy, entropy))(jnp.arange(count))
            return jax.vmap(one)(each, *components)

        self._random = is_random(graph)
        if not self._random and not self._taken:
            return None
        return jax.jit(several, static_argnums=0)

    def forget_sizes(self) -> None:
        """Lets smaller blocks than before be compiled for."""
        self._sizes = set()

    def run_block(self, block: Block) -> Block | None:
        """The results for a block of elements at once; None where that turns out not to be possible."""
        count = block.count
        # A smaller block, at an end, fills up a larger one that is compiled already.
        size = min((known for known in self._sizes if known >= count), default=count)
        self._sizes = self._sizes | {size}  # threads may look at the set that was there
        given = [block.parts[i] for i in self._taken]
        if size > count:
            given = [np.concatenate([part, np.broadcast_to(part[:1], (size - count, *part.shape[1:]))]) for part in given]
        entropy = generator.entropy() if self._random else None
        try:
            with contextlib.nullcontext() if self._device is None else jax.default_device(self._device):
                results = self._batched(size, entropy, *given)
        except (NotCompilable, NotImplementedError):
            # Some kernel has no form for several elements.
            self._batched = False
            return None
        made = (np.asarray(result)[:count] for result in results)
        total = len(self._passed) + len(results)
        parts = tuple(block.parts[self._passed[i]] if i in self._passed else next(made) for i in range(total))
        return Block(count, parts)


def _bytes_of(value: Value) -> int:
    return (value.shape.num_elements() or 0) * value.dtype.size


def _only_draws(node: Node) -> bool:
    """True for a node whose only effect is that it draws random numbers."""
    op = None if node.op in FUNCTIONAL else find(node.op)
    return op is not None and op.random and not op.updates


class _Plain:
    """A function as Python, for debugging."""

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any], output_spec: Any) -> None:
        self._function, self._arguments, self._output_spec = function, arguments, output_spec

    def run(self, components: Sequence[Any]) -> Element:
        """See _Prepared.run."""
        rest = iter(components)
        given = [to_user([next(rest) for _ in flat_specs(spec)], spec) for spec in self._arguments]
        result = self._function(*given)
        made = map_leaves(_packed, tuple(result) if isinstance(result, list) else result)
        return fitted(made, self._output_spec, getattr(self._function, "__name__", "the function"))

    def may_vectorize(self, count: int) -> bool:
        """False."""
        return False

    def run_block(self, block: Block) -> Block | None:
        """None."""
        return None

    def forget_sizes(self) -> None:
        """Nothing."""


def _is_plain(node: Node) -> bool:
    return is_pure(node) and not any(isinstance(attr, Graph) for attr in node.attrs.values())


def called(function: TracedFunction, components: Sequence[Any], position: int) -> Element:
    """The function's results; errors say at which element of which stage they were raised."""
    try:
        return function.prepared.run(components)
    except Exception as error:
        annotate(error, function.at(position))
        raise


def flat_count(structure: Any) -> int:
    """The number of components of an element of this structure."""
    return len(nest.flatten(structure, expand_composites=True))
