"""GradientTape, custom gradients and stop-recording."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from enum import Enum
from types import TracebackType
from typing import Any

from headrace.autodiff.reverse import Backward, CustomRule, Gradient, Record, backward, by_source, carries_gradient
from headrace.core import nest
from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import CompositeTensor, is_only_composite
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import NO_ATTRS, Attrs, OpDef, get
from headrace.dispatch.tensor import Tensor


class AggregationMethod:
    """How TensorFlow may add up gradients; without effect, as they are always added pair by pair."""

    ADD_N = 0
    DEFAULT = ADD_N
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


class UnconnectedGradients(Enum):
    """What `gradient` returns for sources that the target does not depend on: None, or zeros."""

    NONE = "none"
    ZERO = "zero"


def _is_variable(value: Any) -> bool:
    return hasattr(value, "handle") and hasattr(value, "trainable")


def key_tensor(source: Any) -> Tensor:
    """The tensor that stands for a source on the tape: a variable's handle, or the tensor itself."""
    tensor = source.handle if _is_variable(source) else source
    if isinstance(tensor, CompositeTensor):
        tensor = tensor.gradient_tensor
    return context.state().executor.adopt(tensor)


class GradientTape:
    """Records ops for automatic differentiation.

    Args:
        persistent: allows `gradient` more than once.
        watch_accessed_variables: watches trainable variables when they are read.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watch_accessed = watch_accessed_variables
        self._records: list[Record] = []
        self._watched: set[int] = set()
        self._kept: list[Any] = []
        self._variables: dict[int, Any] = {}
        self._recording = False
        self._used = False

    def __enter__(self) -> GradientTape:
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._recording:
            self._stop()

    def _start(self) -> None:
        if self._recording:
            raise ValueError("the tape is recording already; a tape cannot be entered twice")
        state = context.state()
        state.tapes = (*state.tapes, self)
        self._recording = True

    def _stop(self) -> None:
        state = context.state()
        state.tapes = tuple(tape for tape in state.tapes if tape is not self)
        self._recording = False

    # Called by the executors.
    def record(self, op: OpDef, attrs: Attrs, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Notes one op when it depends on anything watched; see dispatch.context.Recorder."""
        watched = self._watched
        for tensor in inputs:
            if id(tensor) in watched:
                break
        else:
            return
        if op.differentiable:
            self._append(Record(op, attrs, inputs, outputs))

    def record_custom(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], rule: Backward) -> None:
        """Notes that `outputs` were made of `inputs` and that `rule` maps output gradients to input gradients."""
        if self.watches(inputs):
            self._append(Record(None, NO_ATTRS, inputs, outputs, rule))

    def watches(self, tensors: Sequence[Tensor]) -> bool:
        """True when one of the tensors depends on anything watched; see dispatch.context.Recorder."""
        return any(id(tensor) in self._watched for tensor in tensors)

    def _append(self, record: Record) -> None:
        connected = False
        for output in record.outputs:
            if carries_gradient(output):
                self._watched.add(id(output))
                connected = True
        if connected:
            self._records.append(record)

    def watch_variable(self, variable: Any) -> None:
        """Watches a trainable variable that was read; see dispatch.context.Recorder."""
        if self._watch_accessed and variable.trainable:
            self._watch_source(variable)

    def _watch_source(self, source: Any) -> None:
        tensor = key_tensor(source)
        if id(tensor) not in self._watched:
            self._watched.add(id(tensor))
            self._kept.append(tensor)
        if _is_variable(source):
            self._variables.setdefault(id(source), source)

    # The public part.
    def watch(self, tensor: Any) -> None:
        """Watches a tensor, a variable, or a structure of them.

        Raises:
            ValueError: something in it is neither.
        """
        for leaf in nest.flatten(tensor):
            if not (isinstance(leaf, Tensor | CompositeTensor) or _is_variable(leaf)):
                raise ValueError(
                    f"watch takes tensors and variables; got {leaf!r} ({type(leaf).__name__}); use tf.constant or tf.Variable"
                )
            if not _is_variable(leaf) and not leaf.dtype.is_differentiable:
                warnings.warn(f"the dtype of a watched tensor must be floating or complex; got {leaf.dtype.name}", stacklevel=2)
            self._watch_source(leaf)

    def watched_variables(self) -> tuple[Any, ...]:
        """The variables watched so far, in the order of their first use."""
        return tuple(self._variables.values())

    def reset(self) -> None:
        """Forgets everything recorded and watched."""
        self._records.clear()
        self._watched.clear()
        self._kept.clear()
        self._variables.clear()

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Records nothing inside; needs a tape that is recording."""
        if not self._recording:
            raise ValueError("stop_recording needs a tape that is recording; use it inside the tape's `with` block")
        self._stop()
        try:
            yield
        finally:
            self._start()

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: UnconnectedGradients | str = UnconnectedGradients.NONE,
    ) -> Any:
        """Derivatives of `target` (summed, if it has several elements or is a structure) with respect to `sources`.

        Args:
            target: a tensor, a variable or a structure of them.
            sources: likewise; only watched ones are connected.
            output_gradients: gradients that flow into each target, of its shape; ones by default.
            unconnected_gradients: NONE or ZERO.

        Returns:
            A Tensor, IndexedSlices or None for each source, in the structure of `sources`.

        Raises:
            RuntimeError: a tape that is not persistent was used before.
            NoGradientError: an op on the way has no gradient.
        """
        if self._used and not self._persistent:
            raise RuntimeError("a tape that is not persistent gives one gradient only; use GradientTape(persistent=True)")
        self._used = True
        if self._recording and not self._persistent:
            self._stop()
        policy = UnconnectedGradients(unconnected_gradients)
        flat = nest.flatten(sources)
        for source in flat:
            if not (isinstance(source, Tensor | CompositeTensor) or _is_variable(source)):
                raise TypeError(f"sources must be tensors or variables; got {source!r} ({type(source).__name__})")
        keys = [id(key_tensor(source)) for source in flat]
        found = backward(self._records, seeds_of(target, output_gradients), set(keys))
        if not self._persistent:
            self.reset()
        gradients = [_completed(g, s, policy) for g, s in zip(by_source(found, keys), flat, strict=True)]
        return nest.pack_sequence_as(sources, gradients)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: UnconnectedGradients | str = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivative of every element of `target` with respect to `sources`: shape target.shape + source.shape.

        The backward pass runs once an element of `target`, whose shape must be known.

        Raises:
            InvalidArgumentError: the shape of `target` is not fully known.
        """
        rows = self._rows(target, sources, unconnected_gradients)
        flat_sources = nest.flatten(sources)
        shape = list(target.shape.concrete())
        stacked: list[Tensor | None] = []
        for position, source in enumerate(flat_sources):
            column = [row[position] for row in rows]
            if any(item is None for item in column):
                stacked.append(None)
            else:
                whole = get("Pack")([convert_to_tensor(item) for item in column])
                stacked.append(get("Reshape")(whole, shape + list(source.shape.concrete())))
        return nest.pack_sequence_as(sources, stacked)

    def _rows(self, target: Any, sources: Any, policy: UnconnectedGradients | str) -> list[list[Gradient]]:
        if not target.shape.is_fully_defined():
            raise InvalidArgumentError(f"jacobian needs a target of known shape; got {target.shape}; set_shape or reshape it")
        count = target.shape.num_elements()
        persistent, self._persistent = self._persistent, True
        if self._recording and not persistent:
            self._stop()
        flat = get("Reshape")
        rows = []
        for index in range(count):
            one_hot = get("OneHot")(index, count, 1.0, 0.0)
            seed = flat(get("Cast")(one_hot, DstT=target.dtype), list(target.shape.concrete()))
            rows.append(nest.flatten(self.gradient(target, sources, seed, policy)))
        self._persistent = persistent
        return rows

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: UnconnectedGradients | str = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The Jacobian of each example: `target` [b, ...] and `source` [b, ...] give [b, target..., source...].

        Raises:
            InvalidArgumentError: the shapes are unknown or differ in the batch dimension.
        """
        if not target.shape.is_fully_defined() or target.shape[0] != source.shape[0]:
            raise InvalidArgumentError(
                f"batch_jacobian needs known shapes that share dimension 0; got target {target.shape} and source {source.shape}"
            )
        whole = target.shape.concrete()
        batch, inner = whole[0], whole[1:]
        flat = get("Reshape")
        columns = []
        persistent, self._persistent = self._persistent, True
        count = math.prod(inner)
        for index in range(count):
            one_hot = get("Cast")(get("OneHot")(index, count, 1.0, 0.0), DstT=target.dtype)
            seed = get("BroadcastTo")(flat(one_hot, [1, *inner]), list(whole))
            columns.append(self.gradient(target, source, seed, unconnected_gradients))
        self._persistent = persistent
        if any(column is None for column in columns):
            return None
        stacked = get("Pack")([convert_to_tensor(c) for c in columns], axis=1)
        return flat(stacked, [batch, *inner, *source.shape.concrete()[1:]])


def seeds_of(target: Any, output_gradients: Any) -> list[tuple[Tensor, Gradient]]:
    """Each differentiable target (a variable's handle for a variable) with the gradient that flows into it."""
    targets = nest.flatten(target)
    given = [None] * len(targets) if output_gradients is None else nest.flatten(output_gradients)
    if len(given) != len(targets):
        raise ValueError(f"{len(targets)} targets need as many output_gradients; got {len(given)}")
    seeds: list[tuple[Tensor, Gradient]] = []
    for item, gradient in zip(targets, given, strict=True):
        if is_only_composite(item):
            item = item.gradient_tensor
        if is_only_composite(gradient):
            gradient = gradient.gradient_tensor
        if not (isinstance(item, Tensor) or _is_variable(item)):
            raise TypeError(f"the target of a gradient must be a tensor; got {item!r} ({type(item).__name__})")
        value = item if isinstance(item, Tensor) else convert_to_tensor(item)
        if value.dtype.is_floating or value.dtype.is_complex:
            seed = get("OnesLike")(value) if gradient is None else convert_to_tensor(gradient, value.dtype)
            seeds.append((key_tensor(item), seed))
    return seeds


def _completed(gradient: Gradient, source: Any, policy: UnconnectedGradients) -> Gradient:
    if is_only_composite(source):
        found = _completed(gradient, source.gradient_tensor, policy)
        return None if found is None else source.with_gradient_tensor(found)
    if gradient is not None or policy is UnconnectedGradients.NONE:
        return gradient
    value = source if isinstance(source, Tensor) else convert_to_tensor(source)
    return get("ZerosLike")(value)


def record_on_tapes(inputs: Sequence[Tensor], outputs: Sequence[Tensor], rule: Backward) -> None:
    """Records a step with a gradient of its own on every active tape."""
    for tape in context.state().tapes:
        tape.record_custom(inputs, outputs, rule)


def _passed_through(results: Sequence[Any], sources: Sequence[Any]) -> list[Tensor]:
    """The results as new tensors; in a graph by a node that also takes the sources, as in TensorFlow's graphs."""
    if context.state().executor.is_eager:
        return [get("Identity")(convert_to_tensor(r)) for r in results]
    return list(get("IdentityN").all([convert_to_tensor(value) for value in (*results, *sources)])[: len(results)])


def custom_gradient(f: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Decorator: `f` returns `(outputs, grad_fn)`, and `grad_fn(*output_gradients)` gives one gradient an argument.

    When `f` reads trainable variables, `grad_fn` must take `variables=` and return `(gradients, variable_gradients)`.
    """
    if f is None:
        return custom_gradient
    # What is done inside is recorded too: gradients of higher order may flow through what grad_fn uses of it.
    return with_gradient(f, transparent=True)


def with_gradient(f: Callable[..., Any], *, transparent: bool) -> Callable[..., Any]:
    """See `custom_gradient`; the tapes record what `f` does where it is `transparent`."""

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        flat = [convert_to_tensor(a) for a in nest.flatten(args)]
        packed = nest.pack_sequence_as(args, flat)
        with nullcontext() if transparent else context.paused_tapes(), GradientTape() as inner:
            result, grad_fn = f(*packed, **kwargs)
        variables = list(inner.watched_variables())
        handles = [key_tensor(v) for v in variables]
        with context.paused_tapes():
            outputs = _passed_through(nest.flatten(result), [*flat, *variables])

        def rule(*gradients: Gradient) -> Sequence[Gradient]:
            filled = [get("ZerosLike")(o) if g is None else g for o, g in zip(outputs, gradients, strict=True)]
            if not variables:
                return nest.flatten(grad_fn(*filled))
            of_inputs, of_variables = grad_fn(*filled, variables=variables)
            return [*nest.flatten(of_inputs), *nest.flatten(of_variables)]

        for tape in context.state().tapes:
            for variable in variables:
                tape.watch_variable(variable)
        record_on_tapes([*flat, *handles], outputs, CustomRule(rule))
        return nest.pack_sequence_as(result, outputs)

    return wrapper


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` with the gradient of the identity: what flows into its output flows on to its only argument."""

    @functools.wraps(f)
    def wrapped(x: Any) -> Any:
        @custom_gradient
        def passing(value: Any) -> Any:
            return f(value), lambda gradient: gradient

        return passing(x)

    return wrapped
