"""Elements put together and taken apart: batch and unbatch."""

from __future__ import annotations

from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import CompositeSpec, TensorSpec
from headrace.data.pipeline.elements import Element, NoneTensorSpec, map_leaves
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Block, Cursor, Exhausted, Run, Stage, State, known, row


class Batch(Stage):
    """Several elements stacked into one."""

    kind = "batch"

    def __init__(self, source: Stage, size: Any, drop_remainder: bool) -> None:
        self._size = size
        self._drop = drop_remainder
        self.check()
        length = size if known(size) and drop_remainder else None
        super().__init__((source,), map_leaves(lambda spec: batched(spec, length), source.element_spec))

    def check(self) -> None:
        """See Stage.check."""
        if known(self._size) and self._size < 1:
            raise InvalidArgumentError(f"batch_size must be greater than zero; got {self._size}")

    def cardinality(self) -> int:
        """See Stage.cardinality."""
        return batch_count(self.inputs[0].cardinality(), self._size, self._drop)

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _BatchCursor(run.open(self.inputs[0]), self._size, self._drop)


def batch_count(size: int, batch: Any, drop: bool) -> int:
    """How many batches there are of so many elements."""
    if size < 0:
        return size
    if not known(batch):
        return UNKNOWN
    return int(size // batch if drop else -(-size // batch))


def batched(spec: Any, length: int | None) -> Any:
    """The spec of several values of one spec, stacked.

    Raises:
        TypeError: they cannot be stacked.
    """
    if isinstance(spec, NoneTensorSpec):
        return spec
    if isinstance(spec, CompositeSpec):
        grow = getattr(spec, "batched", None)
        if grow is None:
            raise TypeError(f"cannot batch elements of {spec!r}")
        return grow(length)
    return TensorSpec(TensorSpec((length,), spec.dtype).shape.concatenate(spec.shape), spec.dtype)


class _BatchCursor(Cursor):
    __slots__ = ("_drop", "_size")

    def __init__(self, source: Cursor, size: int, drop: bool) -> None:
        super().__init__(source)
        self._size, self._drop = size, drop

    def next(self) -> Element:
        """See Cursor.next."""
        block = self.inputs[0].next_block(self._size)
        if self._drop and block.count < self._size:
            raise Exhausted
        return block.parts

    def state(self) -> State:
        """See Cursor.state."""
        return self.inputs[0].state()

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self.inputs[0].restore(state)


class Unbatch(Stage):
    """The rows of each element as elements."""

    kind = "unbatch"

    def __init__(self, source: Stage) -> None:
        super().__init__((source,), map_leaves(_unbatched, source.element_spec))
        self.check()

    def cardinality(self) -> int:
        """Known where the length of the elements is."""
        size = self.inputs[0].cardinality()
        lengths = {spec.shape[0] if spec.shape.rank else None for spec in self.inputs[0].specs}
        if size == INFINITE:
            return size
        length = lengths.pop() if len(lengths) == 1 else None
        return UNKNOWN if size == UNKNOWN or length is None else size * length

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _UnbatchCursor(run.open(self.inputs[0]))


def _unbatched(spec: Any) -> Any:
    if isinstance(spec, NoneTensorSpec):
        return spec
    if isinstance(spec, CompositeSpec):
        shrink = getattr(spec, "unbatched", None)
        if shrink is None:
            raise TypeError(f"cannot unbatch elements of {spec!r}")
        return shrink()
    if spec.shape.rank == 0:
        raise ValueError("cannot unbatch scalars; unbatch needs elements of at least one dimension")
    return TensorSpec(spec.shape[1:], spec.dtype)


class _UnbatchCursor(Cursor):
    __slots__ = ("_element", "_length", "_position")

    def __init__(self, source: Cursor) -> None:
        super().__init__(source)
        self._element: Element = ()
        self._length = self._position = 0

    def _more(self) -> None:
        while self._position >= self._length:
            element = self.inputs[0].next()
            lengths = {len(part) for part in element}
            if len(lengths) != 1:
                raise InvalidArgumentError(f"cannot unbatch an element whose parts have the lengths {sorted(lengths)}")
            self._element, self._length, self._position = element, lengths.pop(), 0

    def next(self) -> Element:
        """See Cursor.next."""
        self._more()
        position = self._position
        self._position += 1
        return tuple(row(part, position) for part in self._element)

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        blocks: list[Block] = []
        while count:
            try:
                self._more()
            except Exhausted:
                if blocks:
                    break
                raise
            start, stop = self._position, min(self._position + count, self._length)
            self._position = stop
            blocks.append(Block(stop - start, tuple(part[start:stop] for part in self._element)))
            count -= stop - start
        return Block.joined(blocks)

    def state(self) -> State:
        """See Cursor.state."""
        return [list(self._element), self._length, self._position, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        element, self._length, self._position, source = state
        self._element = tuple(element)
        self.inputs[0].restore(source)
