"""tf.gather where the tensor or the indices are ragged."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.errors import UnimplementedError
from headrace.dispatch.opdef import get
from headrace.ragged import subscripts
from headrace.ragged.joining import rank_of
from headrace.ragged.tensor import RaggedTensor


def gather(params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    """The slices of `params` along `axis` at `indices`; either may be ragged.

    Raises:
        UnimplementedError: a ragged tensor along an axis, or several batch dimensions.
    """
    if axis < 0 and not isinstance(params, RaggedTensor):
        axis += rank_of(params)
    if batch_dims == 0 and axis == 0:
        return _rows(params, indices)
    if batch_dims == 0 and axis > 0 and not isinstance(params, RaggedTensor):
        return _along(params, indices, axis)
    if batch_dims == 1 and axis == 1 and isinstance(params, RaggedTensor):
        return _in_rows(params, indices)
    raise UnimplementedError(
        f"tf.gather with a ragged tensor is there for axis=0, for dense tensors along any axis, and in the rows of a ragged one"
        f" (batch_dims=1); axis={axis} with batch_dims={batch_dims} was asked for: use tf.map_fn or a dense tensor"
    )


def _rows(params: Any, indices: Any) -> Any:
    if isinstance(indices, RaggedTensor):
        return indices.with_values(_rows(params, indices.values))
    if not isinstance(params, RaggedTensor):
        return get("GatherV2")(params, indices, 0)
    rank = rank_of(indices)
    if rank == 0:
        return params[indices]
    if rank == 1:
        return subscripts.rows(RaggedTensor, params, indices)
    return _rows(params, RaggedTensor.from_tensor(indices, ragged_rank=rank - 1))


def _along(params: Any, indices: RaggedTensor, axis: int) -> Any:
    """A dense tensor at ragged indices along `axis`: the dimensions before it become uniform rows around those of the indices."""
    found = get("GatherV2")(params, indices.flat_values, axis)
    whole = get("Shape")(found, out_type=dtypes.int64)
    outer = get("Prod")(whole[:axis], [0])
    values: Any = get("Reshape")(found, get("ConcatV2")([[-1], whole[axis + 1 :]], 0))
    for lengths in reversed(indices.nested_row_lengths()):
        values = RaggedTensor.from_row_lengths(values, get("Tile")(lengths, get("Reshape")(outer, [1])), validate=False)
    rows: Any = indices.nrows() if indices.shape[0] is None else indices.shape[0]
    values = RaggedTensor.from_uniform_row_length(values, int(rows))
    for dimension in range(axis - 1, 0, -1):
        values = RaggedTensor.from_uniform_row_length(values, params.shape[dimension])
    return values


def _in_rows(params: RaggedTensor, indices: Any) -> Any:
    """For each row of a ragged tensor its own indices."""
    starts = params.row_starts()
    if isinstance(indices, RaggedTensor):
        first = get("GatherV2")(starts, indices.value_rowids(), 0)
        places = get("AddV2")(first, get("Cast")(indices.values, DstT=first.dtype))
        return indices.with_values(_rows(params.values, places))
    places = get("AddV2")(get("ExpandDims")(starts, 1), get("Cast")(indices, DstT=starts.dtype))
    return _rows(params.values, places)
