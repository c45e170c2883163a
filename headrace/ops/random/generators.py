"""Random numbers of a generator whose state, counter (two int64) and key (one), is a variable: TensorFlow's own bits."""

from __future__ import annotations

import math
import secrets
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.lax import bitcast_convert_type

from headrace.core.dtypes import FLOATING, INDEX, DType, float16, float32, float64, int32, int64, uint32, uint64
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.dispatch.opdef import op
from headrace.dispatch.unsized import sized_by
from headrace.ops.random import stateless
from headrace.ops.random.distributions import draw_binomial
from headrace.ops.random.stateful import dims_of

STATE_SIZE = 3
_STRETCH = 256
"""How far the counter goes on for each number drawn."""
_PHILOX, _THREEFRY, _AUTO_SELECT = 1, 2, 3
_LOW = 0xFFFFFFFF
_INTEGERS = (int32, int64, uint32, uint64)
_COUNTS = (float16, float32, float64, int32, int64)


def _check(state: Any, algorithm: Any) -> None:
    number = int(algorithm)
    if number == _THREEFRY:
        raise UnimplementedError("generators of ThreeFry numbers are not supported; use alg='philox'")
    if number not in (_PHILOX, _AUTO_SELECT):
        raise InvalidArgumentError(f"random algorithm {number} is not there; use {_PHILOX} (Philox)")
    if state.dtype != np.int64 or len(state.shape) != 1 or state.shape[0] < STATE_SIZE:
        raise InvalidArgumentError(
            f"a Philox generator's state is int64 and at least {STATE_SIZE} long; got {state.dtype} of shape {list(state.shape)}"
        )


def _advanced(state: Any, blocks: Any) -> Any:
    """The state with its counter `blocks` (uint64) further on, carried over in words of 32 bits as TensorFlow does."""
    words = bitcast_convert_type(jnp.asarray(state), jnp.uint64)
    low, shift = jnp.uint64(_LOW), jnp.uint64(32)
    first = (words[0] & low) + (blocks & low)
    # A carry out of 32 set bits is lost: going back by a negative number relies on it.
    step = ((blocks >> shift) + (first >> shift)) & low
    second = (words[0] >> shift) + step
    upper = words[1] + (second >> shift)
    moved = jnp.stack([(first & low) | ((second & low) << shift), upper])
    return bitcast_convert_type(words.at[:2].set(moved), jnp.int64)


def _stretch(state: Any, count: int) -> tuple[Any, Any, Any]:
    """The state after `count` numbers, and the key and counter to draw them with."""
    words = bitcast_convert_type(jnp.asarray(state), jnp.uint64)
    return _advanced(state, jnp.uint64(count * _STRETCH)), words[2:3], words[:2]


@op("RngSkip", "resource: resource, algorithm: int64, delta: int64 -> ", updates=("resource",), static=("algorithm",))
def rng_skip(resource: Any, algorithm: Any, delta: Any) -> Any:
    """Goes on by `delta` numbers."""
    _check(resource, algorithm)
    return _advanced(resource, delta.astype(jnp.uint64) * jnp.uint64(_STRETCH))


@op(
    "RngReadAndSkip",
    "resource: resource, alg: int32, delta: uint64 -> value: int64",
    updates=("resource",),
    static=("alg",),
    differentiable=False,
)
def rng_read_and_skip(resource: Any, alg: Any, delta: Any) -> Any:
    """The state, which then goes on by `delta` numbers."""
    _check(resource, alg)
    return _advanced(resource, delta.astype(jnp.uint64) * jnp.uint64(_STRETCH)), resource


@op(
    "NonDeterministicInts",
    "shape: shape_dtype -> output: dtype",
    stateful=True,
    host_only=True,
    unsized=sized_by(0),
    static=("shape",),
    shape=lambda shape, **attrs: dims_of(shape),
    differentiable=False,
)
def non_deterministic_ints(shape: Any, *, dtype: DType = int64) -> Any:
    """Integers from the system's source of randomness."""
    if dtype not in _INTEGERS:
        raise InvalidArgumentError(f"NonDeterministicInts gives {', '.join(d.name for d in _INTEGERS)}; got {dtype.name}")
    dims = dims_of(shape)
    return np.frombuffer(secrets.token_bytes(math.prod(dims) * dtype.size), dtype.np_dtype).reshape(dims).copy()


_INPUTS = "resource: resource, algorithm: int64, shape: shape_dtype"
_OPTIONS: dict[str, Any] = {
    "updates": ("resource",),
    "static": ("algorithm", "shape"),
    "shape": lambda resource, algorithm, shape, *others, **attrs: dims_of(shape),
    "differentiable": False,
}


def _drawn(draw: Any, state: Any, algorithm: Any, shape: Any, *given: Any) -> tuple[Any, Any]:
    """The state afterwards and the numbers that `draw` makes of key, counter and shape."""
    _check(state, algorithm)
    dims = dims_of(shape)
    after, key, counter = _stretch(state, math.prod(dims))
    return after, draw(key, counter, dims, *given)


def _of_kind(op_name: str, dtype: DType, allowed: tuple[DType, ...]) -> Any:
    if dtype not in allowed:
        raise InvalidArgumentError(f"{op_name} gives {', '.join(d.name for d in allowed)}; got {dtype.name}")
    return dtype


@op("StatefulUniform", f"{_INPUTS} -> output: dtype", **_OPTIONS)
def stateful_uniform(resource: Any, algorithm: Any, shape: Any, *, dtype: DType = float32) -> Any:
    """Uniform in [0, 1)."""
    return _drawn(stateless.draw_uniform, resource, algorithm, shape, _of_kind("StatefulUniform", dtype, FLOATING))


@op("StatefulStandardNormalV2", f"{_INPUTS} -> output: dtype", **_OPTIONS)
def stateful_standard_normal_v2(resource: Any, algorithm: Any, shape: Any, *, dtype: DType = float32) -> Any:
    """Normal with mean 0 and standard deviation 1."""
    return _drawn(stateless.draw_normal, resource, algorithm, shape, _of_kind("StatefulStandardNormalV2", dtype, FLOATING))


@op("StatefulTruncatedNormal", f"{_INPUTS} -> output: dtype", **_OPTIONS)
def stateful_truncated_normal(resource: Any, algorithm: Any, shape: Any, *, dtype: DType = float32) -> Any:
    """Standard normal within two standard deviations."""
    return _drawn(stateless.draw_truncated, resource, algorithm, shape, _of_kind("StatefulTruncatedNormal", dtype, FLOATING))


@op("StatefulUniformFullInt", f"{_INPUTS} -> output: dtype", **_OPTIONS)
def stateful_uniform_full_int(resource: Any, algorithm: Any, shape: Any, *, dtype: DType = uint64) -> Any:
    """Uniform integers of the dtype's whole range."""
    kind = _of_kind("StatefulUniformFullInt", dtype, _INTEGERS).np_dtype
    return _drawn(stateless.draw_full_integers, resource, algorithm, shape, kind)


@op("StatefulUniformInt", f"{_INPUTS}, minval: dtype, maxval: dtype -> output: dtype", **_OPTIONS)
def stateful_uniform_int(resource: Any, algorithm: Any, shape: Any, minval: Any, maxval: Any) -> Any:
    """Uniform integers in [minval, maxval)."""
    return _drawn(stateless.draw_integers, resource, algorithm, shape, minval, maxval)


@op(
    "StatefulRandomBinomial",
    "resource: resource, algorithm: int64, shape: S, counts: T, probs: T -> output: dtype",
    S=INDEX,
    T=_COUNTS,
    dtype=_COUNTS,
    **_OPTIONS,
)
def stateful_random_binomial(resource: Any, algorithm: Any, shape: Any, counts: Any, probs: Any, *, dtype: DType = int64) -> Any:
    """Successes in `counts` trials of chance `probs`; the last dimensions of `shape` are those of both broadcast."""
    _check(resource, algorithm)
    dims = dims_of(shape)
    drawn = draw_binomial(_stretch(resource, 0)[1:], dims, counts, probs, dtype)
    batches = math.prod(np.broadcast_shapes(counts.shape, probs.shape))
    each = math.prod(dims) // batches if batches else 0
    blocks = batches * 2 * 100 * (each + 3) // 4
    return _advanced(resource, jnp.uint64(blocks * _STRETCH)), drawn
