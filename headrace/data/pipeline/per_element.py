"""The methods of Dataset that run a function on each element."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headrace.core.spec import CompositeSpec
from headrace.data.pipeline.buffering import AUTOTUNE
from headrace.data.pipeline.counting import enumerated
from headrace.data.pipeline.elements import are_subtypes, as_tensor, assembled, flat_specs, map_leaves, most_general, take_apart
from headrace.data.pipeline.functions import TracedFunction, arguments_of
from headrace.data.pipeline.interleaving import Interleave
from headrace.data.pipeline.mapping import Filter, FlatMap, Map, Scan, TakeWhile, reduced
from headrace.data.pipeline.parallel import ParallelMap
from headrace.data.pipeline.stage import Run, Stage, number
from headrace.data.pipeline.windows import batched_windows
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.trace.control.looping import while_loop

if TYPE_CHECKING:
    from headrace.data.pipeline.dataset import Dataset


class PerElement:
    """What runs on one element after the other."""

    @property
    def stage(self) -> Stage:
        """The pipeline behind the dataset."""
        raise NotImplementedError

    def _then(self, stage: Stage) -> Dataset:
        raise NotImplementedError

    def _traced(self, function: Callable[..., Any], kind: str) -> TracedFunction:
        return TracedFunction(function, arguments_of(self.stage.element_spec), kind)

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """A function of each element.

        Args:
            map_func: traced once; takes the parts of an element that is a tuple as arguments, else the element.
            num_parallel_calls: how many elements are worked on at once, or AUTOTUNE.
            deterministic: False lets elements come in the order in which they are ready.
            synchronous, use_unbounded_threadpool: accepted for TensorFlow's sake.
        """
        function = self._traced(map_func, "map")
        if num_parallel_calls is None:
            return self._then(Map(self.stage, function))
        return self._then(ParallelMap(self.stage, function, number(num_parallel_calls, "num_parallel_calls"), deterministic))

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which a function gives True."""
        return self._then(Filter(self.stage, self._traced(predicate, "filter")))

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements up to the first for which a function gives False."""
        return self._then(TakeWhile(self.stage, self._traced(predicate, "take_while")))

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements of the datasets that a function makes of each element, one dataset after the other.

        Raises:
            TypeError: the function gives no dataset.
        """
        function = self._traced(map_func, "flat_map")
        spec = dataset_spec_of(function)
        return self._then(batched_windows(self.stage, function) or FlatMap(self.stage, function, spec))

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: Any = None,
        block_length: Any = None,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of the datasets that a function makes of each element, some of each dataset in turn.

        Args:
            map_func: gives a dataset.
            cycle_length: how many datasets are open at a time; by default as many as there are processors.
            block_length: how many elements of each come at a time, 1 by default.
            num_parallel_calls: how many datasets are read ahead by threads, or AUTOTUNE; None: none.
            deterministic: False takes first what is there first.

        Raises:
            TypeError: the function gives no dataset.
            InvalidArgumentError: a number is less than 1.
        """
        function = self._traced(map_func, "interleave")
        cycle = number(AUTOTUNE if cycle_length is None else cycle_length, "cycle_length")
        block = number(1 if block_length is None else block_length, "block_length")
        calls = None if num_parallel_calls is None else number(num_parallel_calls, "num_parallel_calls")
        spec = dataset_spec_of(function)
        return self._then(Interleave(self.stage, function, spec, cycle, block, calls, deterministic))

    def scan(self, initial_state: Any, scan_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """A function of a state and each element, which gives the next state and an element.

        Args:
            initial_state: a structure of tensors.
            scan_func: `(state, element) -> (state, element)`.

        Raises:
            TypeError: the function gives no such pair, or a state of another structure or dtype.
        """
        first, function = with_state(scan_func, initial_state, self.stage.element_spec, "scan")
        return self._then(Scan(self.stage, tuple(first), function))

    def enumerate(self, start: Any = 0, name: str | None = None) -> Dataset:
        """The elements, each after its number (int64)."""
        return self._then(enumerated(number(start, "start"), self.stage))

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None) -> Any:
        """The last state of a function of a state and each element.

        Args:
            initial_state: a structure of tensors.
            reduce_func: `(state, element) -> state`.

        Raises:
            TypeError: the function gives a state of another structure or dtype.
        """
        first, function = with_state(reduce_func, initial_state, self.stage.element_spec, "reduce")
        spec = function.output_spec
        if not context.executing_eagerly():
            return _reduced_in_graph(self, initial_state, reduce_func, spec)
        cursor = Run(self.stage.options()).open(self.stage)
        try:
            held = reduced(cursor, tuple(first), function)
        finally:
            cursor.close()
        return assembled(spec, [as_tensor(part, s) for part, s in zip(held, flat_specs(spec), strict=True)])


def dataset_spec_of(function: TracedFunction) -> Any:
    """What the elements are of the dataset that a function gives.

    Raises:
        TypeError: it gives something else.
    """
    spec = function.output_spec
    inner = getattr(spec, "element_spec", None)
    if not isinstance(spec, CompositeSpec) or inner is None or type(spec).__name__ != "DatasetSpec":
        raise TypeError(f"the function of {function.kind} must return a Dataset; {function.name} returns {spec!r}")
    return inner


def with_state(function: Callable[..., Any], initial_state: Any, element_spec: Any, kind: str) -> tuple[list[Any], TracedFunction]:
    """The components of the first state, and the function traced for states of all shapes that come up.

    Raises:
        TypeError: the function gives a state of another structure or dtype.
    """
    spec, first = take_apart(initial_state)
    while True:
        traced = TracedFunction(function, (spec, element_spec), kind)
        after = traced.output_spec
        if kind == "scan":
            if not isinstance(after, tuple) or len(after) != 2:
                raise TypeError(f"the function of scan must return a pair of the new state and an element; it returns {after!r}")
            after = after[0]
        if are_subtypes(after, spec):
            return first, traced
        wider = most_general(spec, after)
        if wider is None:
            raise TypeError(f"the state of {kind} begins as {spec!r}, but its function returns {after!r}; they must agree")
        spec = wider


def _reduced_in_graph(dataset: Any, initial_state: Any, function: Callable[..., Any], spec: Any) -> Any:
    """A loop over the elements, inside a tf.function."""
    has_next, following = dataset.loop_in_graph()
    state = map_leaves(convert_to_tensor, initial_state)
    invariants = [map_leaves(lambda s: s.shape, spec)]
    (result,) = while_loop(lambda *_: has_next(), lambda held: [function(held, following())], [state], shape_invariants=invariants)
    return result
