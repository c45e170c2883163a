"""Rejection samplers on Philox blocks: gamma, Poisson, binomial and bounded normal numbers.

Each output has a stretch of blocks of its own, so that the outputs do not depend on each other. The streams and the order in which
their numbers are used are TensorFlow's (but for `bounded_normal`), so the numbers are as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.ops.random import philox

_STRETCH = 256
"""Blocks that an output may use up."""
_SHORT_STRETCH = 42
"""The same for a binomial number of few trials."""
_SMALL_RATE = 10.0
"""Below this mean, numbers are counted out; from it on they come from a transformed uniform number."""


def by_parameter(draw: Callable[..., Any], count: int, *parameters: Any) -> Any:
    """`count` numbers for each of n parameters.

    Args:
        draw: takes the index of each output (uint64) and its parameters, all [n * count].
        count: how many numbers each set of parameters gives.
        *parameters: arrays [n].

    Returns:
        The numbers, [count, n].
    """
    number = parameters[0].shape[0]
    index = jnp.arange(number * count, dtype=jnp.uint64)
    drawn = draw(index, *(jnp.repeat(p, count, total_repeat_length=number * count) for p in parameters))
    return drawn.reshape(number, count).T


def _pairs(key: Any, counter: Any, index: Any) -> Any:
    """Two uniform float64 numbers of each block, the later one first, as samplers use them: [n, 2]."""
    return philox.fractions(philox.blocks(key, counter, index), np.dtype(np.float64))[:, ::-1]


def _until_found(step: Callable[[Any, Any], tuple[Any, Any]], start: Any, carried: Any, settled: Any, found: Any) -> Any:
    """Repeats `step(block, carried)` on every output until each has found its number.

    Args:
        step: takes block indices and `carried`; returns the carried values anew, whether a number was found, and the number.
        start: each output's first block.
        carried: arrays that go from step to step.
        settled: outputs whose number, in `found`, is known beforehand.
        found: the numbers so far.
    """

    def again(state: Any) -> Any:
        block, carried, settled, found = state
        carried, (hit, value) = step(start + block, carried)
        return block + jnp.uint64(1), carried, settled | hit, jnp.where(hit & ~settled, value, found)

    return jax.lax.while_loop(lambda state: jnp.any(~state[2]), again, (jnp.uint64(0), carried, settled, found))[3]


def gamma(key: Any, counter: Any, index: Any, alpha: Any) -> Any:
    """Gamma numbers of scale 1 by Marsaglia and Tsang's method (doi 10.1145/358407.358414), float64 like `alpha`."""
    start = index * jnp.uint64(_STRETCH)
    small = alpha < 1
    depth = alpha + jnp.where(small, 2.0 / 3, -1.0 / 3)
    slope = 1.0 / 3 / jnp.sqrt(depth)
    rows = jnp.arange(index.shape[0])

    def next_number(make: Callable[[Any], Any], stock: Any, left: Any, block: Any, wanted: Any) -> Any:
        """The next number of a stock of two that a block refills, for the outputs that want one."""
        refill = wanted & (left == 0)
        stock = jnp.where(refill[:, None], make(philox.blocks(key, counter, start + block)), stock)
        left = jnp.where(refill, 2, left) - wanted
        return stock[rows, jnp.maximum(left, 0)], stock, left, block + refill.astype(jnp.uint64)

    def attempt(state: Any) -> Any:
        block, normals, normals_left, uniforms, uniforms_left, settled, found = state
        x, normals, normals_left, block = next_number(_normal_pair, normals, normals_left, block, ~settled)
        volume = 1 + slope * x
        positive = ~settled & (volume > 0)
        volume = jnp.where(positive, volume, 1.0) ** 3
        u, uniforms, uniforms_left, block = next_number(_uniform_pair, uniforms, uniforms_left, block, positive)
        squeezed = u < 1 - 0.0331 * (x * x) * (x * x)
        hit = positive & (squeezed | (jnp.log(u) < 0.5 * x * x + depth * (1 - volume + jnp.log(volume))))
        b, uniforms, uniforms_left, block = next_number(_uniform_pair, uniforms, uniforms_left, block, hit & small)
        value = depth * volume * jnp.where(small, b ** (1 / alpha), 1.0)
        return block, normals, normals_left, uniforms, uniforms_left, settled | hit, jnp.where(hit, value, found)

    exponential = -jnp.log1p(-_pairs(key, counter, start)[:, 0])
    impossible = ~(alpha >= 0)
    found = jnp.where(impossible, jnp.nan, jnp.where(jnp.isinf(alpha), jnp.inf, exponential))
    empty, none = jnp.zeros((*index.shape, 2)), jnp.zeros(index.shape, jnp.int32)
    state = jnp.zeros_like(start), empty, none, empty, none, impossible | jnp.isinf(alpha) | (alpha == 1), found
    return jax.lax.while_loop(lambda state: jnp.any(~state[5]), attempt, state)[6]


def _normal_pair(drawn: Any) -> Any:
    return philox.normals(drawn, True)


def _uniform_pair(drawn: Any) -> Any:
    return philox.fractions(drawn, np.dtype(np.float64))


def poisson(key: Any, counter: Any, index: Any, rate: Any) -> Any:
    """Poisson numbers, float64 like `rate`: Knuth's product for small rates, else Hoermann's transformed rejection (PTRS)."""
    start = index * jnp.uint64(_STRETCH)
    small = rate < _SMALL_RATE
    floor = jnp.exp(-rate)
    b = 0.931 + 2.53 * jnp.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse = 1.1239 + 1.1328 / (b - 3.4)

    def step(block: Any, carried: Any) -> Any:
        product, passed = carried
        drawn = _pairs(key, counter, block)
        once, twice = product * drawn[:, 0], product * drawn[:, 0] * drawn[:, 1]
        counted = jnp.where(once <= floor, passed, passed + 1)
        u, v = drawn[:, 0] - 0.5, drawn[:, 1]
        edge = 0.5 - jnp.abs(u)
        k = jnp.floor((2 * a / edge + b) * u + rate + 0.43)
        inside = (edge >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
        hopeless = (k < 0) | ((edge < 0.013) & (v > edge))
        fits = jnp.log(v * inverse / (a / (edge * edge) + b)) <= -rate + k * jnp.log(rate) - jax.lax.lgamma(k + 1)
        hit = jnp.where(small, twice <= floor, inside | (~hopeless & fits))
        return (twice, passed + 2), (hit, jnp.where(small, counted, k))

    fixed = ~(rate >= 0) | jnp.isinf(rate)
    carried = jnp.ones_like(rate), jnp.zeros_like(rate)
    return _until_found(step, start, carried, fixed, jnp.where(jnp.isinf(rate) & (rate > 0), rate, 0.0))


_TAILS = tuple(math.lgamma(k + 1) - ((k + 0.5) * math.log(k + 1) - (k + 1) + 0.5 * math.log(2 * math.pi)) for k in range(10))
"""What Stirling's formula leaves out of log(k!)."""


def _tail(k: Any) -> Any:
    square = (k + 1) * (k + 1)
    series = (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)
    return jnp.where(k <= 9, jnp.asarray(_TAILS)[jnp.clip(k, 0, 9).astype(jnp.int32)], series)


def binomial(key: Any, counter: Any, index: Any, count: Any, chance: Any, few: Any) -> Any:
    """Binomial numbers, float64: sums of geometric numbers where successes are `few`, else transformed rejection (BTRS).

    Args:
        key, counter: the generator.
        index: each output's place.
        count: trials.
        chance: of success in each.
        few: whether fewer than ten successes (or failures, whichever are rarer) are to be expected.
    """
    mirrored = chance > 0.5
    rare = jnp.where(mirrored, 1 - chance, chance)
    start = index * jnp.where(few, jnp.uint64(_SHORT_STRETCH), jnp.uint64(_STRETCH))
    spread = jnp.sqrt(count * rare * (1 - rare))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * rare
    box = 0.92 - 4.2 / b
    odds = rare / (1 - rare)
    alpha = (2.83 + 5.1 / b) * spread
    mode = jnp.floor((count + 1) * rare)
    per_log = jnp.log1p(-rare)

    def bound(k: Any) -> Any:
        return (
            (mode + 0.5) * jnp.log((mode + 1) / (odds * (count - mode + 1)))
            + (count + 1) * jnp.log((count - mode + 1) / (count - k + 1))
            + (k + 0.5) * jnp.log(odds * (count - k + 1) / (k + 1))
            + (_tail(mode) + _tail(count - mode) - _tail(k) - _tail(count - k))
        )

    def step(block: Any, carried: Any) -> Any:
        waited, passed = carried
        drawn = _pairs(key, counter, block)
        once = waited + jnp.ceil(jnp.log(drawn[:, 0]) / per_log)
        twice = once + jnp.ceil(jnp.log(drawn[:, 1]) / per_log)
        counted = jnp.where(once > count, passed, passed + 1)
        u, v = drawn[:, 0] - 0.5, drawn[:, 1]
        edge = 0.5 - jnp.abs(u)
        k = jnp.floor((2 * a / edge + b) * u + count * rare + 0.5)
        possible = (k >= 0) & (k <= count)
        within = jnp.clip(k, 0, count)
        fits = possible & (jnp.log(v * alpha / (a / (edge * edge) + b)) <= bound(within))
        hit = jnp.where(few, twice > count, ((edge >= 0.07) & (v <= box)) | fits)
        return (twice, passed + 2), (hit, jnp.where(few, counted, k))

    never, always, unknown = (count <= 0) | (chance <= 0), chance >= 1, jnp.isnan(chance) | jnp.isnan(count)
    settled = never | always | unknown
    carried = jnp.zeros_like(count), jnp.zeros_like(count)
    drawn = _until_found(step, start, carried, settled, jnp.zeros_like(count))
    drawn = jnp.where(mirrored, count - drawn, drawn)
    return jnp.where(unknown, jnp.nan, jnp.where(never, 0.0, jnp.where(always, count, drawn)))


_NORMAL_ENOUGH = 1.3
"""Normal numbers are tried where a bound is this many deviations beyond the mean and the mean is within the bounds."""


def bounded_normal(key: Any, counter: Any, index: Any, low: Any, high: Any) -> Any:
    """Standard normal numbers within bounds (float64), by rejection from normal, uniform or exponential numbers.

    The proposal suits the bounds (Robert, arXiv 0907.4010), so that about half of the attempts do. Not TensorFlow's
    numbers: those depend on how many threads share the work.
    """
    start = index * jnp.uint64(_STRETCH)
    # The tail that is sampled from is the upper one.
    flipped = jnp.isneginf(low) | (high < 0)
    low, high = jnp.where(flipped, -high, low), jnp.where(flipped, -low, high)
    root = jnp.sqrt(low * low + 4)
    width = high - low
    cutoff = 2 * jnp.exp(0.5 + low * (low - root) / 4) / (low + root)
    normal = ((low < -_NORMAL_ENOUGH) & (high >= 0)) | ((high > _NORMAL_ENOUGH) & (low <= 0))
    uniform = ~normal & (width < cutoff)
    decay = (low + root) / 2
    nearest = jnp.maximum(low, 0) ** 2

    def step(block: Any, carried: Any) -> Any:
        drawn = philox.blocks(key, counter, block)
        pair = philox.fractions(drawn, np.dtype(np.float64))
        flat = pair[:, 0] * jnp.where(uniform, width, 0.0) + low
        steep = low - jnp.log(jnp.maximum(pair[:, 0], np.finfo(np.float64).tiny)) / decay
        value = jnp.where(normal, philox.normals(drawn, True)[:, 0], jnp.where(uniform, flat, steep))
        ease = jnp.where(uniform, (nearest - flat * flat) / 2, -((steep - decay) ** 2) / 2)
        hit = (normal | (pair[:, 1] <= jnp.exp(ease))) & (value >= low) & (value <= high)
        return carried, (hit, value)

    impossible = ~(low < high)
    drawn = _until_found(step, start, (), impossible, jnp.full_like(low, jnp.nan))
    return jnp.where(flipped, -drawn, drawn)
