"""Elements put together and taken apart: batch, padded_batch, ragged_batch, sparse_batch, unbatch, rebatch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from headrace.core import dtypes, nest
from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.core.spec import TensorSpec
from headrace.data.pipeline.composites import (
    is_dense,
    ragged_parts,
    ragged_spec_of,
    row_spec,
    rows_of_leaves,
    stacked,
    stacked_spec,
)
from headrace.data.pipeline.elements import Element, NoneTensorSpec, map_leaves
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Block, Cursor, Exhausted, Run, Stage, State, known, row
from headrace.ragged.tensor import RaggedTensorSpec
from headrace.sparse.tensor import SparseTensorSpec

Join = Callable[[Sequence[Element]], Element]


class Batch(Stage):
    """Several elements stacked into one."""

    kind = "batch"

    def __init__(self, source: Stage, size: Any, drop_remainder: bool) -> None:
        self.size = size
        self.drop = drop_remainder
        self._dense = is_dense(source.element_spec)
        self.check()
        length = size if known(size) and drop_remainder else None
        super().__init__((source,), map_leaves(lambda spec: self.joined_spec(spec, length), source.element_spec))

    def joined_spec(self, spec: Any, length: int | None) -> Any:
        """The spec of a batch of values of a spec."""
        return stacked_spec(spec, length)

    def join(self) -> Join | None:
        """What makes one element of several; None: they are stacked as blocks."""
        structure = self.inputs[0].element_spec
        return None if self._dense else lambda elements: stacked(structure, elements)

    def check(self) -> None:
        """See Stage.check."""
        if known(self.size) and self.size < 1:
            raise InvalidArgumentError(f"batch_size must be greater than zero; got {self.size}")

    def cardinality(self) -> int:
        """See Stage.cardinality."""
        size = self.inputs[0].cardinality()
        if size < 0 or not known(self.size):
            return size if size < 0 else UNKNOWN
        return int(size // self.size if self.drop else -(-size // self.size))

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _BatchCursor(run.open(self.inputs[0]), self.size, self.drop, self.join())


class _BatchCursor(Cursor):
    __slots__ = ("_drop", "_join", "_size")

    def __init__(self, source: Cursor, size: int, drop: bool, join: Join | None) -> None:
        super().__init__(source)
        self._size, self._drop, self._join = size, drop, join

    def next(self) -> Element:
        """See Cursor.next."""
        if self._join is None:
            block = self.inputs[0].next_block(self._size)
            if self._drop and block.count < self._size:
                raise Exhausted
            return block.parts
        elements = []
        try:
            for _ in range(self._size):
                elements.append(self.inputs[0].next())
        except Exhausted:
            if not elements or self._drop:
                raise
        return self._join(elements)

    def state(self) -> State:
        """See Cursor.state."""
        return self.inputs[0].state()

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self.inputs[0].restore(state)


class PaddedBatch(Batch):
    """Several elements padded to one shape and stacked.

    Args:
        source: the input.
        size: how many.
        shapes: for each component the shape to pad to; an unknown dimension becomes the largest of the batch.
        values: for each component the value to pad with, a numpy scalar, or a boxed string.
        drop_remainder: leaves out the last ones where they are fewer.
    """

    kind = "padded_batch"

    def __init__(
        self, source: Stage, size: Any, shapes: Sequence[TensorShape], values: Sequence[Any], drop_remainder: bool
    ) -> None:
        self._shapes = tuple(shapes)
        self._values = tuple(values)
        super().__init__(source, size, drop_remainder)
        length = size if known(size) and drop_remainder else None
        rest = iter(self._shapes)
        self.element_spec = map_leaves(lambda spec: _padded_spec(spec, length, rest), source.element_spec)

    def join(self) -> Join:
        """See Batch.join."""
        return self._pad

    def _pad(self, elements: Sequence[Element]) -> Element:
        columns = zip(*elements, strict=True)
        return tuple(_padded(c, s, v) for c, s, v in zip(columns, self._shapes, self._values, strict=True))


def _padded_spec(spec: Any, length: int | None, shapes: Iterator[TensorShape]) -> Any:
    return spec if isinstance(spec, NoneTensorSpec) else TensorSpec([length, *next(shapes)], spec.dtype)


def _padded(column: Sequence[Any], shape: TensorShape, value: Any) -> Any:
    if any(len(item.shape) != len(shape) for item in column):
        raise InvalidArgumentError(
            f"padded_batch got an element of {len(column[0].shape)} dimensions; its padded shape {shape} has {len(shape)}"
        )
    largest = [max(item.shape[axis] for item in column) for axis in range(len(shape))]
    wanted = tuple(found if dim is None else dim for found, dim in zip(largest, shape, strict=True))
    if any(found > dim for found, dim in zip(largest, wanted, strict=True)):
        raise DataLossError(
            f"Attempted to pad to a smaller size than the input element: {largest} does not fit into {list(wanted)}"
        )
    out = np.full((len(column), *wanted), value, column[0].dtype)
    for position, item in enumerate(column):
        if item.shape == wanted:
            out[position] = item if wanted else item[()]
        else:
            out[position][tuple(slice(0, n) for n in item.shape)] = item
    return out


def padded_shapes(structure: Any, given: Any) -> list[TensorShape]:
    """For each component the shape to pad to.

    Raises:
        ValueError: a rank is unknown, or a shape does not fit the elements.
        TypeError: an element is sparse or ragged.
    """
    if not is_dense(structure):
        raise TypeError(f"padded_batch takes dense tensors; got {structure!r}; use ragged_batch or batch")
    leaves = [leaf for leaf in nest.flatten(structure) if isinstance(leaf, TensorSpec)]
    if given is None:
        if any(leaf.shape.rank is None for leaf in leaves):
            raise ValueError("padded_batch needs padded_shapes where the rank of an element is unknown")
        return [leaf.shape for leaf in leaves]
    found: list[TensorShape] = []
    nest.map_structure_up_to(structure, lambda leaf, shape: _noted(leaf, _as_shape(shape), found), given)
    for leaf, shape in zip(leaves, found, strict=True):
        _check_padded_shape(leaf, shape)
    return found


def _as_shape(value: Any) -> TensorShape:
    if isinstance(value, TensorShape) or value is None:
        return TensorShape(value)
    dims = np.asarray([-1 if d is None else d for d in value] if isinstance(value, list | tuple) else value).reshape(-1)
    return TensorShape([None if d < 0 else int(d) for d in dims])


def _noted(leaf: Any, value: Any, found: list[Any]) -> None:
    if not isinstance(leaf, NoneTensorSpec):
        found.append(value)


def _check_padded_shape(spec: TensorSpec, shape: TensorShape) -> None:
    if shape.rank is None or spec.shape.rank not in (None, shape.rank):
        raise ValueError(f"the padded shape {shape} does not have the rank of the elements, whose shape is {spec.shape}")
    if spec.shape.rank is not None:
        for have, dim in zip(spec.shape, shape, strict=True):
            if have is not None and dim is not None and dim < have:
                raise ValueError(f"the padded shape {shape} is smaller than the elements, whose shape is {spec.shape}")


def padding_values(structure: Any, given: Any) -> list[Any]:
    """For each component the value to pad with.

    Raises:
        TypeError: its dtype is not that of the component.
    """
    leaves = [leaf for leaf in nest.flatten(structure) if isinstance(leaf, TensorSpec)]
    if given is None:
        chosen: list[Any] = [None] * len(leaves)
    elif not nest.is_nested(given):
        chosen = [given] * len(leaves)
    else:
        chosen = []
        nest.map_structure_up_to(structure, lambda leaf, value: _noted(leaf, value, chosen), given)
    return [_padding_value(leaf, value) for leaf, value in zip(leaves, chosen, strict=True)]


def _padding_value(spec: TensorSpec, value: Any) -> Any:
    if value is None:
        return b"" if spec.dtype is dtypes.string else np.zeros((), spec.dtype.np_dtype)
    if spec.dtype is dtypes.string:
        text = np.asarray(value.numpy() if hasattr(value, "numpy") else value, object).item()
        if not isinstance(text, str | bytes):
            raise TypeError(f"the padding value of strings must be a string; got {value!r}")
        return text.encode() if isinstance(text, str) else text
    array = np.asarray(value)
    same = array.dtype == spec.dtype.np_dtype
    plain = isinstance(value, int) and not isinstance(value, bool) and (spec.dtype.is_integer or spec.dtype.is_floating)
    plain = plain or (isinstance(value, float) and spec.dtype.is_floating) or (isinstance(value, bool) and spec.dtype.is_bool)
    if array.shape != () or not (same or plain):
        raise TypeError(f"the padding value {value!r} does not have the dtype {spec.dtype.name} of the component that it pads")
    return array.astype(spec.dtype.np_dtype)


class RaggedBatch(Batch):
    """Several elements as one ragged tensor, where their shapes may differ."""

    kind = "ragged_batch"

    def __init__(self, source: Stage, size: Any, drop_remainder: bool, splits: dtypes.DType) -> None:
        self._splits = splits
        super().__init__(source, size, drop_remainder)

    def joined_spec(self, spec: Any, length: int | None) -> Any:
        """See Batch.joined_spec."""
        return ragged_spec_of(spec, length, self._splits) if isinstance(spec, TensorSpec) else stacked_spec(spec, length)

    def join(self) -> Join:
        """See Batch.join."""
        ranks: dict[int, int] = {}
        place = 0
        leaves: list[Any] = []
        for before, after in zip(nest.flatten(self.inputs[0].element_spec), nest.flatten(self.element_spec), strict=True):
            ragged = isinstance(before, TensorSpec) and isinstance(after, RaggedTensorSpec)
            if ragged:
                ranks[place] = after.ragged_rank - 1
                leaves.append(RaggedTensorSpec(before.shape, before.dtype, after.ragged_rank - 1, self._splits))
            else:
                leaves.append(before)
            place += len(before.component_specs) if hasattr(before, "component_specs") else 1
        structure = tuple(leaves)

        def expanded(element: Element) -> Element:
            parts: list[Any] = []
            for position, part in enumerate(element):
                parts.extend(ragged_parts(part, ranks[position]) if position in ranks else (part,))
            return tuple(parts)

        return lambda elements: stacked(structure, [expanded(element) for element in elements])


class SparseBatch(Batch):
    """Several elements as one sparse tensor, in which what is missing of a row is not stored."""

    kind = "sparse_batch"

    def __init__(self, source: Stage, size: Any, row_shape: TensorShape, drop_remainder: bool = False) -> None:
        self._row_shape = row_shape
        super().__init__(source, size, drop_remainder)

    def joined_spec(self, spec: Any, length: int | None) -> Any:
        """See Batch.joined_spec."""
        if not isinstance(spec, TensorSpec):
            raise TypeError(f"sparse_batch takes dense tensors; got {spec!r}")
        return SparseTensorSpec([length, *self._row_shape], spec.dtype)

    def join(self) -> Join:
        """See Batch.join."""
        return lambda elements: tuple(p for column in zip(*elements, strict=True) for p in _sparse(column, self._row_shape))


def _sparse(column: Sequence[Any], row_shape: TensorShape) -> Element:
    if any(len(item.shape) != len(row_shape) for item in column):
        raise InvalidArgumentError(f"sparse_batch got an element of shape {list(column[0].shape)}; its row_shape is {row_shape}")
    largest = [max(item.shape[axis] for item in column) for axis in range(len(row_shape))]
    wanted = [found if dim is None else dim for found, dim in zip(largest, row_shape, strict=True)]
    if any(found > dim for found, dim in zip(largest, wanted, strict=True)):
        raise DataLossError(f"sparse_batch got an element of shape {largest}, which does not fit into the row_shape {row_shape}")
    indices = [np.insert(np.indices(item.shape).reshape(item.ndim, -1).T, 0, i, axis=1) for i, item in enumerate(column)]
    values = np.concatenate([np.asarray(item).reshape(-1) for item in column])
    return np.concatenate(indices).astype(np.int64), values, np.array([len(column), *wanted], np.int64)


class Unbatch(Stage):
    """The rows of each element as elements."""

    kind = "unbatch"

    def __init__(self, source: Stage) -> None:
        super().__init__((source,), map_leaves(row_spec, source.element_spec))

    def cardinality(self) -> int:
        """Known where the length of the elements is."""
        size = self.inputs[0].cardinality()
        if size in (INFINITE, UNKNOWN) or not is_dense(self.inputs[0].element_spec):
            return size if size == INFINITE else UNKNOWN
        lengths = {spec.shape[0] if spec.shape.rank else None for spec in self.inputs[0].specs}
        length = lengths.pop() if len(lengths) == 1 else None
        return UNKNOWN if length is None else size * length

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        structure = self.inputs[0].element_spec
        source = run.open(self.inputs[0])
        return _UnbatchCursor(source) if is_dense(structure) else _UnbatchCompositeCursor(source, structure)


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


class _UnbatchCompositeCursor(Cursor):
    __slots__ = ("_rows", "_structure")

    def __init__(self, source: Cursor, structure: Any) -> None:
        super().__init__(source)
        self._structure = structure
        self._rows: list[Element] = []

    def next(self) -> Element:
        """See Cursor.next."""
        while not self._rows:
            self._rows = list(rows_of_leaves(self._structure, self.inputs[0].next()))[::-1]
        return self._rows.pop()

    def state(self) -> State:
        """See Cursor.state."""
        return [[list(element) for element in self._rows], self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        rows, source = state
        self._rows = [tuple(element) for element in rows]
        self.inputs[0].restore(source)


class Rebatch(Stage):
    """Batches made anew, of other sizes, which are taken in turn."""

    kind = "rebatch"

    def __init__(self, source: Stage, sizes: Sequence[int], drop_remainder: bool) -> None:
        if not sizes or min(sizes) < 1:
            raise ValueError(f"rebatch needs batch sizes greater than zero; got {list(sizes)}")
        whole = [leaf.shape[0] for leaf in nest.flatten(source.element_spec) if getattr(leaf, "shape", None)]
        divides = drop_remainder or all(n is not None and n % sizes[0] == 0 for n in whole)
        length = sizes[0] if divides and len(set(sizes)) == 1 else None
        spec = map_leaves(lambda s: stacked_spec(row_spec(s), length), source.element_spec)
        super().__init__((source,), spec)
        self._rows = Unbatch(source)
        self._sizes = tuple(sizes)
        self._drop = drop_remainder

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _RebatchCursor(self._rows.start(run), self._sizes, self._drop)


class _RebatchCursor(Cursor):
    __slots__ = ("_drop", "_sizes", "_turn")

    def __init__(self, source: Cursor, sizes: Sequence[int], drop: bool) -> None:
        super().__init__(source)
        self._sizes, self._drop = sizes, drop
        self._turn = 0

    def next(self) -> Element:
        """See Cursor.next."""
        size = self._sizes[self._turn]
        block = self.inputs[0].next_block(size)
        if self._drop and block.count < size:
            raise Exhausted
        self._turn = (self._turn + 1) % len(self._sizes)
        return block.parts

    def state(self) -> State:
        """See Cursor.state."""
        return [self._turn, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._turn, source = state
        self.inputs[0].restore(source)
