"""Sparse and ragged elements stacked and taken apart, beside dense ones: per leaf of the structure, on components."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from headrace.core import dtypes, nest
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.core.spec import CompositeSpec, TensorSpec
from headrace.data.pipeline.elements import Element, NoneTensorSpec
from headrace.data.pipeline.stage import row, stack
from headrace.ragged.tensor import RaggedTensorSpec
from headrace.sparse.tensor import SparseTensorSpec


def stacked_spec(spec: Any, length: int | None) -> Any:
    """The spec of several values of one spec, stacked.

    Raises:
        TypeError: they cannot be stacked.
    """
    if isinstance(spec, NoneTensorSpec):
        return spec
    if isinstance(spec, RaggedTensorSpec):
        return RaggedTensorSpec(_grown(spec.shape, length), spec.dtype, spec.ragged_rank + 1, spec.row_splits_dtype)
    if isinstance(spec, SparseTensorSpec):
        return SparseTensorSpec(_grown(spec.shape, length), spec.dtype)
    if isinstance(spec, CompositeSpec):
        raise TypeError(f"cannot batch elements of {spec!r}; of windows make tensors first, as in flat_map(lambda w: w.batch(n))")
    return TensorSpec(_grown(spec.shape, length), spec.dtype)


def _grown(shape: TensorShape, length: int | None) -> TensorShape:
    return TensorShape([length]).concatenate(shape)


def row_spec(spec: Any) -> Any:
    """The spec of one row of a value of a spec.

    Raises:
        ValueError: it has no rows.
        TypeError: it cannot be taken apart.
    """
    if isinstance(spec, NoneTensorSpec):
        return spec
    if isinstance(spec, CompositeSpec) and not isinstance(spec, RaggedTensorSpec | SparseTensorSpec):
        raise TypeError(f"cannot take the rows of {spec!r}")
    if spec.shape.rank == 0:
        raise ValueError("cannot take the rows of a scalar; expected at least one dimension")
    shape = spec.shape[1:]
    if isinstance(spec, RaggedTensorSpec) and spec.ragged_rank:
        return RaggedTensorSpec(shape, spec.dtype, spec.ragged_rank - 1, spec.row_splits_dtype)
    return SparseTensorSpec(shape, spec.dtype) if isinstance(spec, SparseTensorSpec) else TensorSpec(shape, spec.dtype)


def is_dense(structure: Any) -> bool:
    """True for a structure without sparse, ragged and other composite leaves."""
    return all(isinstance(leaf, TensorSpec | NoneTensorSpec) for leaf in nest.flatten(structure))


def by_leaf(structure: Any) -> list[tuple[Any, slice]]:
    """The leaves of a structure, each with the place of its components in an element."""
    found = []
    start = 0
    for leaf in nest.flatten(structure):
        count = len(leaf.component_specs) if isinstance(leaf, CompositeSpec) else 1
        found.append((leaf, slice(start, start + count)))
        start += count
    return found


def stacked(structure: Any, elements: Sequence[Element]) -> Element:
    """Elements of a structure as one.

    Raises:
        InvalidArgumentError: their shapes differ.
    """
    parts: Element = ()
    for position, (leaf, place) in enumerate(by_leaf(structure)):
        column = [element[place] for element in elements]
        if isinstance(leaf, RaggedTensorSpec):
            parts += _stacked_ragged(leaf, column)
        elif isinstance(leaf, SparseTensorSpec):
            parts += _stacked_sparse(column)
        elif not isinstance(leaf, NoneTensorSpec):
            parts += (stack([components[0] for components in column], position),)
    return parts


def _stacked_ragged(spec: RaggedTensorSpec, column: Sequence[Element]) -> Element:
    kind = spec.row_splits_dtype.np_dtype
    values = np.concatenate([components[0] for components in column])
    lengths = [len(c[1]) - 1 if spec.ragged_rank else len(c[0]) for c in column]
    outer = np.concatenate([[0], np.cumsum(lengths)]).astype(kind)
    inner = [_joined_splits([components[1 + level] for components in column]) for level in range(spec.ragged_rank)]
    return (values, outer, *inner)


def _joined_splits(splits: Sequence[Any]) -> Any:
    joined = [splits[0]]
    for part in splits[1:]:
        joined.append(part[1:] + joined[-1][-1])
    return np.concatenate(joined)


def _stacked_sparse(column: Sequence[Element]) -> Element:
    ranks = {len(shape) for _, _, shape in column}
    if len(ranks) > 1:
        raise InvalidArgumentError(f"cannot batch sparse tensors of the ranks {sorted(ranks)}")
    numbered = [np.insert(indices, 0, number, axis=1) for number, (indices, _, _) in enumerate(column)]
    shape = np.max([shape for _, _, shape in column], axis=0)
    return np.concatenate(numbered), np.concatenate([values for _, values, _ in column]), np.insert(shape, 0, len(column))


def rows_of_leaves(structure: Any, element: Element) -> Iterator[Element]:
    """The rows of an element, as elements.

    Raises:
        InvalidArgumentError: its parts have different lengths.
    """
    columns = [_rows(leaf, element[place]) for leaf, place in by_leaf(structure) if not isinstance(leaf, NoneTensorSpec)]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise InvalidArgumentError(f"cannot take the rows of an element whose parts have the lengths {sorted(lengths)}")
    for parts in zip(*columns, strict=True):
        yield tuple(itertools.chain.from_iterable(parts))


def _rows(spec: Any, components: Element) -> list[Element]:
    if isinstance(spec, RaggedTensorSpec) and spec.ragged_rank:
        values, outer, *inner = components
        return [_ragged_row(values, inner, int(a), int(b)) for a, b in itertools.pairwise(outer)]
    if isinstance(spec, SparseTensorSpec):
        indices, values, shape = components
        first = indices[:, 0]
        return [(indices[first == i][:, 1:], values[first == i], shape[1:]) for i in range(int(shape[0]))]
    (array,) = components
    return [(row(array, i),) for i in range(len(array))]


def _ragged_row(values: Any, inner: Sequence[Any], start: int, stop: int) -> Element:
    splits = []
    for part in inner:
        cut = part[start : stop + 1]
        splits.append(cut - cut[0])
        start, stop = int(cut[0]), int(cut[-1])
    return (values[start:stop], *splits)


def ragged_spec_of(spec: TensorSpec, length: int | None, splits: dtypes.DType) -> Any:
    """The spec of a ragged batch of tensors of one spec: those of known shape are stacked."""
    if spec.shape.is_fully_defined():
        return stacked_spec(spec, length)
    if spec.shape.rank is None:
        raise ValueError(f"ragged_batch needs elements of known rank; got {spec!r}")
    rank = 1 + max(i for i, d in enumerate(spec.shape) if d is None)
    return RaggedTensorSpec(_grown(spec.shape, length), spec.dtype, rank, splits)


def ragged_parts(array: Any, ragged_rank: int) -> Element:
    """A dense array as the components of a ragged tensor of so many ragged dimensions."""
    splits = []
    count = 1
    for axis in range(ragged_rank):
        count *= array.shape[axis]
        splits.append(np.arange(count + 1, dtype=np.int64) * array.shape[axis + 1])
    return (array.reshape(-1, *array.shape[ragged_rank + 1 :]), *splits)
