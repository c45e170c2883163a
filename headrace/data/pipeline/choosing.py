"""Elements of several datasets, or some of one, by choice or by chance: choose_from_datasets, sampling, unique, ignore_errors."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.data.pipeline.elements import Element, most_general
from headrace.data.pipeline.functions import TracedFunction, called
from headrace.data.pipeline.seeds import Seeds
from headrace.data.pipeline.sharing import Outcome
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Cursor, Exhausted, Run, Stage, State

_log = logging.getLogger(__name__)


class Choose(Stage):
    """Elements of several datasets, each time of the one that a dataset of numbers names."""

    kind = "choose_from_datasets"

    def __init__(self, sources: Sequence[Stage], choice: Stage, stop_on_empty: bool) -> None:
        super().__init__((choice, *sources), common_spec(sources, "choose_from_datasets"))
        self._stop = stop_on_empty

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _ChooseCursor([run.open(stage) for stage in self.inputs], self._stop)


def common_spec(sources: Sequence[Stage], name: str) -> Any:
    """The spec that covers the elements of all of some stages.

    Raises:
        TypeError: there is none.
    """
    spec = sources[0].element_spec
    for stage in sources[1:]:
        wider = most_general(spec, stage.element_spec)
        if wider is None:
            raise TypeError(f"{name} needs datasets of the same structure and dtypes; got {spec!r} and {stage.element_spec!r}")
        spec = wider
    return spec


class _ChooseCursor(Cursor):
    __slots__ = ("_empty", "_stop")

    def __init__(self, cursors: Sequence[Cursor], stop_on_empty: bool) -> None:
        super().__init__(*cursors)
        self._stop = stop_on_empty
        self._empty: set[int] = set()

    def next(self) -> Element:
        """See Cursor.next."""
        count = len(self.inputs) - 1
        while len(self._empty) < count:
            (chosen,) = self.inputs[0].next()
            number = int(chosen)
            if not 0 <= number < count:
                raise InvalidArgumentError(f"the choice dataset gave {number}; expected a number in [0, {count})")
            if number in self._empty:
                continue
            try:
                return self.inputs[1 + number].next()
            except Exhausted:
                if self._stop:
                    raise
                self._empty.add(number)
        raise Exhausted

    def state(self) -> State:
        """See Cursor.state."""
        return [sorted(self._empty), [cursor.state() for cursor in self.inputs]]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        empty, positions = state
        self._empty = set(empty)
        for cursor, position in zip(self.inputs, positions, strict=True):
            cursor.restore(position)


class Sample(Stage):
    """Elements of several datasets, each time of one drawn by weight.

    Args:
        sources: the datasets.
        weights: one for each, numbers.
        seeds: of the draws.
        stop_on_empty: ends where a dataset that was drawn has ended; otherwise the others go on.
    """

    kind = "sample_from_datasets"

    def __init__(self, sources: Sequence[Stage], weights: Sequence[float], seeds: Seeds, stop_on_empty: bool) -> None:
        super().__init__(sources, common_spec(sources, "sample_from_datasets"))
        self._bounds = np.cumsum(np.asarray(weights, np.float64) / np.sum(weights))
        self._seeds = seeds
        self._stop = stop_on_empty

    def cardinality(self) -> int:
        """Without end where all are."""
        sizes = [stage.cardinality() for stage in self.inputs]
        if not self._stop and INFINITE in sizes:
            return INFINITE
        if not self._stop and UNKNOWN not in sizes:
            return sum(sizes)
        return INFINITE if set(sizes) == {INFINITE} else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _SampleCursor([run.open(stage) for stage in self.inputs], self._bounds, self._seeds, self._stop)


class _SampleCursor(Cursor):
    __slots__ = ("_bounds", "_empty", "_generator", "_stop")

    def __init__(self, cursors: Sequence[Cursor], bounds: Any, seeds: Seeds, stop_on_empty: bool) -> None:
        super().__init__(*cursors)
        self._bounds = bounds
        self._generator = seeds.generator()
        self._stop = stop_on_empty
        self._empty: set[int] = set()

    def next(self) -> Element:
        """See Cursor.next."""
        count = len(self.inputs)
        while len(self._empty) < count:
            number = min(int(np.searchsorted(self._bounds, self._generator.random(), side="right")), count - 1)
            if number in self._empty:
                continue
            try:
                return self.inputs[number].next()
            except Exhausted:
                if self._stop:
                    raise
                self._empty.add(number)
        raise Exhausted

    def state(self) -> State:
        """See Cursor.state."""
        return [self._generator.bit_generator.state, sorted(self._empty), [cursor.state() for cursor in self.inputs]]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._generator.bit_generator.state, empty, positions = state
        self._empty = set(empty)
        for cursor, position in zip(self.inputs, positions, strict=True):
            cursor.restore(position)


class Drawn(Stage):
    """Numbers drawn by the weights that a dataset gives, one vector for each draw."""

    kind = "weights"

    def __init__(self, weights: Stage, count: int, seeds: Seeds) -> None:
        super().__init__((weights,), TensorSpec((), dtypes.int64))
        self._count = count
        self._seeds = seeds

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _DrawnCursor(run.open(self.inputs[0]), self._count, self._seeds)


class _DrawnCursor(Cursor):
    __slots__ = ("_count", "_generator")

    def __init__(self, source: Cursor, count: int, seeds: Seeds) -> None:
        super().__init__(source)
        self._count = count
        self._generator = seeds.generator()

    def next(self) -> Element:
        """See Cursor.next."""
        (weights,) = self.inputs[0].next()
        if weights.shape != (self._count,) or (weights < 0).any() or not weights.sum() > 0:
            raise InvalidArgumentError(f"sample_from_datasets needs {self._count} weights that are not negative; got {weights!r}")
        bounds = np.cumsum(weights / weights.sum())
        return (np.int64(min(int(np.searchsorted(bounds, self._generator.random(), side="right")), self._count - 1)),)

    def state(self) -> State:
        """See Cursor.state."""
        return [self._generator.bit_generator.state, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._generator.bit_generator.state, source = state
        self.inputs[0].restore(source)


class Resample(Stage):
    """Elements dropped by chance, so that their classes come as often as is wanted: pairs of class and element.

    Args:
        source: the input.
        function: gives the class of an element.
        target: how often each class shall come, float64 [classes].
        initial: how often it comes in the input; None: it is counted while going on.
        seeds: of the draws.
        element_spec: of the pairs.
    """

    kind = "rejection_resample"

    def __init__(self, source: Stage, function: TracedFunction, target: Any, initial: Any, seeds: Seeds, element_spec: Any) -> None:
        super().__init__((source,), element_spec)
        self._function = function
        self._target, self._initial = target, initial
        self._seeds = seeds

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _ResampleCursor(run.open(self.inputs[0]), self._function, self._target, self._initial, self._seeds)


class _ResampleCursor(Cursor):
    __slots__ = ("_counts", "_done", "_function", "_generator", "_initial", "_target")

    def __init__(self, source: Cursor, function: TracedFunction, target: Any, initial: Any, seeds: Seeds) -> None:
        super().__init__(source)
        self._function, self._target, self._initial = function, target, initial
        self._generator = seeds.generator()
        self._counts = np.ones(len(target))
        self._done = 0

    def next(self) -> Element:
        """See Cursor.next."""
        while True:
            element = self.inputs[0].next()
            (found,) = called(self._function, element, self._done)
            self._done += 1
            number = int(found)
            if not 0 <= number < len(self._target):
                raise InvalidArgumentError(f"rejection_resample has {len(self._target)} classes; class_func gave {number}")
            self._counts[number] += 1
            initial = self._counts / self._counts.sum() if self._initial is None else self._initial
            # An element is kept in proportion to how much too rare its class is; the rarest class is always kept.
            ratios = np.divide(self._target, initial, out=np.zeros_like(self._target), where=initial > 0)
            if self._generator.random() * ratios.max() < ratios[number]:
                return (found, *element)

    def state(self) -> State:
        """See Cursor.state."""
        return [self._done, self._counts, self._generator.bit_generator.state, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._done, counts, self._generator.bit_generator.state, source = state
        self._counts = np.array(counts)
        self.inputs[0].restore(source)


class Unique(Stage):
    """The elements that did not come before."""

    kind = "unique"

    def __init__(self, source: Stage) -> None:
        super().__init__((source,), source.element_spec)

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _UniqueCursor(run.open(self.inputs[0]))


class _UniqueCursor(Cursor):
    __slots__ = ("_seen",)

    def __init__(self, source: Cursor) -> None:
        super().__init__(source)
        self._seen: dict[Any, Element] = {}

    def next(self) -> Element:
        """See Cursor.next."""
        while True:
            element = self.inputs[0].next()
            key = tuple(_key(part) for part in element)
            if key not in self._seen:
                self._seen[key] = element
                return element

    def state(self) -> State:
        """See Cursor.state."""
        return [[list(element) for element in self._seen.values()], self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        seen, source = state
        for element in seen:
            self._seen[tuple(_key(part) for part in element)] = tuple(element)
        self.inputs[0].restore(source)


def _key(part: Any) -> Any:
    return part.shape, tuple(part.ravel().tolist()) if part.dtype.kind == "O" else part.tobytes()


class IgnoreErrors(Stage):
    """The elements that are made without an error."""

    kind = "ignore_errors"

    def __init__(self, source: Stage, log_warning: bool) -> None:
        super().__init__((source,), source.element_spec)
        self._log = log_warning

    def cardinality(self) -> int:
        """Without end where the input is."""
        return INFINITE if self.inputs[0].cardinality() == INFINITE else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _IgnoreCursor(run.open(self.inputs[0]), self._log)


class _IgnoreCursor(Cursor):
    __slots__ = ("_log",)

    def __init__(self, source: Cursor, log_warning: bool) -> None:
        super().__init__(source)
        self._log = log_warning

    def next(self) -> Element:
        """See Cursor.next."""
        while True:
            outcome = Outcome()
            with outcome:
                outcome.value = self.inputs[0].next()
            if outcome.error is None:
                element: Element = outcome.value
                return element
            if isinstance(outcome.error, Exhausted):
                raise outcome.error
            if self._log:
                _log.warning("an element of a dataset is left out: %s", outcome.error)

    def state(self) -> State:
        """See Cursor.state."""
        return self.inputs[0].state()

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self.inputs[0].restore(state)
