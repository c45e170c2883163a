"""Branches and loops in compiled code: `lax.cond`, `lax.switch` and `lax.while_loop` over lowered bodies.

A selector that is known when compiling chooses its branch at once. What a loop does not change stays outside of it, with
all that is known of it. Lists that grow get room for as many elements as there are iterations, which must be known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import variant
from headrace.core.errors import InvalidArgumentError, NotCompilable
from headrace.dispatch.lists import OptionalValue, StackedList, Undefined
from headrace.ir.functional import branches, invariants, selected
from headrace.ir.graph import Graph, Node
from headrace.runtime.cells import Cell, draws, twins, written_cells
from headrace.runtime.trips import Trips, count_trips, growth, written_beyond


class Lowering(Protocol):
    """The interpreter, as bodies need it."""

    def run(self, graph: Graph, inputs: Sequence[Any]) -> list[Any]:
        """The outputs of a graph."""

    def fork(self, node: Node) -> Callable[[Any], Lowering]:
        """Interpreters for the bodies of `node`, by the number of the iteration (0 outside of loops)."""


def lower_branch(lowering: Lowering, node: Node, arguments: Sequence[Any]) -> list[Any]:
    """The outputs of an If or Case node."""
    selector, rest = arguments[0], list(arguments[1:])
    if isinstance(selector, np.ndarray):
        return lowering.run(selected(node, int(selector)), rest)
    graphs = branches(node)
    cells = written_cells(graphs, rest)
    _require_values(cells)
    fork = lowering.fork(node)

    def runner(graph: Graph) -> Callable[[], Any]:
        def run() -> Any:
            given, new = twins(rest)
            try:
                outputs = fork(0).run(graph, given)
            except InvalidArgumentError as error:
                # It may be sound for the values that select it, and never run for these.
                raise NotCompilable(f"its branch @{graph.name} does not suit the present shapes ({_first_line(error)})") from error
            return [_traced(value) for value in outputs], [new[id(cell)].array for cell in cells]

        return run

    runs = [runner(graph) for graph in graphs]
    if any(value.dtype is variant or (value.node and value.node.op == "_Undefined") for g in graphs for value in g.outputs):
        runs = _alike(runs)
    try:
        outputs, arrays = _choose(node, selector, runs)
    except TypeError as error:
        raise NotCompilable(f"its branches give tensors of different shapes ({_first_line(error)})") from error
    for cell, array in zip(cells, arrays, strict=True):
        cell.array, cell.written = array, True
    return list(outputs)


def _choose(node: Node, selector: Any, runs: Sequence[Callable[[], Any]]) -> Any:
    if "branches" in node.attrs:
        last = len(runs) - 1
        return jax.lax.switch(jnp.where((selector < 0) | (selector > last), last, selector), runs)
    otherwise, then = runs
    return jax.lax.cond(selector, then, otherwise)


def _alike(runs: Sequence[Callable[[], Any]]) -> list[Callable[[], Any]]:
    """The branches with outputs of one structure: zeros for what is undefined, lists of one form."""
    described = [jax.eval_shape(run)[0] for run in runs]
    targets = [_merged_all(values) for values in zip(*described, strict=True)]

    def conforming(run: Callable[[], Any]) -> Callable[[], Any]:
        def conformed() -> Any:
            outputs, arrays = run()
            return [_conform(value, target) for value, target in zip(outputs, targets, strict=True)], arrays

        return conformed

    return [conforming(run) for run in runs]


def _merged_all(values: Sequence[Any]) -> Any:
    result = values[0]
    for value in values[1:]:
        result = _merged(result, value)
    return result


def _is_nothing(value: Any, other: Any) -> bool:
    """True for what stands for a value that only another branch gives; models of TensorFlow have an empty optional for it."""
    return isinstance(value, Undefined) or (
        isinstance(value, OptionalValue) and not value.items and not isinstance(other, OptionalValue)
    )


def _merged(a: Any, b: Any) -> Any:
    """The description that both of two values conform to."""
    if _is_nothing(a, b):
        return b
    if isinstance(a, OptionalValue) and isinstance(b, OptionalValue):
        same = isinstance(a.present, bool) and a.present is b.present
        return OptionalValue(a.items or b.items, a.present if same else jax.ShapeDtypeStruct((), np.bool_))
    if not isinstance(a, StackedList) or not isinstance(b, StackedList):
        return a
    items = b.items if a.items is None else a.items
    if isinstance(items, StackedList) and isinstance(a.items, StackedList) and isinstance(b.items, StackedList):
        items = _merged(a.items, b.items)
    same = isinstance(a.length, int) and a.length == b.length
    rooms = [c for c in (a.capacity, b.capacity) if c is not None]
    length = a.length if same else jax.ShapeDtypeStruct((), np.int32)
    return StackedList(items, length, max(rooms, default=None), a.roomy or b.roomy)


def _conform(value: Any, target: Any) -> Any:
    """`value` in the form that `target` describes."""
    if _is_nothing(value, target):
        return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), target)
    if isinstance(value, OptionalValue) and isinstance(target, OptionalValue):
        items = value.items or tuple(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), target.items))
        return OptionalValue(items, value.present if isinstance(target.present, bool) else jnp.asarray(value.present))
    if not isinstance(value, StackedList) or not isinstance(target, StackedList):
        return value
    if value.capacity != target.capacity and target.capacity is not None:
        value = value.with_room(target.capacity)
    items = value.items
    if items is None and target.items is not None:
        items = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), target.items)
    elif isinstance(items, StackedList):
        items = _conform(items, target.items)
    length = value.length if isinstance(target.length, int) else jnp.asarray(value.length, jnp.int32)
    return StackedList(items, length, target.capacity, target.roomy)


def lower_loop(lowering: Lowering, node: Node, arguments: Sequence[Any]) -> list[Any]:
    """The outputs of a While node."""
    return _Loop(lowering, node, list(arguments)).run()


class _Loop:
    """One While node while it is lowered. The state carried is `(iteration, changing values, arrays of assigned variables)`."""

    def __init__(self, lowering: Lowering, node: Node, arguments: list[Any]) -> None:
        self.condition: Graph = node.attrs["cond"]
        self.body: Graph = node.attrs["body"]
        self.arguments = arguments
        fixed = invariants(self.body)
        self.moving = [i for i in range(len(arguments)) if i not in fixed]
        self.cells = written_cells((self.condition, self.body), arguments)
        self.fork = lowering.fork(node)
        self.random = draws(node)
        self.reach: dict[int, int] = {}
        """How many elements lists have that are written beyond their end, by position."""
        _require_values(self.cells)

    def run(self) -> list[Any]:
        trips = self.counted()
        state = self.settled((jnp.int32(0), [self.start(i, trips) for i in self.moving], [cell.array for cell in self.cells]))
        try:
            _, values, arrays = jax.lax.while_loop(self.goes_on, self.step, state)
        except TypeError as error:
            raise NotCompilable(f"a variable of the loop changes its shape ({_first_line(error)})") from error
        for cell, array in zip(self.cells, arrays, strict=True):
            cell.array, cell.written = array, True
        outputs = list(self.arguments)
        for position, value in zip(self.moving, values, strict=True):
            outputs[position] = trips.final.get(position, value) if trips else value
            if isinstance(value, StackedList):
                length = self.final_length(position, trips)
                outputs[position] = StackedList(value.items, value.length if length is None else length, value.capacity)
        return outputs

    def final_length(self, position: int, trips: Trips | None) -> int | None:
        """The length of a carried list after the loop, where it is known."""
        first, grown = self.arguments[position].length, growth(self.body, position)
        if not isinstance(first, int) or trips is None or not trips.exact:
            return None
        if position in self.reach:
            return max(first, self.reach[position])
        return first + grown.most * trips.most if grown.exact else None

    def counted(self) -> Trips | None:
        """The number of iterations, looked for when lists grow with it; fills in how far lists are written."""
        lists = [i for i in self.moving if self.body.inputs[i].dtype is variant]
        writes = {i: indices for i in lists if (indices := written_beyond(self.body, i))}
        if not writes and not any(growth(self.body, i).most for i in lists):
            return None
        watched = [value for indices in writes.values() for value in indices]
        trips = count_trips(self.condition, self.body, self.arguments, watched)
        for position, indices in writes.items():
            highest = [trips.highest.get(value) for value in indices] if trips else [None]
            if all(h is not None for h in highest) and isinstance(self.arguments[position].length, int):
                self.reach[position] = 1 + max(h for h in highest if h is not None)
        return trips

    def start(self, position: int, trips: Trips | None) -> Any:
        """The first value of something that changes."""
        value = _traced(self.arguments[position])
        if not isinstance(value, StackedList):
            return value
        if position in self.reach:
            roomy = value.with_room(max(value.length, self.reach[position]))
            return StackedList(roomy.items, jnp.asarray(value.length, jnp.int32), roomy.capacity, True)
        more = growth(self.body, position).most
        if not more:
            return value
        if more > 0:
            if trips is None:
                raise NotCompilable(
                    "it keeps values of every iteration (a gradient needs them), and how many there are depends on data; give"
                    " maximum_iterations"
                )
            if not isinstance(value.length, int):
                raise NotCompilable("it appends to a list whose length depends on data")
            value = value.with_room(value.length + more * trips.most)
        return StackedList(value.items, jnp.asarray(value.length, jnp.int32), value.capacity, more > 0)

    def settled(self, state: Any) -> Any:
        """The state with every list in the form that it has after an iteration."""
        if not any(isinstance(value, StackedList | Undefined) for value in state[1]):
            return state
        while True:
            after = jax.eval_shape(self.step, state)[1]
            before = _described(state[1])
            targets = [_merged(a, b) for a, b in zip(before, after, strict=True)]
            if _structure(targets) == _structure(before):
                return state
            state = (state[0], [_conform(v, t) for v, t in zip(state[1], targets, strict=True)], state[2])

    def inputs(self, state: Any) -> tuple[list[Any], dict[int, Cell]]:
        arguments = list(self.arguments)
        for position, value in zip(self.moving, state[1], strict=True):
            arguments[position] = value
        return twins(arguments, {id(cell): array for cell, array in zip(self.cells, state[2], strict=True)})

    def goes_on(self, state: Any) -> Any:
        arguments, _ = self.inputs(state)
        (verdict,) = self.fork(2 * state[0] if self.random else 0).run(self.condition, arguments)
        return jnp.asarray(verdict).reshape(())

    def step(self, state: Any) -> Any:
        arguments, cells = self.inputs(state)
        outputs = self.fork(2 * state[0] + 1 if self.random else 0).run(self.body, arguments)
        arrays = [cells[id(cell)].array for cell in self.cells]
        return state[0] + 1, [_traced(outputs[i]) for i in self.moving], arrays


def _structure(values: Any) -> Any:
    return jax.tree.structure(values)


def _described(values: Any) -> Any:
    """Shapes and dtypes in place of arrays."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), leaf.dtype), values)


def _require_values(cells: Sequence[Cell]) -> None:
    for cell in cells:
        if cell.array is None:
            raise NotCompilable(f"variable {cell.name!r} gets its first value inside")


def _traced(value: Any) -> Any:
    """What JAX's control flow takes: arrays instead of numpy's."""
    return jnp.asarray(value) if isinstance(value, np.ndarray | np.generic) else value


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
