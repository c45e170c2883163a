"""while and for: as Python, or over symbolic tensors as a tf.while_loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headrace.core import nest
from headrace.core.errors import OperatorNotAllowedInGraphError
from headrace.core.shapes import TensorShape
from headrace.core.spec import CompositeSpec, CompositeTensor, is_only_composite
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.ops.array.shaping import shape as shape_op
from headrace.ops.math.comparison import greater, less, logical_and
from headrace.trace.autograph.staging import at_user, condition, is_symbolic, is_tensor_like, leaves, same_value
from headrace.trace.autograph.variables import Undefined, UndefinedReturnValue
from headrace.trace.control.leaves import as_variable, flows
from headrace.trace.control.looping import while_loop
from headrace.trace.control.tensor_array import TensorArray

State = tuple[Any, ...]
Options = Mapping[str, Any]


def while_stmt(
    test: Callable[[], Any],
    body: Callable[[], None],
    get_state: Callable[[], State],
    set_state: Callable[[State], None],
    symbol_names: tuple[str, ...],
    options: Options,
) -> None:
    """A while statement: a graph's loop when the first test gives a symbolic tensor."""
    before = get_state()
    first = test()
    if is_symbolic(first):
        set_state(before)
        _Loop(get_state, set_state, symbol_names, options).run(test, body)
        return
    while _decided(first, "while"):
        body()
        first = test()


def for_stmt(
    iterated: Any,
    extra_test: Callable[[], Any] | None,
    body: Callable[[Any], None],
    get_state: Callable[[], State],
    set_state: Callable[[State], None],
    symbol_names: tuple[str, ...],
    options: Options,
) -> None:
    """A for statement: a graph's loop over a symbolic tensor's first dimension. `extra_test` is false after a break or return."""
    if not is_symbolic(iterated):
        if extra_test is None or _decided(extra_test(), "for"):
            for item in iterated:
                body(item)
                if extra_test is not None and not _decided(extra_test(), "for"):
                    break
        return
    loop = _Loop(get_state, set_state, symbol_names, options)
    if hasattr(iterated, "loop_in_graph"):
        _loop_over_dataset(loop, iterated, extra_test, body)
        return
    tensor, limits = iterated, None
    if not is_only_composite(iterated):
        tensor = convert_to_tensor(iterated)
        limits = _range_limits(tensor)
    if limits is None and isinstance(tensor, CompositeTensor):
        if not hasattr(tensor, "nrows"):
            raise TypeError(f"cannot iterate over a {type(tensor).__name__}{at_user()}; use tf.sparse.to_dense")
        start, limit, step = 0, tensor.nrows(), 1
    elif limits is None:
        if tensor.shape.rank == 0:
            raise ValueError(f"cannot iterate over a scalar tensor{at_user()}")
        length = tensor.shape[0] if tensor.shape.rank else None
        start, limit, step = 0, shape_op(tensor)[0] if length is None else length, 1
    else:
        start, limit, step = limits
    before_limit = less if step > 0 else greater

    def goes_on(counter: Any) -> Any:
        inside = before_limit(counter, limit)
        return inside if extra_test is None else logical_and(inside, convert_to_tensor(extra_test()))

    def step_body(counter: Any) -> Any:
        body(counter if limits is not None else tensor[counter])
        return counter + step

    loop.run_counted(convert_to_tensor(start, limit.dtype if isinstance(limit, Tensor) else None), goes_on, step_body)


def _loop_over_dataset(loop: _Loop, dataset: Any, extra_test: Callable[[], Any] | None, body: Callable[[Any], None]) -> None:
    """A loop over the elements of a dataset or an iterator, which the next one is asked for each time."""
    has_next, following = dataset.loop_in_graph()

    def goes_on(counter: Any) -> Any:
        inside = has_next()
        return inside if extra_test is None else logical_and(convert_to_tensor(extra_test()), inside)

    def step_body(counter: Any) -> Any:
        body(following())
        return counter + 1

    loop.run_counted(convert_to_tensor(0), goes_on, step_body)


def _decided(value: Any, kind: str) -> bool:
    try:
        return bool(value)
    except OperatorNotAllowedInGraphError:
        raise NotImplementedError(
            f"the condition of this `{kind}` loop{at_user()} became a symbolic tensor: a variable changed its type, or a break"
            " or return depends on a tensor. Loop over a tensor (tf.range), or begin with one"
        ) from None


def _range_limits(tensor: Tensor) -> tuple[Any, Any, Any] | None:
    """Start, limit and step of a tf.range whose step is known: no need to make the range itself."""
    node = tensor.value.node if isinstance(tensor, GraphTensor) else None
    if node is None or node.op != "Range":
        return None
    start, limit, step = (GraphTensor(value, tensor.builder) for value in node.inputs)  # type: ignore[attr-defined]
    if step.op.type != "Const":
        return None
    return start, limit, step.op.get_attr("value").item()


class _Loop:
    """One statement's variables on their way through a tf.while_loop."""

    def __init__(
        self, get_state: Callable[[], State], set_state: Callable[[State], None], names: tuple[str, ...], options: Options
    ) -> None:
        self._get, self._set, self._names = get_state, set_state, names
        self._before = get_state()
        self._place = at_user()
        for name, value in zip(names, self._before, strict=True):
            if isinstance(value, Undefined):
                raise ValueError(f"'{name}' must be defined before the loop{self._place}")
            if isinstance(value, UndefinedReturnValue):
                raise NotImplementedError(f"a return statement cannot be placed inside this loop over tensors{self._place}")
            if value is None:
                raise ValueError(f"'{name}' is not allowed to be None before the loop{self._place}")
        self._flat = leaves(self._before)
        self._moving = [i for i, leaf in enumerate(self._flat) if is_tensor_like(leaf)]
        self._options = {k: v for k, v in options.items() if k in ("parallel_iterations", "maximum_iterations")}
        self._invariants = {
            id(value): shape if isinstance(shape, CompositeSpec) else TensorShape(shape)
            for value, shape in options.get("shape_invariants", ())
        }

    def run(self, test: Callable[[], Any], body: Callable[[], None]) -> None:
        """The loop; variables hold their last values afterwards."""

        def goes_on(*variables: Any) -> Any:
            self._restore(variables)
            return condition(test(), "a while loop")

        def step(*variables: Any) -> Any:
            self._restore(variables)
            body()
            return self._collect(variables)

        self._stage(goes_on, step, self._starts(), self._shapes())

    def run_counted(self, start: Tensor, test: Callable[[Any], Any], body: Callable[[Any], Any]) -> None:
        """The loop with a counter of its own before the variables."""

        def goes_on(counter: Any, *variables: Any) -> Any:
            self._restore(variables)
            return test(counter)

        def step(counter: Any, *variables: Any) -> Any:
            self._restore(variables)
            following = body(counter)
            return [following, *self._collect(variables)]

        shapes = self._shapes()
        self._stage(goes_on, step, [start, *self._starts()], None if shapes is None else [TensorShape([]), *shapes], skip=1)

    def _stage(self, test: Any, body: Any, starts: list[Any], shapes: Any, skip: int = 0) -> None:
        final = while_loop(test, body, starts, shape_invariants=shapes, **self._options)
        self._restore(final[skip:])

    def _starts(self) -> list[Any]:
        return [as_variable(self._flat[i]) for i in self._moving]

    def _shapes(self) -> list[Any] | None:
        if not self._invariants:
            return None
        return [self._invariants.get(id(self._flat[i]), _kept(as_variable(self._flat[i]))) for i in self._moving]

    def _restore(self, variables: Any) -> None:
        flat = list(self._flat)
        for place, value in zip(self._moving, variables, strict=True):
            flat[place] = value
        self._set(nest.pack_sequence_as(self._before, flat))

    def _collect(self, entry: tuple[Any, ...]) -> list[Any]:
        """The variables at the end of an iteration, checked against its beginning."""
        after = self._get()
        for name, old, new in zip(self._names, self._before, after, strict=True):
            try:
                nest.assert_same_structure(old, new)
            except (TypeError, ValueError) as error:
                raise TypeError(f"'{name}' changes its nested structure in the loop{self._place}: {error}") from None
            if new is None:
                raise ValueError(f"'{name}' is None at the end of the iteration{self._place}")
        owners = [name for name, old in zip(self._names, self._before, strict=True) for _ in leaves(old)]
        flat = leaves(after)
        results: list[Any] = []
        for i, leaf in enumerate(flat):
            if i not in self._moving:
                if not same_value(leaf, self._flat[i]):
                    raise TypeError(f"'{owners[i]}' changed from {self._flat[i]!r} to {leaf!r} in a loop over tensors{self._place}")
                continue
            results.append(self._checked(owners[i], as_variable(leaf), entry[len(results)]))
        return results

    def _checked(self, name: str, after: Any, before: Any) -> Any:
        if after.dtype is not before.dtype:
            raise TypeError(
                f"'{name}' has dtype {before.dtype.name} before the loop, but {after.dtype.name} after one iteration{self._place}"
            )
        free = isinstance(after, TensorArray | CompositeTensor) or self._invariants
        if not (free or _is_subshape(after.shape, before.shape)):
            raise ValueError(
                f"'{name}' has shape {before.shape} before the loop, but shape {after.shape} after one iteration{self._place}."
                " Use tf.autograph.experimental.set_loop_options to set shape invariants"
            )
        return after


def _kept(variable: Any) -> Any:
    """What a variable keeps to unless an option says otherwise: its shape, or its spec."""
    return variable.type_spec if isinstance(variable, CompositeTensor) else flows(variable)[0].shape


def _is_subshape(narrow: TensorShape, wide: TensorShape) -> bool:
    if wide.rank is None:
        return True
    if narrow.rank != wide.rank:
        return False
    return all(w is None or n == w for n, w in zip(narrow, wide, strict=True))
