"""tf.ragged: making ragged tensors and working on their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor, to_numpy
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.sorting import argsort
from headrace.ops.ragged import kernels
from headrace.ragged import joining, partitions, subscripts
from headrace.ragged.elements import check_partitions
from headrace.ragged.tensor import RaggedTensor


def constant(
    pylist: Any,
    dtype: Any = None,
    ragged_rank: int | None = None,
    inner_shape: Any = None,
    name: str | None = None,
    row_splits_dtype: Any = dtypes.int64,
) -> Any:
    """A ragged tensor of nested lists.

    Args:
        pylist: nested lists (or numpy arrays) with scalars at one depth.
        dtype: the element type; inferred when None.
        ragged_rank: how many dimensions are ragged; all but the first when None.
        inner_shape: the shape of the innermost values, when not ragged.
        row_splits_dtype: int32 or int64.

    Raises:
        ValueError: scalars stand at different depths, or the arguments contradict the lists.
    """
    depth, most_empty = _scalar_depth(pylist), _list_depth(pylist)
    rank = depth if depth is not None else max(most_empty, (ragged_rank or 0) + 1 + len(inner_shape or ()))
    if rank == 0:
        return convert_to_tensor(pylist, dtype)
    if ragged_rank is None:
        ragged_rank = max(rank - 1 - len(inner_shape or ()), 0)
    if not 0 <= ragged_rank < rank:
        raise ValueError(f"ragged_rank must be less than the depth of the lists, {rank}; got {ragged_rank}")
    nested: list[Any] = []
    for _ in range(ragged_rank):
        nested.append(np.cumsum([0, *map(len, pylist)]).astype(dtypes.as_dtype(row_splits_dtype).np_dtype))
        pylist = [item for row in pylist for item in row]
    if inner_shape is not None and not pylist:
        values = np.zeros((0, *inner_shape), dtypes.as_dtype(dtype or dtypes.float32).np_dtype)
    else:
        values, _ = to_numpy(pylist, None if dtype is None else dtypes.as_dtype(dtype))
    if inner_shape is not None and values.shape[1:] != tuple(inner_shape):
        raise ValueError(f"inner_shape is {tuple(inner_shape)} but the innermost values have the shape {values.shape[1:]}")
    return RaggedTensor.from_nested_row_splits(convert_to_tensor(values, dtype), nested)


def _scalar_depth(value: Any) -> int | None:
    """The depth at which scalars stand, None where there are none."""
    if not isinstance(value, list | tuple):
        return value.ndim if isinstance(value, np.ndarray) else 0
    depths = {d + 1 for d in map(_scalar_depth, value) if d is not None}
    if len(depths) > 1:
        raise ValueError(f"all scalars of a ragged constant must stand at one depth; got the depths {sorted(depths)}")
    return depths.pop() if depths else None


def _list_depth(value: Any) -> int:
    return 1 + max(map(_list_depth, value), default=0) if isinstance(value, list | tuple) else 0


def range_(
    starts: Any,
    limits: Any = None,
    deltas: Any = 1,
    dtype: Any = None,
    name: str | None = None,
    row_splits_dtype: Any = dtypes.int64,
) -> RaggedTensor:
    """Rows `start, start + delta, ...` up to but not with `limit`; with one argument from 0 on."""
    if limits is None:
        starts, limits = 0, starts
    tensors = [x for x in (starts, limits, deltas) if hasattr(x, "dtype")]
    wanted = dtypes.as_dtype(dtype) if dtype is not None else convert_to_tensor(tensors[0]).dtype if tensors else None
    if wanted is None:
        found = [convert_to_tensor(x).dtype for x in (starts, limits, deltas)]
        wanted = next((d for d in found if d.is_floating), dtypes.int32)
    parts = [get("Cast")(x, DstT=wanted) for x in (starts, limits, deltas)]
    splits, values = kernels.ragged_range.all(*parts, Tsplits=dtypes.as_dtype(row_splits_dtype), name=name)
    return RaggedTensor(values, splits)


def stack(values: Any, axis: int = 0, name: str | None = None) -> Any:
    """Tensors (ragged or of different sizes) of one rank as one ragged tensor, with a new dimension at `axis`."""
    return joining.stack([_tensor(v) for v in values], int(axis))


def _tensor(value: Any) -> Any:
    return value if isinstance(value, RaggedTensor) else convert_to_tensor(value)


def map_flat_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `op` makes of the innermost values; ragged tensors among its arguments must have the same rows."""
    ragged = [a for a in (*args, *kwargs.values()) if isinstance(a, RaggedTensor)]
    if not ragged:
        return op(*args, **kwargs)
    for other in ragged[1:]:
        check_partitions(ragged[0], other)
    plain = [a.flat_values if isinstance(a, RaggedTensor) else a for a in args]
    named = {k: a.flat_values if isinstance(a, RaggedTensor) else a for k, a in kwargs.items()}
    result = convert_to_tensor(op(*plain, **named))
    if not result.shape[:1].is_compatible_with(ragged[0].flat_values.shape[:1]):
        raise ValueError(f"map_flat_values needs as many results as values, {ragged[0].flat_values.shape}; got {result.shape}")
    return ragged[0].with_flat_values(result)


def boolean_mask(data: Any, mask: Any, name: str | None = None) -> Any:
    """The elements of `data` for which `mask` holds; every dimension of the mask but the first becomes ragged."""
    data, mask = _tensor(data), mask if isinstance(mask, RaggedTensor) else convert_to_tensor(mask)
    if mask.dtype is not dtypes.bool_:
        raise ValueError(f"the mask must be boolean; got {mask.dtype.name}")
    if len(mask.shape) == 1:
        return subscripts.rows(RaggedTensor, data, get("Reshape")(get("Where")(mask), [-1]))
    if not isinstance(mask, RaggedTensor):
        mask = RaggedTensor.from_tensor(mask)
    if not isinstance(data, RaggedTensor):
        data = RaggedTensor.from_tensor(data)
    check_partitions_outer(data, mask)
    kept = boolean_mask(data.values, mask.values)
    counts = get("Cast")(mask.values, DstT=data.row_splits.dtype) if not isinstance(mask.values, RaggedTensor) else None
    if counts is None:
        return RaggedTensor(kept, data.row_splits)
    total = get("ConcatV2")([np.zeros(1, counts.dtype.np_dtype), get("Cumsum")(counts, 0)], 0)
    return RaggedTensor(kept, get("GatherV2")(total, data.row_splits, 0))


def check_partitions_outer(data: RaggedTensor, mask: RaggedTensor) -> None:
    """Raises InvalidArgumentError where the outermost rows of data and mask are known to differ."""
    check_partitions(RaggedTensor(data.flat_values, data.row_splits), RaggedTensor(mask.flat_values, mask.row_splits))


def row_splits_to_segment_ids(splits: Any, name: str | None = None, out_type: Any = None) -> Tensor:
    """The row of each value, of where rows begin and end."""
    ids = partitions.rowids_of(convert_to_tensor(splits, None if hasattr(splits, "dtype") else dtypes.int64))
    return ids if out_type is None else get("Cast")(ids, DstT=dtypes.as_dtype(out_type))


def segment_ids_to_row_splits(segment_ids: Any, num_segments: Any = None, out_type: Any = None, name: str | None = None) -> Tensor:
    """Where rows begin and end, of the sorted row of each value."""
    ids = convert_to_tensor(segment_ids, None if hasattr(segment_ids, "dtype") else dtypes.int64)
    splits = partitions.splits_of_rowids(get("Cast")(ids, DstT=dtypes.int64), num_segments)
    return splits if out_type is None else get("Cast")(splits, DstT=dtypes.as_dtype(out_type))


def stack_dynamic_partitions(data: Any, partitions: Any, num_partitions: Any, name: str | None = None) -> RaggedTensor:
    """The slices of `data` gathered into rows: row i holds those whose number in `partitions` is i, in order.

    Args:
        data: a dense or ragged tensor, whose shape begins with that of `partitions`.
        partitions: int32 or int64 numbers from 0 to `num_partitions` - 1, of known rank.
        num_partitions: how many rows there are.
        name: without effect.

    Raises:
        ValueError: the rank of `partitions` is not known.
        InvalidArgumentError: a number is out of range, as far as it is known.
    """
    numbers = convert_to_tensor(partitions)
    rank = numbers.shape.rank
    if rank is None:
        raise ValueError("partitions must have a known rank")
    values = _tensor(data)
    if rank == 0:
        values, numbers = get("ExpandDims")(convert_to_tensor(values), 0), get("Reshape")(numbers, [1])
    elif rank > 1:
        rest = get("Shape")(values)[rank:]
        values = get("Reshape")(convert_to_tensor(values), get("ConcatV2")([[-1], rest], 0))
        numbers = get("Reshape")(numbers, [-1])
    order = argsort(numbers, stable=True)
    rows = get("Cast")(get("GatherV2")(numbers, order, 0), DstT=dtypes.int64)
    ordered = subscripts.rows(RaggedTensor, values, order)
    return RaggedTensor.from_value_rowids(ordered, rows, get("Cast")(num_partitions, DstT=dtypes.int64))
