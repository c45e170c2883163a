"""Sets held in the rows of dense and sparse tensors, and how far sequences are from each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from headrace.core.dtypes import int8, int16, int32, int64, string, uint8, uint16
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.sparse.coordinates import check, check_order, flat, unflat

_MEMBERS = (int8, int16, int32, int64, uint8, uint16, string)
_OPERATIONS: dict[str, Callable[[set[Any], set[Any]], set[Any]]] = {
    "a-b": lambda a, b: a - b,
    "b-a": lambda a, b: b - a,
    "intersection": lambda a, b: a & b,
    "union": lambda a, b: a | b,
}
_Groups = tuple[tuple[int, ...], dict[int, list[Any]]]


def _grouped(indices: Any, values: Any, shape: Any, validate: bool) -> _Groups:
    """The dimensions but for the last, and the values of each group that has some, by its flat position."""
    dims = check(indices, values, shape)
    if len(dims) < 2:
        raise InvalidArgumentError(f"sets are held in the last dimension of at least two; got the shape {list(dims)}")
    if validate:
        check_order(indices)
    groups: dict[int, list[Any]] = {}
    for group, value in zip(flat(indices[:, :-1], dims[:-1]).tolist(), values.tolist(), strict=True):
        groups.setdefault(group, []).append(value)
    return dims[:-1], groups


def _rows(x: Any) -> _Groups:
    if x.ndim < 2:
        raise InvalidArgumentError(f"sets are held in the last dimension of at least two; got the shape {list(x.shape)}")
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1]).tolist()
    return x.shape[:-1], {place: row for place, row in enumerate(rows) if row}


def _combined(a: _Groups, b: _Groups, operation: str, dtype: Any) -> tuple[Any, Any, Any]:
    if operation.lower() not in _OPERATIONS:
        raise InvalidArgumentError(f"set_operation is one of {', '.join(_OPERATIONS)}; got {operation!r}")
    if a[0] != b[0]:
        raise InvalidArgumentError(f"sets are paired by equal leading dimensions; got {list(a[0])} and {list(b[0])}")
    combine = _OPERATIONS[operation.lower()]
    found: dict[int, list[Any]] = {}
    for group in sorted(a[1].keys() | b[1].keys()):
        members = combine(set(a[1].get(group, ())), set(b[1].get(group, ())))
        if members:
            found[group] = sorted(members)
    return _sparse(a[0], found, dtype)


def _sparse(dims: tuple[int, ...], groups: Mapping[int, list[Any]], dtype: Any) -> tuple[Any, Any, Any]:
    counts = [len(members) for members in groups.values()]
    leading = unflat(np.repeat(np.array(list(groups), np.int64), counts), dims)
    places = np.concatenate([np.arange(count, dtype=np.int64) for count in counts] or [np.zeros(0, np.int64)])
    values = np.array([member for members in groups.values() for member in members], dtype)
    return np.concatenate([leading, places[:, None]], 1), values, np.array([*dims, max(counts, default=0)], np.int64)


def _result_shapes(rank: int | None) -> list[Any]:
    return [(None, rank), (None,), (rank,)]


_RESULT = " -> result_indices: int64, result_values: T, result_shape: int64"


@op(
    "DenseToDenseSetOperation",
    f"set1: T, set2: T{_RESULT}",
    T=_MEMBERS,
    host_only=True,
    differentiable=False,
    shape=lambda set1, set2, **attrs: _result_shapes(len(set1) if set1 is not None else None),
)
def dense_to_dense_set_operation(set1: Any, set2: Any, *, set_operation: str, validate_indices: bool = True) -> Any:
    """Intersection, union or difference of the rows of two tensors, sorted, as a sparse tensor."""
    return _combined(_rows(set1), _rows(set2), set_operation, set1.dtype)


@op(
    "DenseToSparseSetOperation",
    f"set1: T, set2_indices: int64, set2_values: T, set2_shape: int64{_RESULT}",
    T=_MEMBERS,
    host_only=True,
    differentiable=False,
    shape=lambda set1, *others, **attrs: _result_shapes(len(set1) if set1 is not None else None),
)
def dense_to_sparse_set_operation(
    set1: Any, set2_indices: Any, set2_values: Any, set2_shape: Any, *, set_operation: str, validate_indices: bool = True
) -> Any:
    """The same where the second tensor is sparse."""
    other = _grouped(set2_indices, set2_values, set2_shape, validate_indices)
    return _combined(_rows(set1), other, set_operation, set1.dtype)


@op(
    "SparseToSparseSetOperation",
    "set1_indices: int64, set1_values: T, set1_shape: int64, set2_indices: int64, set2_values: T, set2_shape: int64" + _RESULT,
    T=_MEMBERS,
    host_only=True,
    differentiable=False,
    shape=lambda indices, *others, **attrs: _result_shapes(indices[1] if indices is not None else None),
)
def sparse_to_sparse_set_operation(
    set1_indices: Any,
    set1_values: Any,
    set1_shape: Any,
    set2_indices: Any,
    set2_values: Any,
    set2_shape: Any,
    *,
    set_operation: str,
    validate_indices: bool = True,
) -> Any:
    """The same where both tensors are sparse."""
    first = _grouped(set1_indices, set1_values, set1_shape, validate_indices)
    second = _grouped(set2_indices, set2_values, set2_shape, validate_indices)
    return _combined(first, second, set_operation, set1_values.dtype)


@op(
    "SetSize",
    "set_indices: int64, set_values: T, set_shape: int64 -> size: int32",
    T=_MEMBERS,
    host_only=True,
    differentiable=False,
    shape=lambda indices, *others, **attrs: (None,) * (indices[1] - 1) if indices is not None and indices[1] else None,
)
def set_size(set_indices: Any, set_values: Any, set_shape: Any, *, validate_indices: bool = True) -> Any:
    """How many distinct values each row of a sparse tensor holds."""
    dims, groups = _grouped(set_indices, set_values, set_shape, validate_indices)
    sizes = np.zeros(math.prod(dims), np.int32)
    for group, members in groups.items():
        sizes[group] = len(set(members))
    return sizes.reshape(dims)


def _distance(hypothesis: list[Any], truth: list[Any]) -> int:
    """Levenshtein's distance: how many insertions, removals and replacements turn one sequence into the other."""
    places = np.arange(len(truth) + 1)
    wanted = np.array(truth, object)
    row = places
    for number, item in enumerate(hypothesis, 1):
        kept = np.minimum(row[1:] + 1, row[:-1] + (wanted != item))
        # Insertions: the least of all places to the left, one more for each step away.
        row = np.minimum.accumulate(np.concatenate([[number], kept]) - places) + places
    return int(row[-1])


@op(
    "EditDistance",
    "hypothesis_indices: int64, hypothesis_values: T, hypothesis_shape: int64, truth_indices: int64, truth_values: T,"
    " truth_shape: int64 -> output: float32",
    host_only=True,
    differentiable=False,
    shape=lambda indices, *others, **attrs: (None,) * (indices[1] - 1) if indices is not None and indices[1] else None,
)
def edit_distance_op(
    hypothesis_indices: Any,
    hypothesis_values: Any,
    hypothesis_shape: Any,
    truth_indices: Any,
    truth_values: Any,
    truth_shape: Any,
    *,
    normalize: bool = True,
) -> Any:
    """Levenshtein's distance of the rows of two sparse tensors, by default as a share of the length of the truth."""
    dims, found = _grouped(hypothesis_indices, hypothesis_values, hypothesis_shape, False)
    truth_dims, wanted = _grouped(truth_indices, truth_values, truth_shape, False)
    if len(dims) != len(truth_dims):
        raise InvalidArgumentError(f"hypothesis and truth have one rank; got {len(dims) + 1} and {len(truth_dims) + 1}")
    both = tuple(max(pair) for pair in zip(dims, truth_dims, strict=True))
    result = np.zeros(both, np.float32)
    sequences = _by_place(found, dims), _by_place(wanted, truth_dims)
    for place in sequences[0].keys() | sequences[1].keys():
        hypothesis, truth = (rows.get(place, []) for rows in sequences)
        distance = float(_distance(hypothesis, truth))
        if normalize:
            distance = distance / len(truth) if truth else math.inf
        result[place] = distance
    return result


def _by_place(groups: Mapping[int, list[Any]], dims: tuple[int, ...]) -> dict[tuple[int, ...], list[Any]]:
    places = unflat(np.array(list(groups), np.int64), dims)
    return {tuple(place): members for place, members in zip(places.tolist(), groups.values(), strict=True)}
