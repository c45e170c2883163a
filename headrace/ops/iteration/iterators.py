"""Iterators as resources: the ops by which a graph takes the next element, and those by which it makes datasets.

What an iterator runs is made in the room `data`; these ops know it by the methods of `Source` alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError, OutOfRangeError
from headrace.core.shapes import SCALAR
from headrace.dispatch.lists import ElementList, OptionalValue
from headrace.dispatch.opdef import DTypes, Shapes, op
from headrace.dispatch.resource import Resource

_numbers = itertools.count()


class Source(Protocol):
    """What gives the elements of an iterator."""

    def take(self) -> tuple[Any, ...] | None:
        """The components of the next element; None at the end."""

    def has_next(self) -> bool:
        """Whether there is a next element; it is kept until it is taken."""


class IteratorResource(Resource):
    """An iterator behind a handle.

    Attributes:
        source: what gives the elements.
        owner: the object that ends its threads when it goes.
    """

    __slots__ = ("owner", "source")

    def __init__(self, source: Source, owner: Any = None) -> None:
        super().__init__(f"iterator_{next(_numbers)}", dtypes.variant, SCALAR)
        self.source = source
        self.owner = owner


class DatasetValue(ElementList):
    """A dataset as the value of a variant tensor.

    Attributes:
        stage: the pipeline.
        iterate: makes an iterator's handle.
    """

    __slots__ = ("iterate", "stage")

    def __init__(self, stage: Any, iterate: Callable[[], IteratorResource]) -> None:
        self.stage = stage
        self.iterate = iterate


class Recipe(str):
    """The name of a dataset that depends on symbolic tensors, in a graph; it keeps what makes the dataset of their values."""

    make: Callable[[Sequence[Any]], DatasetValue]
    stage: Any
    """The pipeline, with symbolic tensors in it."""

    @classmethod
    def of(cls, make: Callable[[Sequence[Any]], DatasetValue], stage: Any) -> Recipe:
        """A fresh one."""
        recipe = cls(f"dataset_{next(_numbers)}")
        recipe.make = make
        recipe.stage = stage
        return recipe


def iterator_of(handle: Any) -> IteratorResource:
    """The iterator behind a handle.

    Raises:
        InvalidArgumentError: there is none.
    """
    found = handle.item() if isinstance(handle, np.ndarray) else handle
    if not isinstance(found, IteratorResource):
        raise InvalidArgumentError(f"expected the handle of an iterator, got {found!r}")
    return found


def _output_shapes(_: Any, *, output_shapes: Shapes, **__: Any) -> list[tuple[int | None, ...] | None]:
    return [None if shape.rank is None else tuple(shape) for shape in output_shapes]


def _scalar(*_: Any, **__: Any) -> tuple[int, ...]:
    return ()


@op(
    "IteratorGetNext",
    "iterator: resource -> components: output_types[]",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=_output_shapes,
)
def iterator_get_next(iterator: Any, *, output_types: DTypes, output_shapes: Shapes) -> Any:
    """The components of the next element.

    Raises:
        OutOfRangeError: there are no more elements.
    """
    element = iterator_of(iterator).source.take()
    if element is None:
        raise OutOfRangeError("End of sequence", op="IteratorGetNext")
    return element


@op(
    "IteratorGetNextAsOptional",
    "iterator: resource -> optional: variant",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=_scalar,
)
def iterator_get_next_as_optional(iterator: Any, *, output_types: DTypes, output_shapes: Shapes) -> Any:
    """The next element as an optional, which holds nothing at the end."""
    element = iterator_of(iterator).source.take()
    return OptionalValue((), False) if element is None else OptionalValue(element)


@op(
    "_IteratorHasNext",
    "iterator: resource -> has_next: bool",
    host_only=True,
    stateful=True,
    differentiable=False,
    exportable=False,
    shape=_scalar,
)
def iterator_has_next(iterator: Any) -> Any:
    """Whether there is a next element, which stays."""
    return np.bool_(iterator_of(iterator).source.has_next())


@op(
    "_DatasetIterator",
    "dataset: variant -> iterator: resource",
    host_only=True,
    stateful=True,
    differentiable=False,
    exportable=False,
    shape=_scalar,
)
def dataset_iterator(dataset: Any) -> Any:
    """A new iterator over a dataset."""
    return dataset.iterate()


@op(
    "_Dataset",
    "parts: Tin[] -> dataset: variant",
    host_only=True,
    differentiable=False,
    exportable=False,
    shape=_scalar,
)
def dataset(parts: tuple[Any, ...], *, recipe: str) -> Any:
    """A dataset made of tensors."""
    if not isinstance(recipe, Recipe):
        raise InvalidArgumentError(f"the dataset {recipe!r} is not part of this process; a saved graph cannot hold datasets")
    return recipe.make(parts)


@op(
    "DatasetCardinality",
    "input_dataset: variant -> cardinality: int64",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=_scalar,
)
def dataset_cardinality(input_dataset: Any, *, cardinality_options: str = "") -> Any:
    """The number of elements, -1 for a dataset without end, -2 where it is not known."""
    return np.int64(input_dataset.stage.cardinality())
