"""tf.function: Python functions traced to graphs, one concrete function a set of argument shapes and dtypes."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from headrace.core import nest
from headrace.core.spec import CompositeSpec, CompositeTensor, TensorSpec, TypeSpec
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.runtime import executable
from headrace.runtime.memory.report import MemoryReport
from headrace.state.tracking import Trackable
from headrace.state.variable import Variable
from headrace.trace.autograph.calls import convert
from headrace.trace.builder import GraphBuilder
from headrace.trace.concrete import ConcreteFunction
from headrace.trace.direct import DirectCall, direct_key
from headrace.trace.gradients import DifferentiableGraph
from headrace.trace.signature import FunctionSpec, apply_signature, arguments_key, flat_tensors, is_tensor_argument, spec_for


class _Mode:
    """`tf.config.run_functions_eagerly`."""

    eagerly = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Makes every tf.function run as plain Python (for debugging), or ends that."""
    _Mode.eagerly = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """True while functions run as plain Python."""
    return _Mode.eagerly


class Function(Trackable):
    """A Python function that is traced on its first call with each kind of arguments; see `function`."""

    def __init__(
        self,
        python_function: Callable[..., Any],
        input_signature: Sequence[Any] | None = None,
        jit_compile: bool | None = None,
        reduce_retracing: bool = False,
        owner: Any = None,
        autograph: bool = True,
    ) -> None:
        self._python_function = python_function
        self._spec = FunctionSpec(python_function, input_signature)
        self._jit_compile = jit_compile
        self._reduce_retracing = reduce_retracing
        self._owner = owner
        self._autograph = autograph
        self._cache: dict[Any, ConcreteFunction] = {}
        self._direct: dict[Any, DirectCall] = {}
        self._kept: list[Any] = []
        self._lock = threading.RLock()
        self._made_variables = False
        self._trace_count = 0
        self._bound: weakref.WeakKeyDictionary[Any, Function] = weakref.WeakKeyDictionary()
        functools.update_wrapper(self, python_function)

    @property
    def python_function(self) -> Callable[..., Any]:
        """The function as written."""
        return self._python_function

    @property
    def input_signature(self) -> tuple[Any, ...] | None:
        """The specs that fix the tensor arguments, or None."""
        return self._spec.input_signature

    @property
    def function_spec(self) -> FunctionSpec:
        """The parameters of the Python function."""
        return self._spec

    def experimental_get_tracing_count(self) -> int:
        """How often the function was traced."""
        return self._trace_count

    def traces(self) -> list[ConcreteFunction]:
        """What was traced so far."""
        return list(dict.fromkeys(self._cache.values()))

    def pretty_printed_concrete_signatures(self, verbose: bool = True) -> str:
        """The signatures traced so far, one a line."""
        return "\n".join(c.pretty_printed_signature(verbose) for c in self.traces())

    def trackable_children(self) -> dict[str, Any]:
        """None: what a function captures is saved with it."""
        return {}

    def _list_all_concrete_functions(self) -> list[ConcreteFunction]:
        """As `traces`, by the name that libraries know it by; with a complete input signature there is one at least."""
        return self.traces() or ([self.get_concrete_function()] if self._spec.is_complete else [])

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        """The traces, by which libraries find what a function uses."""
        if save_type == "checkpoint":
            return {}
        return {f"trace_{number}": trace for number, trace in enumerate(self._list_all_concrete_functions())}

    def __get__(self, instance: Any, owner: Any = None) -> Function:
        """A method: one Function for each instance, as cheap to look up as an attribute."""
        if instance is None:
            return self
        try:
            found = self._bound.get(instance)
        except TypeError:
            return self._bind(instance)
        if found is None:
            found = self._bound[instance] = self._bind(instance)
        return found

    def _bind(self, instance: Any) -> Function:
        reference = weakref.ref(instance)
        function = self._python_function

        @functools.wraps(function)
        def method(*args: Any, **kwargs: Any) -> Any:
            return function(reference(), *args, **kwargs)

        parameters = list(self._spec.signature.parameters.values())[1:]
        method.__signature__ = self._spec.signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return Function(method, self._spec.input_signature, self._jit_compile, self._reduce_retracing, reference, self._autograph)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the function: compiled when called eagerly; while another function is traced, traced into that one."""
        if _Mode.eagerly:
            return self._python_function(*args, **kwargs)
        direct = direct_key(args) if not kwargs and self._spec.input_signature is None else None
        if direct in self._direct:
            return self._direct[direct]([tensor.array for tensor in args])
        args, kwargs = self._spec.bind(args, kwargs)
        if self._spec.input_signature is not None:
            args, kwargs = apply_signature(self._spec, args, kwargs)
        if not context.executing_eagerly():
            return self._run_traced(args, kwargs)
        concrete = self._lookup(args, kwargs)
        if self._jit_compile:
            executable.of(concrete.graph).require_compiled(self._spec.name)
        if direct is not None and len(concrete.specs) == len(args):
            self._direct[direct] = DirectCall(concrete)
        leaves = nest.flatten((args, kwargs)) if kwargs or any(type(a) in (list, tuple, dict) for a in args) else args
        return concrete.call_flat(flat_tensors(leaves))

    def _run_traced(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs the Python function, converted by AutoGraph, into the graph under construction."""
        if not self._autograph:
            return self._python_function(*args, **kwargs)
        if self._owner is None:
            return convert(self._python_function, requested=True)(*args, **kwargs)
        return convert(self._python_function.__wrapped__, requested=True)(  # type: ignore[attr-defined]
            self._owner(), *args, **kwargs
        )

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The concrete function for these arguments, where a TensorSpec may stand for any tensor.

        Without arguments the input signature is used.
        """
        if self._spec.input_signature is not None and not args and not kwargs:
            args = self._spec.input_signature
        args, kwargs = self._spec.bind(args, kwargs)
        if self._spec.input_signature is not None:
            args = (*self._spec.input_signature, *args[len(self._spec.input_signature) :])
        return self._lookup(args, kwargs)

    def memory_report(self, *args: Any, **kwargs: Any) -> MemoryReport:
        """What one call with these arguments (tensors or specs) needs of memory; see ConcreteFunction.memory_report."""
        return self.get_concrete_function(*args, **kwargs).memory_report()

    def _lookup(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ConcreteFunction:
        if self._spec.input_signature is not None:
            args = (*self._spec.input_signature, *args[len(self._spec.input_signature) :])
        keep: list[Any] = []
        key = arguments_key(args, kwargs, keep), context.state().device
        found = self._cache.get(key)
        if found is None:
            with context.init_scope() if context.executing_eagerly() else context.paused_tapes(), self._lock:
                found = self._cache.get(key)
                if found is None:
                    found = self._wider_trace(args, kwargs) if self._reduce_retracing else None
                    found = self._cache[key] = found or self._trace(args, kwargs)
                    self._kept += keep
        return found

    def _trace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ConcreteFunction:
        if self._reduce_retracing and self._cache:
            args, kwargs = self._relaxed(args, kwargs)
        first = not self._trace_count
        builder, concrete = self._trace_once(args, kwargs, may_create_variables=first)
        if builder.created and first:
            self._made_variables = True
            _, concrete = self._trace_once(args, kwargs, may_create_variables=False)
        return concrete

    def _wider_trace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ConcreteFunction | None:
        """An earlier trace whose specs admit these arguments."""
        flat = nest.flatten((args, kwargs))
        for concrete in self._cache.values():
            specs = nest.flatten(concrete.structured_input_signature)
            if len(specs) == len(flat) and all(map(_admits, specs, flat)):
                return concrete
        return None

    def _relaxed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Shapes widened so that they cover the earlier trace of the same structure too."""
        latest = list(self._cache.values())[-1].structured_input_signature
        flat, earlier = nest.flatten((args, kwargs)), nest.flatten(latest)
        if len(flat) != len(earlier):
            return args, kwargs
        widened = []
        for value, before in zip(flat, earlier, strict=True):
            general = None
            if (is_tensor_argument(value) or isinstance(value, TypeSpec)) and isinstance(before, TypeSpec):
                spec = spec_for(value, getattr(before, "name", None) or "")
                general = spec.most_general(before) if isinstance(before, type(spec)) else None  # type: ignore[arg-type]
            widened.append(value if general is None else general)
        packed: tuple[tuple[Any, ...], dict[str, Any]] = nest.pack_sequence_as((args, kwargs), widened)
        return packed

    def _trace_once(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], *, may_create_variables: bool
    ) -> tuple[GraphBuilder, ConcreteFunction]:
        self._trace_count += 1
        name = self._spec.name if self._spec.name.isidentifier() else "lambda"
        builder = GraphBuilder(name, may_create_variables=may_create_variables)
        names = self._spec.argument_names(args, kwargs)
        leaves, specs, inputs = [], [], []
        for leaf, leaf_name in zip(nest.flatten((args, kwargs)), names, strict=True):
            if isinstance(leaf, CompositeTensor | CompositeSpec):
                composite = spec_for(leaf, leaf_name)
                parts = [builder.add_argument(part, leaf_name) for part in composite.component_specs]  # type: ignore[union-attr]
                inputs += parts
                specs.append(composite)
                leaves.append(composite.from_components(parts))  # type: ignore[union-attr]
            elif is_tensor_argument(leaf) or isinstance(leaf, TensorSpec):
                spec = spec_for(leaf, leaf_name)
                assert isinstance(spec, TensorSpec)
                inputs.append(builder.add_argument(spec, spec.name or leaf_name))
                named = isinstance(leaf, TensorSpec) and leaf.name
                specs.append(spec if named else TensorSpec(spec.shape, spec.dtype, inputs[-1].value.name))
                leaves.append(inputs[-1])
            else:
                specs.append(leaf)
                leaves.append(leaf)
        traced_args, traced_kwargs = nest.pack_sequence_as((args, kwargs), leaves)
        with _scope_of(builder):
            result = self._run_traced(traced_args, traced_kwargs)
            structure, outputs = _outputs(builder, result, self._spec.name)
        builder.graph.outputs = [t.value for t in outputs]
        return builder, _finish(builder, inputs, outputs, structure, nest.pack_sequence_as((args, kwargs), specs), self._spec.name)


def _admits(spec: Any, value: Any) -> bool:
    if isinstance(spec, TypeSpec):
        return (is_tensor_argument(value) or isinstance(value, TypeSpec)) and spec_for(value, "").is_subtype_of(spec)
    return spec is value or (type(spec) is type(value) and bool(spec == value))


@contextmanager
def _scope_of(builder: GraphBuilder) -> Iterator[None]:
    state = context.state()
    before, state.name_scope = state.name_scope, ""
    try:
        with context.using(builder, tapes=(builder.log,)):
            yield
    finally:
        state.name_scope = before


def _outputs(builder: GraphBuilder, result: Any, name: str) -> tuple[Any, list[GraphTensor]]:
    """The structure of a result with markers for tensors and specs of composite ones, and the tensors."""
    outputs: list[GraphTensor] = []

    def leaf(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, CompositeTensor):
            spec = value.type_spec
            outputs.extend(builder.adopt(part) for part in spec.components(value))
            return spec
        if isinstance(value, Tensor | Variable) or not callable(value):
            try:
                outputs.append(builder.adopt(convert_to_tensor(value)))
            except (TypeError, ValueError) as error:
                raise TypeError(f"tf.function {name} returned {value!r}, which is no tensor: {error}") from None
            return True
        raise TypeError(
            f"tf.function {name} returned {value!r} ({type(value).__name__}); expected tensors, structures of them, or None"
        )

    return nest.map_structure(leaf, result), outputs


def _finish(
    builder: GraphBuilder, inputs: list[GraphTensor], outputs: list[GraphTensor], structure: Any, specs: Any, name: str
) -> ConcreteFunction:
    everything = [*inputs, *(builder.adopt(t) for t in builder.captured)]
    log = builder.log
    differentiable = DifferentiableGraph(builder.graph, everything, outputs, lambda: log.records)
    return ConcreteFunction(builder.graph, builder.captured, specs, structure, list(log.variables.values()), differentiable, name)


def function(
    func: Callable[..., Any] | None = None,
    input_signature: Sequence[Any] | None = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: str | None = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: Any = None,
    experimental_relax_shapes: bool | None = None,
    experimental_compile: bool | None = None,
    experimental_follow_type_hints: bool | None = None,
) -> Any:
    """Compiles a function into a graph; usable as a decorator with or without arguments.

    Args:
        func: the function.
        input_signature: a TensorSpec (or structure of them) for each argument; then one trace serves every call.
        autograph: whether Python control flow over tensors becomes control flow of the graph (see docs/autograph.md).
        jit_compile: True asks that all of the graph is compiled: a call raises when an operation needs the host. Otherwise
            such a graph is cut into compiled segments and host segments.
        reduce_retracing: widens shapes instead of tracing again for each new one.
        experimental_implements, experimental_autograph_options, experimental_attributes, experimental_compile,
            experimental_follow_type_hints: accepted for TensorFlow's sake, without effect.
        experimental_relax_shapes: the old name of `reduce_retracing`.

    Returns:
        A Function, or a decorator when `func` is None.
    """
    relax = bool(reduce_retracing or experimental_relax_shapes)

    def decorate(target: Callable[..., Any]) -> Function:
        return Function(target, input_signature, jit_compile, relax, autograph=autograph)

    return decorate if func is None else decorate(func)
