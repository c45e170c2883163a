"""Philox 4x32-10 (Salmon et al., 2011), vectorized, with the distributions that TensorFlow derives from it.

Output group g comes from counter + g; a group is four 32-bit words, so four numbers of up to 32 bits or two of 64.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85
_SCRAMBLE = 0x3EC8F720, 0x02461E29
_LOW = 0xFFFFFFFF
_RESERVED = 256
"""How many words a truncated normal number may use up."""
_LIMIT = 2.0
_LEAST = 1e-7
"""What a uniform number is raised to before its logarithm is taken."""


def _rounds(words: list[Any], key: list[Any], xp: Any) -> list[Any]:
    """Ten rounds on four uint64 arrays that hold 32-bit words."""
    low, shift = xp.uint64(_LOW), xp.uint64(32)
    c0, c1, c2, c3 = words
    k0, k1 = key
    for _ in range(10):
        first, second = c0 * xp.uint64(_MULTIPLIERS[0]), c2 * xp.uint64(_MULTIPLIERS[1])
        c0, c1, c2, c3 = (second >> shift) ^ c1 ^ k0, second & low, (first >> shift) ^ c3 ^ k1, first & low
        k0, k1 = (k0 + xp.uint64(_WEYL[0])) & low, (k1 + xp.uint64(_WEYL[1])) & low
    return [c0, c1, c2, c3]


def key_and_counter(seed: Any, xp: Any) -> tuple[Any, Any]:
    """The key uint64[1] and counter uint64[2] that TensorFlow makes of a seed of two integers, by one scrambling block."""
    low, shift = xp.uint64(_LOW), xp.uint64(32)
    first, second = seed.astype(xp.int64).astype(xp.uint64)
    key = [xp.asarray(k, xp.uint64) for k in _SCRAMBLE]
    mixed = _rounds([first & low, first >> shift, second & low, second >> shift], key, xp)
    zero = xp.zeros_like(mixed[0])
    return xp.stack([mixed[0] | (mixed[1] << shift)]), xp.stack([zero, mixed[2] | (mixed[3] << shift)])


def words(key: Any, counter: Any, groups: int) -> Any:
    """`groups` blocks of four 32-bit words, uint64 [groups, 4]."""
    return blocks(key, counter, jnp.arange(groups, dtype=jnp.uint64))


def blocks(key: Any, counter: Any, index: Any) -> Any:
    """The blocks at `counter` + `index` (uint64 [n]), uint64 [n, 4]."""
    low, shift = jnp.uint64(_LOW), jnp.uint64(32)
    start = counter[0] + index
    carried = counter[1] + (start < index).astype(jnp.uint64)
    block = [start & low, start >> shift, carried & low, carried >> shift]
    return jnp.stack(_rounds(block, [key[0] & low, key[0] >> shift], jnp), -1)


def bits(key: Any, counter: Any, count: int, width: int) -> Any:
    """`count` words of 32 bits, or of 64 (the first of two words is the low one), as uint64."""
    each = 4 if width == 32 else 2
    drawn = words(key, counter, -(-count // each))
    if width == 64:
        drawn = drawn[:, 0::2] | (drawn[:, 1::2] << jnp.uint64(32))
    return drawn.reshape(-1)[:count]


_MANTISSA = {"float16": (10, np.uint16, 15), "bfloat16": (7, np.uint16, 127), "float32": (23, np.uint32, 127)}
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def uniform(key: Any, counter: Any, count: int, dtype: np.dtype[Any]) -> Any:
    """Uniform numbers in [0, 1): random mantissas of numbers in [1, 2), less 1."""
    drawn = words(key, counter, -(-count // (2 if dtype == _FLOAT64 else 4)))
    return fractions(drawn, dtype).reshape(-1)[:count]


def fractions(drawn: Any, dtype: np.dtype[Any]) -> Any:
    """Blocks [n, 4] as uniform numbers: [n, 4], or [n, 2] for float64, whose first word is the high one."""
    if dtype == _FLOAT64:
        high, low = drawn[:, 0::2], drawn[:, 1::2]
        wide = ((high & jnp.uint64(0xFFFFF)) << jnp.uint64(32)) | low | jnp.uint64(1023 << 52)
        return wide.view(jnp.float64) - 1.0
    size, kind, exponent = _MANTISSA[dtype.name]
    pattern = (drawn & jnp.uint64((1 << size) - 1)).astype(kind) | kind(exponent << size)
    return pattern.view(dtype) - jnp.ones((), dtype)


def normals(drawn: Any, wide: bool) -> Any:
    """Blocks [n, 4] as standard normal numbers, two at a time by Box and Muller's method: float32 [n, 4] or float64 [n, 2]."""
    each = fractions(drawn, _FLOAT64 if wide else _FLOAT32)
    radius, angle = each[:, 0::2], each[:, 1::2]
    length = jnp.sqrt(-2.0 * jnp.log(jnp.maximum(radius, _LEAST)))
    turn = (2.0 * math.pi) * angle
    return jnp.stack([jnp.sin(turn) * length, jnp.cos(turn) * length], -1).reshape(each.shape)


def normal(key: Any, counter: Any, count: int, dtype: np.dtype[Any]) -> Any:
    """Standard normal numbers."""
    wide = dtype == _FLOAT64
    drawn = words(key, counter, -(-count // (2 if wide else 4)))
    return normals(drawn, wide).reshape(-1)[:count].astype(dtype)


def truncated_normal(key: Any, counter: Any, count: int, dtype: np.dtype[Any]) -> Any:
    """Standard normal numbers, those not within two standard deviations redrawn.

    Each output group has a stretch of blocks of its own to redraw from, so that the groups do not depend on each other.
    """
    wide = dtype == _FLOAT64
    each = 2 if wide else 4
    groups = -(-count // each)
    start = jnp.arange(groups, dtype=jnp.uint64) * jnp.uint64(_RESERVED * each // 4)
    rows = jnp.arange(groups)

    def incomplete(state: Any) -> Any:
        return jnp.any(state[1] < each)

    def fill(state: Any) -> Any:
        block, filled, kept = state
        drawn = normals(blocks(key, counter, start + block), wide)
        for column in range(each):
            value = drawn[:, column]
            accepted = jnp.abs(value) < _LIMIT
            # A full group writes past its end, which drops the value.
            kept = kept.at[rows, jnp.where(accepted, filled, each)].set(value, mode="drop")
            filled = filled + accepted.astype(filled.dtype)
        return block + jnp.uint64(1), filled, kept

    empty = jnp.zeros((groups, each), _FLOAT64 if wide else _FLOAT32)
    kept = jax.lax.while_loop(incomplete, fill, (jnp.uint64(0), jnp.zeros(groups, jnp.int32), empty))[2]
    return kept.reshape(-1)[:count].astype(dtype)
