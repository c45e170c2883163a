"""Pooling over windows of random sizes, by a ratio that need not be whole (Graham, 2014)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import float32, float64, int32, int64
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.dispatch.opdef import Floats, get, op
from headrace.dispatch.unsized import sized_by
from headrace.ops.random import philox

_KINDS = (float32, float64, int32, int64)
_SPEC = "value: T -> output: T, row_pooling_sequence: int64, col_pooling_sequence: int64"


def _output_sizes(shape: tuple[int, ...], ratio: Floats) -> list[int]:
    """Height and width of the result."""
    if len(shape) != 4 or len(ratio) != 4:
        raise InvalidArgumentError(f"fractional pooling takes 4 dimensions and as many ratios; got {list(shape)} and {list(ratio)}")
    if ratio[0] != 1 or ratio[3] != 1:
        raise UnimplementedError(f"fractional pooling leaves batch and channels as they are: ratio 1; got {list(ratio)}")
    for size, each in zip(shape[1:3], ratio[1:3], strict=True):
        if not 1 <= each <= size:
            raise InvalidArgumentError(f"a pooling ratio is at least 1 and at most the size, {size}; got {each}")
    return [int(np.float32(size) / np.float32(each)) for size, each in zip(shape[1:3], ratio[1:3], strict=True)]


def _shuffled(values: Any, words: Any) -> Any:
    """Fisher and Yates's shuffle."""

    def swap(place: Any, present: Any) -> Any:
        other = place + (words[place] % (len(values) - place).astype(words.dtype)).astype(place.dtype)
        return present.at[jnp.array([place, other])].set(present[jnp.array([other, place])])

    return jax.lax.fori_loop(0, len(values) - 1, swap, jnp.asarray(values))


def _sequence(size: int, count: int, key: Any, counter: Any, pseudo_random: bool) -> tuple[Any, int]:
    """The borders of `count` windows over `size` elements, int64 [count + 1], and how many blocks of random words that took."""
    if not pseudo_random:
        widths = np.full(count, size // count)
        widths[: size % count] += 1
        blocks = -(-count // 4)
        order = _shuffled(widths, philox.bits(key, counter, count, 32))
        return jnp.concatenate([jnp.zeros(1, order.dtype), jnp.cumsum(order)]).astype(jnp.int64), blocks
    alpha, least = size / count, size // count
    # So that no window at either end is wider than least + 1 or narrower than least.
    most = min((least + 2) / alpha - 1, (size + 1 - least) / alpha - (count - 1))
    start = philox.uniform(key, counter, 1, np.dtype(np.float64))[0] * most
    inner = jnp.ceil(alpha * (jnp.arange(1, count) + start)).astype(jnp.int64) - 1
    return jnp.concatenate([jnp.zeros(1, jnp.int64), inner, jnp.full(1, size, jnp.int64)]), 1


def _sequences(key: Any, shape: tuple[int, ...], ratio: Floats, pseudo: bool, deterministic: bool, seeds: tuple[int, int]) -> Any:
    if any(seeds) and not deterministic:
        raise InvalidArgumentError(f"seed and seed2 are 0 unless deterministic is True; got {seeds}")
    heights, widths = _output_sizes(shape, ratio)
    counter = jnp.zeros(2, jnp.uint64)
    if any(seeds):
        first, second = (np.array(s, np.int64).astype(np.uint64) for s in seeds)
        start, counter = jnp.array([first]), jnp.array([0, second])
    else:
        wide = key.astype(jnp.uint64)
        start = (wide[:1] << jnp.uint64(32)) | wide[1:]
    rows, used = _sequence(shape[1], heights, start, counter, pseudo)
    columns, _ = _sequence(shape[2], widths, start, counter.at[0].add(jnp.uint64(used)), pseudo)
    return rows, columns


class _Windows:
    """Windows along one axis: the element at each place, and the window that it counts for.

    Where windows overlap, each takes the first element of the next one, so that these elements have two places.
    """

    def __init__(self, borders: Any, size: int, overlapping: bool) -> None:
        self.count = borders.shape[0] - 1
        extra = jnp.arange(1, self.count + 1) if overlapping else 0
        places = jnp.arange(size + (self.count - 1 if overlapping else 0))
        self.of = jnp.searchsorted(borders[1:] + extra, places, side="right")
        self.elements = places - self.of if overlapping else places

    def reduce(self, how: Any, values: Any, axis: int) -> Any:
        """One value a window, of one value a place."""
        moved = how(jnp.moveaxis(values, axis, 0), self.of, self.count, indices_are_sorted=True)
        return jnp.moveaxis(moved, 0, axis)


def _both(shape: Any, rows: Any, columns: Any, overlapping: bool) -> tuple[_Windows, _Windows]:
    return _Windows(rows, shape[1], overlapping), _Windows(columns, shape[2], overlapping)


def _reduced(how: Any, values: Any, rows: _Windows, columns: _Windows) -> Any:
    return columns.reduce(how, rows.reduce(how, values, 1), 2)


def _placed(x: Any, rows: _Windows, columns: _Windows) -> Any:
    """The elements at all places of both axes."""
    return x[:, rows.elements][:, :, columns.elements]


def _average(x: Any, rows: Any, columns: Any, overlapping: bool) -> Any:
    down, across = _both(x.shape, rows, columns, overlapping)
    total = _reduced(jax.ops.segment_sum, _placed(x, down, across), down, across)
    ones = jnp.ones((1, down.of.shape[0], across.of.shape[0], 1), x.dtype)
    return jax.lax.div(total, jnp.broadcast_to(_reduced(jax.ops.segment_sum, ones, down, across), total.shape))


@op("FractionalMaxPool", _SPEC, T=_KINDS, random=True)
def fractional_max_pool_op(
    key: Any,
    value: Any,
    *,
    pooling_ratio: Floats,
    pseudo_random: bool = False,
    overlapping: bool = False,
    deterministic: bool = False,
    seed: int = 0,
    seed2: int = 0,
) -> Any:
    """The largest value of each window, and the borders of the windows along height and width."""
    rows, columns = _sequences(key, value.shape, pooling_ratio, pseudo_random, deterministic, (seed, seed2))
    down, across = _both(value.shape, rows, columns, overlapping)
    return _reduced(jax.ops.segment_max, _placed(value, down, across), down, across), rows, columns


@fractional_max_pool_op.gradient
def _fractional_max_pool_gradient(record: Any, grad: Any, *_: Any) -> Any:
    y, rows, columns = record.outputs
    return fractional_max_pool_grad(record.inputs[0], y, grad, rows, columns, overlapping=record.attrs["overlapping"])


_BORDERS = "row_pooling_sequence: int64, col_pooling_sequence: int64 -> output: T"


@op("FractionalMaxPoolGrad", f"orig_input: T, orig_output: T, out_backprop: T, {_BORDERS}", T=_KINDS)
def fractional_max_pool_grad(
    orig_input: Any,
    orig_output: Any,
    out_backprop: Any,
    row_pooling_sequence: Any,
    col_pooling_sequence: Any,
    *,
    overlapping: bool = False,
) -> Any:
    """Sends each window's gradient to its first largest value."""
    down, across = _both(orig_input.shape, row_pooling_sequence, col_pooling_sequence, overlapping)
    places = _placed(jnp.arange(orig_input.size).reshape(orig_input.shape), down, across)
    spread = orig_output[:, down.of][:, :, across.of]
    candidates = jnp.where(_placed(orig_input, down, across) == spread, places, orig_input.size)
    first = _reduced(jax.ops.segment_min, candidates, down, across)
    return jnp.zeros(orig_input.size, out_backprop.dtype).at[first].add(out_backprop, mode="drop").reshape(orig_input.shape)


@op("FractionalAvgPool", _SPEC, T=_KINDS, random=True)
def fractional_avg_pool_op(
    key: Any,
    value: Any,
    *,
    pooling_ratio: Floats,
    pseudo_random: bool = False,
    overlapping: bool = False,
    deterministic: bool = False,
    seed: int = 0,
    seed2: int = 0,
) -> Any:
    """The mean of each window, and the borders of the windows along height and width."""
    rows, columns = _sequences(key, value.shape, pooling_ratio, pseudo_random, deterministic, (seed, seed2))
    return _average(value, rows, columns, overlapping), rows, columns


@fractional_avg_pool_op.gradient
def _fractional_avg_pool_gradient(record: Any, grad: Any, *_: Any) -> Any:
    shape = get("Shape")(record.inputs[0], out_type=int64)
    return fractional_avg_pool_grad(shape, grad, *record.outputs[1:], overlapping=record.attrs["overlapping"])


@op(
    "FractionalAvgPoolGrad",
    f"orig_input_tensor_shape: int64, out_backprop: T, {_BORDERS}",
    T=_KINDS,
    unsized=sized_by(0),
    static=("orig_input_tensor_shape",),
)
def fractional_avg_pool_grad(
    orig_input_tensor_shape: Any,
    out_backprop: Any,
    row_pooling_sequence: Any,
    col_pooling_sequence: Any,
    *,
    overlapping: bool = False,
) -> Any:
    """Shares each window's gradient among its elements."""
    shape = tuple(int(size) for size in orig_input_tensor_shape)
    down, across = _both(shape, row_pooling_sequence, col_pooling_sequence, overlapping)
    ones = jnp.ones((1, down.of.shape[0], across.of.shape[0], 1), out_backprop.dtype)
    share = jax.lax.div(out_backprop, jnp.broadcast_to(_reduced(jax.ops.segment_sum, ones, down, across), out_backprop.shape))
    spread = share[:, down.of][:, :, across.of]
    return jnp.zeros(shape, share.dtype).at[:, down.elements[:, None], across.elements].add(spread)
