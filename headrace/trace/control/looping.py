"""tf.while_loop: a Python loop eagerly, a node in a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from headrace.core import dtypes, nest
from headrace.core.shapes import TensorShape
from headrace.core.spec import CompositeSpec, TensorSpec
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.trace.builder import user_frame
from headrace.trace.control.bodies import Body, trace
from headrace.trace.control.leaves import as_variable, covering, flows, given_shapes, rewrapped, shapes, stopped
from headrace.trace.control.loop import while_node
from headrace.trace.control.tensor_array import TensorArray


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """Repeats `body` while `cond` holds.

    Args:
        cond: takes the loop variables; returns a bool scalar.
        body: takes the loop variables; returns them anew, in the same structure.
        loop_vars: a list or tuple of tensors or structures of them (a TensorArray is one).
        shape_invariants: shapes (or specs) in the structure of `loop_vars` that the variables keep to; their first shapes by
            default.
        parallel_iterations: kept for TensorFlow's signature; XLA orders the work.
        back_prop: False makes the results constant for gradients.
        swap_memory: kept for TensorFlow's signature.
        maximum_iterations: an upper bound on the number of iterations.
        name: for the node.

    Returns:
        The last values, in the structure of `loop_vars`.

    Raises:
        TypeError, ValueError: the functions are not callable, or a variable changes its structure, dtype or shape.
    """
    for what, function in (("cond", cond), ("body", body)):
        if not callable(function):
            raise TypeError(f"{what} of tf.while_loop must be callable; got {function!r} ({type(function).__name__})")
    if not loop_vars and loop_vars != 0:
        raise ValueError("tf.while_loop needs at least one loop variable; got none")
    sequence = loop_vars if isinstance(loop_vars, list | tuple) else [loop_vars]
    limit = None if maximum_iterations is None else convert_to_tensor(maximum_iterations, dtype_hint=dtypes.int32)
    if context.executing_eagerly():
        result = _run(cond, body, sequence, None if limit is None else int(limit))  # type: ignore[call-overload]
    else:
        result = _Staged(cond, body, sequence, shape_invariants, limit).run()
    if not back_prop:
        result = nest.map_structure(stopped, result)
    return result if isinstance(loop_vars, list | tuple) else result[0]


def _run(cond: Callable[..., Any], body: Callable[..., Any], sequence: Any, limit: int | None) -> Any:
    values = sequence  # Python values stay what they are until the end, as in TensorFlow
    done = 0
    while (limit is None or done < limit) and bool(cond(*values)):
        after = _checked_result(body(*values), sequence, "")
        values = nest.pack_sequence_as(sequence, nest.flatten(after))
        done += 1
    return nest.map_structure(as_variable, values)


def _checked_result(result: Any, sequence: Any, place: str) -> Any:
    """What a body returned, as a list when there is one variable.

    Raises:
        ValueError: its structure is not that of the loop variables.
    """
    packed = result if isinstance(result, list | tuple) else [result]
    try:
        nest.assert_same_structure(sequence, packed, check_types=False)
    except ValueError as error:
        raise ValueError(f"body of tf.while_loop must return the structure of loop_vars{place}: {error}") from None
    return packed


class _Staged:
    """One call in a graph."""

    def __init__(self, cond: Any, body: Any, sequence: Any, shape_invariants: Any, limit: Tensor | None) -> None:
        self.cond = cond
        self.body = body
        self.sequence = sequence
        self.leaves = nest.flatten(nest.map_structure(as_variable, sequence))
        self.leaves_like: list[Any] = [None] * len(self.leaves)
        self.limit = limit
        self.starts = [tensor for leaf in self.leaves for tensor in flows(leaf)]
        self.specs = [
            TensorSpec(shape, tensor.dtype, "loop_var")
            for tensor, shape in zip(self.starts, self.kept_shapes(shape_invariants), strict=True)
        ]
        self.place = user_frame()
        self.after: list[Any] = []

    def kept_shapes(self, invariants: Any) -> list[TensorShape]:
        """The shape that each tensor keeps to."""
        if invariants is None:
            return [shape for leaf in self.leaves for shape in shapes(leaf)]
        given = nest.flatten(invariants) if not isinstance(invariants, TensorShape) else [invariants]
        if len(given) != len(self.leaves):
            raise ValueError(f"shape_invariants must have one shape a loop variable ({len(self.leaves)}); got {len(given)}")
        # A spec in place of a composite's shape says what the variable is from now on.
        self.leaves_like = [item if isinstance(item, CompositeSpec) else None for item in given]
        return [shape for leaf, item in zip(self.leaves, given, strict=True) for shape in given_shapes(leaf, item)]

    def packed(self, tensors: Sequence[Tensor], likes: Sequence[Any]) -> Any:
        """Tensors in the structure of the loop variables."""
        rest = iter(tensors)
        flat = [rewrapped(leaf, [next(rest) for _ in flows(leaf)], like) for leaf, like in zip(self.leaves, likes, strict=True)]
        return nest.pack_sequence_as(self.sequence, flat)

    def variables(self, tensors: Sequence[Tensor]) -> Any:
        """The structure that the program's functions take."""
        return self.packed(tensors, self.leaves_like)

    def run(self) -> Any:
        specs, starts = self.specs, list(self.starts)
        if self.limit is not None:
            specs = [TensorSpec([], self.limit.dtype, "iteration"), *specs]
            starts = [convert_to_tensor(0, self.limit.dtype), *starts]
        condition = self.traced("while_cond", self.verdict, specs)
        body = self.traced("while_body", self.step, specs)
        self.check(body)
        starts = [context.state().executor.adopt(start) for start in starts]
        fixed = [after is before for before, after in zip(body.inputs, body.outputs, strict=False)]
        results = while_node(condition, body, starts)
        chosen = [start if same else result for start, result, same in zip(starts, results, fixed, strict=True)]
        flat = chosen[1:] if self.limit is not None else chosen
        arrays = [
            like or (after if isinstance(after, TensorArray) else None)
            for like, after in zip(self.leaves_like, self.after, strict=True)
        ]
        return self.packed(flat, arrays)

    def traced(self, name: str, function: Callable[..., list[Tensor]], specs: Sequence[TensorSpec]) -> Body:
        return trace(name, lambda *arguments: (None, function(*arguments)), specs)[1]

    def verdict(self, *arguments: GraphTensor) -> list[Tensor]:
        rest = arguments if self.limit is None else arguments[1:]
        verdict = convert_to_tensor(self.cond(*self.variables(rest)))
        if verdict.dtype is not dtypes.bool_ or verdict.shape.rank not in (None, 0):
            raise TypeError(
                f"cond of tf.while_loop must return a bool scalar; got {verdict.dtype.name}{verdict.shape} ({self.place}); compare"
                " it or use tf.reduce_any"
            )
        if self.limit is None:
            return [verdict]
        return [get("LogicalAnd")(get("Less")(arguments[0], self.limit), verdict)]

    def step(self, *arguments: GraphTensor) -> list[Tensor]:
        counted = self.limit is not None
        result = _checked_result(self.body(*self.variables(arguments[counted:])), self.sequence, f" ({self.place})")
        self.after = [as_variable(leaf) for leaf in nest.flatten(result)]
        for before, after in zip(self.leaves, self.after, strict=True):
            self.check_kind(before, after)
        outputs = [tensor for leaf in self.after for tensor in flows(leaf)]
        return [arguments[0] + 1, *outputs] if counted else outputs

    def check_kind(self, before: Any, after: Any) -> None:
        try:
            covering(before, after)
        except TypeError as error:
            raise TypeError(f"a loop variable changes its kind ({self.place}): {error}") from None

    def check(self, body: Body) -> None:
        """Compares what the body returns with what it takes."""
        for position, (before, after) in enumerate(zip(body.inputs, body.outputs, strict=False)):
            index = position - (self.limit is not None)
            if after.dtype is not before.dtype:
                raise TypeError(
                    f"loop variable {index} is {before.dtype.name} before an iteration and {after.dtype.name} after it"
                    f" ({self.place}); expected one dtype; use tf.cast"
                )
            if not after.shape.is_subtype_of(before.shape):
                raise ValueError(
                    f"loop variable {index} has shape {before.shape} before an iteration and {after.shape} after it ({self.place});"
                    " give shape_invariants that admit both"
                )
