"""Philox 4x32-10 (Salmon et al., 2011), vectorized, with the distributions that TensorFlow derives from it.

Output group g comes from counter + g; a group is four 32-bit words, so four numbers of up to 32 bits or two of 64.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85
_SCRAMBLE = 0x3EC8F720, 0x02461E29
_LOW = 0xFFFFFFFF
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
    low, shift = jnp.uint64(_LOW), jnp.uint64(32)
    index = jnp.arange(groups, dtype=jnp.uint64)
    start = counter[0] + index
    carried = counter[1] + (start < index).astype(jnp.uint64)
    block = [
        start & low,
        start >> shift,
        jnp.broadcast_to(carried & low, start.shape),
        jnp.broadcast_to(carried >> shift, start.shape),
    ]
    return jnp.stack(_rounds(block, [key[0] & low, key[0] >> shift], jnp), -1)


def bits(key: Any, counter: Any, count: int, width: int) -> Any:
    """`count` words of 32 bits, or of 64 (the first of two words is the low one), as uint64."""
    each = 4 if width == 32 else 2
    drawn = words(key, counter, -(-count // each))
    if width == 64:
        drawn = drawn[:, 0::2] | (drawn[:, 1::2] << jnp.uint64(32))
    return drawn.reshape(-1)[:count]


_MANTISSA = {"float16": (10, np.uint16, 15), "bfloat16": (7, np.uint16, 127), "float32": (23, np.uint32, 127)}


def uniform(key: Any, counter: Any, count: int, dtype: np.dtype[Any]) -> Any:
    """Uniform numbers in [0, 1): random mantissas of numbers in [1, 2), less 1."""
    if dtype.name == "float64":
        drawn = words(key, counter, -(-count // 2))
        return _double(drawn[:, 0::2], drawn[:, 1::2]).reshape(-1)[:count]
    size, kind, exponent = _MANTISSA[dtype.name]
    pattern = (bits(key, counter, count, 32) & jnp.uint64((1 << size) - 1)).astype(kind) | kind(exponent << size)
    return pattern.view(dtype) - jnp.ones((), dtype)


def _double(high: Any, low: Any) -> Any:
    pattern = ((high & jnp.uint64(0xFFFFF)) << jnp.uint64(32)) | low | jnp.uint64(1023 << 52)
    return pattern.view(jnp.float64) - 1.0


def normal(key: Any, counter: Any, count: int, dtype: np.dtype[Any]) -> Any:
    """Standard normal numbers, two at a time by Box and Muller's method."""
    if dtype.name == "float64":
        drawn = words(key, counter, -(-count // 2))
        radius, angle = _double(drawn[:, 0], drawn[:, 1])[:, None], _double(drawn[:, 2], drawn[:, 3])[:, None]
    else:
        each = uniform(key, counter, -(-count // 4) * 4, np.dtype(np.float32)).reshape(-1, 2)
        radius, angle = each[:, :1], each[:, 1:]
    length = jnp.sqrt(-2.0 * jnp.log(jnp.maximum(radius, _LEAST)))
    turn = (2.0 * math.pi) * angle
    pairs = jnp.concatenate([jnp.sin(turn) * length, jnp.cos(turn) * length], 1)
    return pairs.reshape(-1)[:count].astype(dtype)
