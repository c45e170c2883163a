"""Running sums, products and log-sum-exps along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING, INDEX, NUMERIC
from headrace.dispatch.opdef import op
from headrace.dispatch.unsized import same_shape
from headrace.ops.math.reduction import axes_of

SPEC = "x: T, axis: Tidx -> out: T"


def _scan(function: Callable[..., Any], start: Any, x: Any, axis: Any, exclusive: bool, reverse: bool) -> Any:
    """`function` along the axis; `start` is what an exclusive scan begins with."""
    (position,) = axes_of(x.ndim, axis)
    if reverse:
        x = jnp.flip(x, position)
    if exclusive and x.shape[position]:
        first = jnp.full((*x.shape[:position], 1, *x.shape[position + 1 :]), start, x.dtype)
        scanned = function(jax.lax.slice_in_dim(x, 0, x.shape[position] - 1, axis=position), position)
        scanned = jnp.concatenate([first, scanned], position)
    else:
        scanned = function(x, position)
    return jnp.flip(scanned, position) if reverse else scanned


def _same_shape(x: tuple[int, ...], axis: Any, **_: Any) -> tuple[int, ...]:
    axes_of(len(x), axis)
    return x


def _host_cumsum(x: Any, axis: Any, exclusive: bool, reverse: bool) -> Any:
    (position,) = axes_of(x.ndim, axis)
    flipped = np.flip(x, position) if reverse else x
    total = np.cumsum(flipped, position, dtype=x.dtype)
    if exclusive:
        total = total - flipped
    return np.flip(total, position) if reverse else total


@op("Cumsum", SPEC, T=NUMERIC, Tidx=INDEX, unsized=same_shape, static=("axis",), host=_host_cumsum, shape=_same_shape)
def cumsum_op(x: Any, axis: Any, *, exclusive: bool = False, reverse: bool = False) -> Any:
    """Running sums."""
    return _scan(lambda v, p: jnp.cumsum(v, p, dtype=v.dtype), 0, x, axis, exclusive, reverse)


@cumsum_op.gradient
def _cumsum_gradient(record: Any, grad: Any) -> Any:
    reverse = not record.attrs["reverse"]
    return cumsum_op(grad, record.inputs[1], exclusive=record.attrs["exclusive"], reverse=reverse), None


@op("Cumprod", SPEC, T=NUMERIC, Tidx=INDEX, unsized=same_shape, static=("axis",), shape=_same_shape)
def cumprod_op(x: Any, axis: Any, *, exclusive: bool = False, reverse: bool = False) -> Any:
    """Running products."""
    return _scan(lambda v, p: jnp.cumprod(v, p, dtype=v.dtype), 1, x, axis, exclusive, reverse)


@op("CumulativeLogsumexp", SPEC, T=FLOATING, Tidx=INDEX, unsized=same_shape, static=("axis",), shape=_same_shape)
def cumulative_logsumexp_op(x: Any, axis: Any, *, exclusive: bool = False, reverse: bool = False) -> Any:
    """Running logarithms of sums of exponentials; an exclusive one begins with minus infinity."""
    return _scan(jax.lax.cumlogsumexp, -jnp.inf, x, axis, exclusive, reverse)
