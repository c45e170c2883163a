"""Sorting, the largest elements, and search in sorted rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from headrace.core.dtypes import INDEX, REAL, DType, bfloat16, float16, float32, int16, int32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.portable import Dims, resolve_axis, scalar, shape_vector


def _largest(input: Any, k: int, index_type: DType) -> Any:
    if not input.ndim or not 0 <= k <= input.shape[-1]:
        raise InvalidArgumentError(f"k is {k} for an input of shape {input.shape}; expected 0 to the size of the last dimension")
    values, indices = jax.lax.top_k(jnp.asarray(input), k)
    return values, indices.astype(index_type.np_dtype)


def _top_k_shapes(input: Dims, k: Any, **_: Any) -> list[Dims]:
    size = scalar(k)
    if not input or size < 0 or size > input[-1]:
        raise InvalidArgumentError(f"k is {size} for an input of shape {input}; expected 0 to the size of the last dimension")
    return [(*input[:-1], size)] * 2


@op(
    "TopKV2",
    "input: T, k: Tk -> values: T, indices: index_type",
    T=REAL,
    Tk=(int16, *INDEX),
    unsized=lambda x, *_, **__: [(*x.shape[:-1], None)] * 2,
    static=("k",),
    shape=_top_k_shapes,
)
def top_k_v2(input: Any, k: Any, *, sorted: bool = True, index_type: DType = int32) -> Any:
    """The k largest elements of each row and where they are; of equal ones the first comes first."""
    return _largest(input, scalar(k), index_type)


@op("TopK", "input: T -> values: T, indices: int32", T=REAL)
def top_k_v1(input: Any, *, k: int, sorted: bool = True) -> Any:
    """The k largest elements of each row and where they are; of equal ones the first comes first."""
    return _largest(input, k, int32)


@top_k_v2.gradient
def _top_k_gradient(record: Any, grad: Any, _: Any) -> Any:
    return _placed(record, grad), None


@top_k_v1.gradient
def _top_k_v1_gradient(record: Any, grad: Any, _: Any) -> Any:
    return _placed(record, grad)


def _placed(record: Any, grad: Any) -> Any:
    """The gradient at the places that the elements came from, as the gradient of the gather that picks them."""
    source, indices = record.inputs[0], record.outputs[1]
    last = len(source.shape) - 1
    if grad is None:
        return None
    return get("_VJPGatherV2")(source, indices, last, grad, batch_dims=last)


@op("ApproxTopK", "input: T -> values: T, indices: int32", T=(float16, bfloat16, float32))
def approx_top_k_op(
    input: Any,
    *,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    is_max_k: bool = True,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
) -> Any:
    """The k greatest or least elements along a dimension, most of them at least; exact on a CPU."""
    find = jax.lax.approx_max_k if is_max_k else jax.lax.approx_min_k
    found = find(
        input,
        k,
        reduction_dimension=reduction_dimension,
        recall_target=recall_target,
        reduction_input_size_override=reduction_input_size_override,
        aggregate_to_topk=aggregate_to_topk,
    )
    return tuple(found)


class ApproxTopK(NamedTuple):
    """Elements and their places."""

    values: Tensor
    indices: Tensor


def approx_max_k(
    operand: Any,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
    name: str | None = None,
) -> ApproxTopK:
    """The k greatest elements along a dimension, sorted, of which on accelerators a few may be missed.

    Args:
        operand: floating numbers.
        k: how many.
        reduction_dimension: along which.
        recall_target: the share of the greatest that must be among those found.
        reduction_input_size_override: the size by which the recall is reckoned; -1 for the present one.
        aggregate_to_topk: False leaves more than k candidates.
        name: a name for the node in a graph.
    """
    found = approx_top_k_op.all(
        operand, k=k, reduction_dimension=reduction_dimension, recall_target=recall_target, is_max_k=True,
        reduction_input_size_override=reduction_input_size_override, aggregate_to_topk=aggregate_to_topk, name=name,
    )  # fmt: skip
    return ApproxTopK(*found)


def approx_min_k(
    operand: Any,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
    name: str | None = None,
) -> ApproxTopK:
    """The k least elements along a dimension; see `approx_max_k`."""
    found = approx_top_k_op.all(
        operand, k=k, reduction_dimension=reduction_dimension, recall_target=recall_target, is_max_k=False,
        reduction_input_size_override=reduction_input_size_override, aggregate_to_topk=aggregate_to_topk, name=name,
    )  # fmt: skip
    return ApproxTopK(*found)


class TopK(NamedTuple):
    """The largest elements and their positions."""

    values: Tensor
    indices: Tensor


def top_k(input: Any, k: Any = 1, sorted: bool = True, index_type: Any = int32, name: str | None = None) -> TopK:
    """The k largest elements of each row, in descending order, and their positions there."""
    return TopK(*top_k_v2.all(input, k, sorted=sorted, index_type=index_type, name=name))


@op("NthElement", "input: T, n: int32 -> values: T", T=REAL)
def nth_element(input: Any, n: Any, *, reverse: bool = False) -> Any:
    """The n-th smallest (largest, when reversed) element of each row, counted from 0."""
    ordered = jnp.sort(jnp.asarray(input), axis=-1, descending=reverse)
    return jax.lax.dynamic_index_in_dim(ordered, n, axis=ordered.ndim - 1, keepdims=False)


@nth_element.gradient
def _nth_element_gradient(record: Any, grad: Any) -> Any:
    """Elements that equal the n-th share its gradient equally."""
    input, _ = record.inputs
    last = get("ExpandDims")
    marks = get("Cast")(get("Equal")(last(record.outputs[0], -1), input), DstT=grad.dtype)
    return marks * last(grad, -1) / get("Sum")(marks, [-1], keep_dims=True), None


def _search(sorted_inputs: Any, values: Any, side: str, out_type: DType) -> Any:
    if sorted_inputs.ndim != 2 or values.ndim != 2 or sorted_inputs.shape[0] != values.shape[0]:
        raise InvalidArgumentError(f"expected matrices with equally many rows; got shapes {sorted_inputs.shape} and {values.shape}")
    found = jax.vmap(lambda row, wanted: jnp.searchsorted(row, wanted, side=side))(jnp.asarray(sorted_inputs), jnp.asarray(values))
    return found.astype(out_type.np_dtype)


def _like_values(sorted_inputs: Dims, values: Dims, **_: Any) -> Dims:
    return values


@op("LowerBound", "sorted_inputs: T, values: T -> output: out_type", differentiable=False, shape=_like_values)
def lower_bound(sorted_inputs: Any, values: Any, *, out_type: DType = int32) -> Any:
    """For each value the first place in its sorted row where it could be inserted."""
    return _search(sorted_inputs, values, "left", out_type)


@op("UpperBound", "sorted_inputs: T, values: T -> output: out_type", differentiable=False, shape=_like_values)
def upper_bound(sorted_inputs: Any, values: Any, *, out_type: DType = int32) -> Any:
    """For each value the last place in its sorted row where it could be inserted."""
    return _search(sorted_inputs, values, "right", out_type)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = int32, name: str | None = None) -> Tensor:
    """Where each value would be inserted into its sorted row.

    Args:
        sorted_sequence: ascending rows [..., n].
        values: [..., m], with the same leading dimensions.
        side: `"left"` for the first possible place, `"right"` for the last.
        out_type: int32 or int64.
        name: a name for the node in a graph.

    Raises:
        ValueError: `side` is neither.
    """
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left' or 'right'; got {side!r}")
    row = convert_to_tensor(sorted_sequence)
    wanted = convert_to_tensor(values, row.dtype if not isinstance(values, Tensor) else None)
    reshape, shape = get("Reshape"), shape_vector(row)
    flat, flat_wanted = reshape(row, [-1, shape[-1]]), reshape(wanted, [-1, shape_vector(wanted)[-1]])
    definition = lower_bound if side == "left" else upper_bound
    return reshape(definition(flat, flat_wanted, out_type=out_type), shape_vector(wanted), name=name)


def _flipped(values: Tensor) -> Tensor:
    """Values in the opposite order: negated, for integers in a way that cannot overflow."""
    if values.dtype.is_unsigned:
        return get("Sub")(convert_to_tensor(values.dtype.max, values.dtype), values)
    return get("Sub")(convert_to_tensor(-1, values.dtype), values) if values.dtype.is_integer else get("Neg")(values)


def _ordered(values: Any, axis: int, direction: str, position: int) -> Tensor:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"direction must be 'ASCENDING' or 'DESCENDING'; got {direction!r}")
    tensor = convert_to_tensor(values)
    rank = len(tensor.shape)
    along = resolve_axis(axis, rank)
    swap = list(range(rank))
    swap[along], swap[-1] = rank - 1, along
    moved = tensor if along == rank - 1 else get("Transpose")(tensor, swap)
    flipped = _flipped(moved) if direction == "ASCENDING" else moved
    found = top_k_v2.all(flipped, shape_vector(flipped)[-1])[position]
    if direction == "ASCENDING" and position == 0:
        found = _flipped(found)
    return found if along == rank - 1 else get("Transpose")(found, swap)


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Tensor:
    """The elements sorted along an axis.

    Args:
        values: real numbers.
        axis: an int.
        direction: ASCENDING or DESCENDING.
        name: accepted for TensorFlow's signature.
    """
    return _ordered(values, axis, direction, 0)


def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None) -> Tensor:
    """The positions, int32, of the elements in sorted order along an axis; the order of equal elements is kept.

    Args:
        values: real numbers.
        axis: an int.
        direction: ASCENDING or DESCENDING.
        stable: accepted for TensorFlow's signature; the sort always is.
        name: accepted for TensorFlow's signature.
    """
    return _ordered(values, axis, direction, 1)
