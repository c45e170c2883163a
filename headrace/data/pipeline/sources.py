"""Where elements come from: tensors, slices of tensors, numbers, Python generators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from headrace.core import dtypes, nest
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError, OpError, UnimplementedError, UnknownError
from headrace.core.spec import CompositeSpec, TensorSpec
from headrace.data.pipeline.composites import by_leaf, is_dense, row_spec, rows_of_leaves
from headrace.data.pipeline.elements import Element, fitted, map_leaves
from headrace.data.pipeline.seeds import Seeds
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Block, Cursor, Exhausted, Rows, Run, Stage, State, known, row
from headrace.sparse.tensor import SparseTensorSpec


class Tensors(Stage):
    """One element."""

    kind = "from_tensors"

    def __init__(self, element_spec: Any, components: Sequence[Any]) -> None:
        super().__init__((), element_spec)
        self.components = tuple(components)

    def cardinality(self) -> int:
        """1."""
        return 1

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return ListCursor([self.components])


class Listed(Stage):
    """Elements at hand, such as those of a window."""

    kind = "window"

    def __init__(self, element_spec: Any, elements: Sequence[Element]) -> None:
        super().__init__((), element_spec)
        self.elements = elements

    def cardinality(self) -> int:
        """Their number."""
        return len(self.elements)

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return ListCursor(self.elements)


class ListCursor(Cursor):
    """Elements of a list."""

    __slots__ = ("_elements", "_position")

    def __init__(self, elements: Sequence[Element]) -> None:
        super().__init__()
        self._elements = elements
        self._position = 0

    def next(self) -> Element:
        """See Cursor.next."""
        if self._position >= len(self._elements):
            raise Exhausted
        self._position += 1
        return self._elements[self._position - 1]

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        found = self._elements[self._position : self._position + count]
        if not found:
            raise Exhausted
        self._position += len(found)
        return Block.of(found)

    def state(self) -> State:
        """See Cursor.state."""
        return self._position

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._position = state


class Slices(Stage):
    """Rows of tensors."""

    kind = "from_tensor_slices"

    def __init__(self, whole_spec: Any, components: Sequence[Any]) -> None:
        super().__init__((), map_leaves(row_spec, whole_spec))
        if not components:
            raise ValueError("from_tensor_slices needs at least one tensor; got an empty structure")
        self.components = tuple(components)
        self._batch_spec = whole_spec
        self.check()

    def check(self) -> None:
        """See Stage.check."""
        lengths = {leaf.shape[0] for leaf in nest.flatten(self._batch_spec) if hasattr(leaf, "shape")} - {None}
        if all(map(known, self.components)):
            lengths = {
                _length(leaf, self.components[place]) for leaf, place in by_leaf(self._batch_spec) if place.start < place.stop
            }
        if len(lengths) > 1:
            raise InvalidArgumentError(
                f"from_tensor_slices needs tensors of one length; their first dimensions are {sorted(lengths)}"
            )

    def cardinality(self) -> int:
        """The length of the tensors."""
        if not all(map(known, self.components)):
            return UNKNOWN
        return next(_length(leaf, self.components[p]) for leaf, p in by_leaf(self._batch_spec) if p.start < p.stop)

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        if is_dense(self._batch_spec):
            return RowsCursor(rows_of(self.components))
        return ListCursor(list(rows_of_leaves(self._batch_spec, self.components)))


def _length(leaf: Any, components: Element) -> int:
    """How many rows a value has."""
    if isinstance(leaf, SparseTensorSpec):
        return int(components[2][0])
    return len(components[1]) - 1 if len(components) > 1 else len(components[0])


def rows_of(components: Sequence[Any]) -> Rows:
    """The rows of arrays of one length."""

    def take(numbers: Any) -> Element:
        if isinstance(numbers, slice):
            return tuple(part[numbers] for part in components)
        return tuple(part.take(numbers, axis=0) if part.dtype.kind != "V" else part[numbers] for part in components)

    return Rows(len(components[0]), take, lambda i: tuple(row(part, i) for part in components))


class RowsCursor(Cursor):
    """Elements that are at hand by number, in order."""

    __slots__ = ("_position", "_rows")

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self._rows = rows
        self._position = 0

    def next(self) -> Element:
        """See Cursor.next."""
        position = self._position
        if position >= self._rows.count:
            raise Exhausted
        self._position = position + 1
        return self._rows.one(position)

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        start, stop = self._position, min(self._position + count, self._rows.count)
        if start >= stop:
            raise Exhausted
        self._position = stop
        return Block(stop - start, self._rows.take(slice(start, stop)))

    def rows(self) -> Rows:
        """See Cursor.rows."""
        return behind(self._rows, self._position)

    def state(self) -> State:
        """See Cursor.state."""
        return self._position

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._position = state


def behind(rows: Rows, start: int, count: int | None = None, step: int = 1) -> Rows:
    """Some of the rows: from `start` on, every `step`-th, `count` of them."""
    left = max(0, -(-(rows.count - start) // step))
    count = left if count is None else min(count, left)
    if not start and step == 1 and count == rows.count:
        return rows

    def take(numbers: Any) -> Element:
        if isinstance(numbers, slice):
            low, high = numbers.start, min(numbers.stop, count)
            return rows.take(slice(start + low * step, start + max(low, high) * step, step))
        return rows.take(np.asarray(numbers) * step + start)

    return Rows(count, take, lambda i: rows.one(start + i * step))


class Range(Stage):
    """Numbers from `start` to `stop` by `step`."""

    kind = "range"

    def __init__(self, start: Any, stop: Any, step: Any, dtype: DType) -> None:
        super().__init__((), TensorSpec((), dtype))
        self._limits = (start, stop, step)
        self._dtype = dtype
        self.check()

    def check(self) -> None:
        """See Stage.check."""
        if known(self._limits[2]) and self._limits[2] == 0:
            raise InvalidArgumentError("the step of Dataset.range must not be 0")

    def cardinality(self) -> int:
        """How many numbers there are."""
        return len(range(*map(int, self._limits))) if all(map(known, self._limits)) else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        numbers = range(*map(int, self._limits))
        kind = self._dtype.np_dtype

        def take(wanted: Any) -> Element:
            if isinstance(wanted, slice):
                part = numbers[wanted]
                return (np.arange(part.start, part.stop, part.step, dtype=np.int64).astype(kind),)
            return ((np.asarray(wanted, np.int64) * numbers.step + numbers.start).astype(kind),)

        return RowsCursor(Rows(len(numbers), take, lambda i: (kind.type(numbers[i]),)))


class Generated(Stage):
    """What a Python generator yields."""

    kind = "from_generator"

    def __init__(self, generator: Callable[..., Any], element_spec: Any, arguments: Sequence[Any]) -> None:
        super().__init__((), element_spec)
        self._generator = generator
        self._arguments = tuple(arguments)

    @property
    def name(self) -> str:
        """See Stage.name."""
        return f"from_generator({getattr(self._generator, '__name__', type(self._generator).__name__)})"

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        arguments = [part[()] if part.ndim == 0 else part for part in self._arguments]
        return GeneratorCursor(self.name, self.element_spec, lambda: iter(self._generator(*arguments)))


class GeneratorCursor(Cursor):
    """What an iterator of Python gives, which is asked for when the first element is.

    Args:
        name: that of the stage.
        spec: the structure of its elements.
        make: begins a new pass.
    """

    __slots__ = ("_iterator", "_make", "_name", "_position", "_simple", "_spec")

    def __init__(self, name: str, spec: Any, make: Callable[[], Iterator[Any]]) -> None:
        super().__init__()
        self._name = name
        self._spec = spec
        self._make = make
        self._iterator: Iterator[Any] | None = None
        self._position = 0
        self._simple = _simple_leaves(spec)

    def pull(self) -> Any:
        """The next element as it was given; an error of the iterator names the stage.

        Raises:
            Exhausted: there is none.
        """
        try:
            value = next(self._begun())
        except StopIteration:
            raise Exhausted from None
        except OpError:
            raise
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(f"{type(error).__name__}: {error} [in {self._name} at element {self._position}]") from error
        except (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError) as error:
            raise UnknownError(f"{type(error).__name__}: {error} [in {self._name} at element {self._position}]") from error
        self._position += 1
        return value

    def _begun(self) -> Any:
        if self._iterator is None:
            self._iterator = self._make()
        return self._iterator

    def next(self) -> Element:
        """See Cursor.next."""
        value = self.pull()
        element = self._quick(value)
        return fitted(value, self._spec, f"{self._name} (element {self._position - 1})") if element is None else element

    def _quick(self, value: Any) -> Element | None:
        """The components of what fits to the letter: a tuple of arrays of the right dtypes and shapes; None for anything else."""
        leaves = self._simple
        if leaves is None:
            return None
        if type(self._spec) is not tuple:
            value = (value,)
        if type(value) is not tuple or len(value) != len(leaves):
            return None
        parts: list[Any] = []
        for item, (dtype, shape) in zip(value, leaves, strict=True):
            if isinstance(item, np.ndarray):
                if item.dtype != dtype or item.shape != shape:
                    return None
                # The generator may fill the same array again.
                parts.append(item.copy())
            elif isinstance(item, np.generic):
                if item.dtype != dtype or shape != ():
                    return None
                parts.append(item)
            elif shape == () and type(item) in (int, float) and dtype.kind in "if":
                parts.append(dtype.type(item))
            else:
                return None
        return tuple(parts)

    def state(self) -> State:
        """See Cursor.state.

        Raises:
            UnimplementedError: always.
        """
        raise UnimplementedError(f"{self._name} has no position that could be saved: only the generator knows it")

    def close(self) -> None:
        """See Cursor.close."""
        end = getattr(self._iterator, "close", None)
        if end is not None and type(self._iterator).__name__ == "generator":
            end()
        self._iterator = None


def _simple_leaves(spec: Any) -> list[tuple[Any, tuple[int, ...]]] | None:
    """dtype and shape of each leaf where the structure is a tensor or a plain tuple of them, with known shapes."""
    leaves = list(spec) if type(spec) is tuple else [spec]
    if not all(isinstance(s, TensorSpec) and s.shape.is_fully_defined() and s.dtype is not dtypes.string for s in leaves):
        return None
    if any(s.dtype in (dtypes.variant, dtypes.resource) for s in leaves):
        return None
    return [(s.dtype.np_dtype, s.shape.concrete()) for s in leaves]


class RandomNumbers(Stage):
    """Random int64 numbers without end."""

    kind = "random"

    def __init__(self, seeds: Seeds) -> None:
        super().__init__((), TensorSpec((), dtypes.int64))
        self._seeds = seeds

    def cardinality(self) -> int:
        """INFINITE."""
        return INFINITE

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _RandomCursor(self._seeds)


class _RandomCursor(Cursor):
    __slots__ = ("_draw",)

    def __init__(self, seeds: Seeds) -> None:
        super().__init__()
        self._draw = seeds.generator()

    def next(self) -> Element:
        """See Cursor.next."""
        return (np.int64(self._draw.integers(0, 1 << 32)),)

    def state(self) -> State:
        """See Cursor.state."""
        return self._draw.bit_generator.state

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._draw.bit_generator.state = state


def generated_spec(signature: Any, types: Any, shapes: Any) -> Any:
    """The spec of a generator's elements, from its signature or from the older pair of types and shapes.

    Raises:
        TypeError: none was given, both were, or one is no spec.
    """
    if signature is not None and (types is not None or shapes is not None):
        raise TypeError("from_generator takes output_signature, or output_types and output_shapes, not both")
    if signature is not None:
        for leaf in nest.flatten(signature):
            if not isinstance(leaf, TensorSpec | CompositeSpec):
                raise TypeError(f"output_signature must be made of tf.TypeSpec objects such as tf.TensorSpec; got {leaf!r}")
        return signature
    if types is None:
        raise TypeError("from_generator needs output_signature, a structure of tf.TensorSpec that says what the generator yields")
    kinds = map_leaves(dtypes.as_dtype, types)
    if shapes is None:
        return map_leaves(lambda kind: TensorSpec(None, kind), kinds)
    return nest.map_structure_up_to(kinds, lambda kind, shape: TensorSpec(shape, kind), shapes)
