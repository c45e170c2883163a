"""Datasets of Grain, the engine for input in several processes and on several hosts, as a source of elements."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from headrace.core.errors import InvalidArgumentError, OpError, UnimplementedError
from headrace.data.pipeline.elements import Element, fitted, take_apart
from headrace.data.pipeline.sources import GeneratorCursor, generated_spec
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Cursor, Exhausted, Run, Stage, State


class Grain(Stage):
    """The elements of a Grain MapDataset, IterDataset or DataLoader.

    Args:
        source: the dataset or loader.
        element_spec: the structure of its elements; found from the first one when it is None.

    Raises:
        UnimplementedError: Grain is not installed.
        TypeError: `source` is nothing of Grain's, or `element_spec` is made of something other than specs.
        ValueError: there is no first element.
        InvalidArgumentError: the first element cannot be made tensors.
    """

    kind = "from_grain"

    def __init__(self, source: Any, element_spec: Any) -> None:
        self._source = source
        grain = _library()
        if not isinstance(source, grain.MapDataset | grain.IterDataset | grain.DataLoader):
            raise TypeError(
                f"from_grain takes a grain.MapDataset, grain.IterDataset or grain.DataLoader; got {source!r}"
                f" ({type(source).__name__}); records at hand by number become one by grain.MapDataset.source(...)"
            )
        self._by_number = isinstance(source, grain.MapDataset)
        super().__init__((), self._found_spec() if element_spec is None else generated_spec(element_spec, None, None))

    @property
    def name(self) -> str:
        """See Stage.name."""
        return f"from_grain({type(self._source).__name__})"

    def cardinality(self) -> int:
        """INFINITE after `repeat()`; UNKNOWN otherwise, since a filter of Grain's leaves the length as it was."""
        return INFINITE if self._by_number and len(self._source) == sys.maxsize else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _GrainCursor(self.name, self.element_spec, lambda: iter(self._source))

    def _found_spec(self) -> Any:
        # By number, since an iterator would read hundreds of elements ahead.
        cursor = _GrainCursor(self.name, None, self._kept if self._by_number else lambda: iter(self._source))
        try:
            first = cursor.pull()
            return take_apart(first)[0]
        except Exhausted:
            raise ValueError(f"{self.name} has no elements to find their structure from; give output_signature") from None
        except (TypeError, ValueError) as error:
            if isinstance(error, OpError):
                raise
            raise InvalidArgumentError(f"{self.name} gave a first element that cannot be made tensors: {error}") from error
        finally:
            cursor.close()

    def _kept(self) -> Iterator[Any]:
        """The elements that no filter of Grain's took out."""
        return (item for item in map(self._source.__getitem__, range(len(self._source))) if item is not None)


def _library() -> Any:
    try:
        import grain  # noqa: PLC0415
        from absl import flags  # noqa: PLC0415
    except ImportError:
        raise UnimplementedError("Dataset.from_grain needs Grain, which is not installed; install headrace[grain]") from None
    if not flags.FLAGS.is_parsed():
        # Grain asks for flags when it starts processes, which raises in every program that is not run by absl.
        flags.FLAGS.mark_as_parsed()
    return grain


class _GrainCursor(GeneratorCursor):
    """A pass by an iterator of Grain's, which knows its position; an error ends the pass, as Grain does not go on behind one."""

    __slots__ = ("_over",)

    def __init__(self, name: str, spec: Any, make: Callable[[], Iterator[Any]]) -> None:
        super().__init__(name, spec, make)
        self._over = False

    def pull(self) -> Any:
        """See GeneratorCursor.pull."""
        if self._over:
            raise Exhausted
        self._over = True
        value = super().pull()
        self._over = False
        return value

    def next(self) -> Element:
        """See Cursor.next."""
        value = self.pull()
        try:
            return fitted(value, self._spec, f"{self._name} (element {self._position - 1})", cast=False)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(
                f"{error.message}; make the elements alike in the Grain pipeline, or give an output_signature that suits all"
            ) from error

    def state(self) -> State:
        """The number of elements given, and Grain's own position in the form of its checkpoints; None where the pass is over."""
        if self._over:
            return None
        found = self._begun().get_state()
        return [self._position, found.decode() if isinstance(found, bytes) else json.dumps(found)]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._over = state is None
        if state is not None:
            self._position, text = state
            iterator = self._begun()
            # A loader takes the bytes that it gave, a dataset's iterator what they say.
            iterator.set_state(text.encode() if isinstance(iterator.get_state(), bytes) else json.loads(text))

    def close(self) -> None:
        """See Cursor.close."""
        end = getattr(self._iterator, "close", None)
        if end is not None:
            end()
        self._iterator = None
