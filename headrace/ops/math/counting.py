"""Histograms: how often each value occurs."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INDEX, DType, float32, float64, int32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Floats, op
from headrace.dispatch.unsized import one_dimension

WEIGHTS = (*INDEX, float32, float64)


def _size_of(size: Any) -> int:
    if np.asarray(size).size != 1 or int(size) < 0:
        raise InvalidArgumentError(f"size must be one number that is not negative; got {np.asarray(size).tolist()}")
    return int(np.asarray(size).reshape(()))


def _count(values: Any, weights: Any, size: int, dtype: Any) -> Any:
    values = values.ravel()
    amounts = weights.ravel() if weights.size else jnp.ones(values.shape, dtype)
    return jnp.zeros(size, dtype).at[jnp.where(values < 0, size, values)].add(amounts, mode="drop")


def _bincount_shape(arr: tuple[int, ...], size: Any, weights: tuple[int, ...]) -> tuple[int, ...]:
    return (_size_of(size),)


@op("Bincount", "arr: int32, size: int32, weights: T -> bins: T", T=WEIGHTS, static=("size",),
    unsized=one_dimension, shape=_bincount_shape, differentiable=False)  # fmt: skip
def bincount_op(arr: Any, size: Any, weights: Any) -> Any:
    """How often each of 0..size - 1 occurs, or the sum of its weights; other values are left out."""
    return _count(arr, weights, _size_of(size), weights.dtype)


def _dense_bincount_shape(input: tuple[int, ...], size: Any, weights: tuple[int, ...], **_: Any) -> tuple[int, ...]:
    return (*input[:-1], _size_of(size)) if len(input) == 2 else (_size_of(size),)


@op("DenseBincount", "input: Tidx, size: Tidx, weights: T -> output: T", Tidx=INDEX, T=WEIGHTS, static=("size",),
    unsized=lambda input, *_, **__: (*input.shape[:-1], None), shape=_dense_bincount_shape, differentiable=False)  # fmt: skip
def dense_bincount_op(input: Any, size: Any, weights: Any, *, binary_output: bool = False) -> Any:
    """How often each of 0..size - 1 occurs (in each row, for a matrix), or the sum of its weights, or whether it occurs."""
    if input.ndim > 2:
        raise InvalidArgumentError(f"bincount takes a scalar, vector or matrix; got shape {input.shape}")
    count = _size_of(size)
    if input.ndim == 2:
        offsets = jnp.arange(input.shape[0], dtype=input.dtype)[:, None] * count
        inside = (input >= 0) & (input < count)
        flat = jnp.where(inside, input + offsets, -1)
        result = _count(flat, jnp.zeros(0, weights.dtype) if binary_output else weights, input.shape[0] * count, weights.dtype)
        result = result.reshape(input.shape[0], count)
    else:
        result = _count(input, jnp.zeros(0, weights.dtype) if binary_output else weights, count, weights.dtype)
    return (result > 0).astype(weights.dtype) if binary_output else result


def _histogram_shape(values: tuple[int, ...], value_range: tuple[int, ...], nbins: Any, **_: Any) -> tuple[int, ...]:
    return (_size_of(nbins),)


@op("HistogramFixedWidth", "values: T, value_range: T, nbins: int32 -> out: dtype", T=WEIGHTS, dtype=INDEX, static=("nbins",),
    unsized=one_dimension, shape=_histogram_shape, differentiable=False)  # fmt: skip
def histogram_fixed_width_op(values: Any, value_range: Any, nbins: Any, *, dtype: DType = int32) -> Any:
    """How many values fall into each of nbins equal parts of a range; those outside count for the outermost parts."""
    count = _size_of(nbins)
    low, high = (value_range[i].astype(jnp.float64) for i in (0, 1))
    position = jnp.floor((values.ravel().astype(jnp.float64) - low) / (high - low) * count)
    bins = jnp.clip(position, 0, count - 1).astype(jnp.int32)
    return jnp.zeros(count, dtype.np_dtype).at[bins].add(1)


@op("Bucketize", "input: T -> output: int32", T=WEIGHTS, differentiable=False)
def bucketize(input: Any, *, boundaries: Floats) -> Any:
    """The number of boundaries (sorted) that are not above each element."""
    edges = jnp.asarray(np.asarray(boundaries, np.float32))
    return jnp.searchsorted(edges, input.astype(jnp.promote_types(input.dtype, jnp.float32)), side="right").astype(jnp.int32)
