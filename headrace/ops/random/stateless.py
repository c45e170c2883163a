"""Random numbers that a seed, or a key and a counter, decide: TensorFlow's own bits (Philox)."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import jax.scipy.special
import numpy as np

from headrace.core.dtypes import FLOATING, INDEX, DType, float32, int32, int64, uint32, uint64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.random import philox
from headrace.ops.random.stateful import dims_of

PHILOX = 1
"""The number of the Philox algorithm; 3 leaves the choice to us."""


def _key_counter(seed: Any) -> Any:
    xp = np if isinstance(seed, np.ndarray) else jnp
    with np.errstate(over="ignore"):
        return philox.key_and_counter(seed, xp)


@op(
    "StatelessRandomGetKeyCounter",
    "seed: Tseed -> key: uint64, counter: uint64",
    Tseed=INDEX,
    differentiable=False,
)
def get_key_counter(seed: Any) -> Any:
    """The scrambled key [1] and counter [2] of a seed [2]."""
    if seed.shape != (2,):
        raise InvalidArgumentError(f"a seed is a vector of two integers; got shape {tuple(seed.shape)}")
    return _key_counter(seed)


@op("StatelessRandomGetAlg", " -> alg: int32", differentiable=False)
def get_alg() -> Any:
    """The algorithm's number."""
    return jnp.int32(PHILOX)


def _uniform(key: Any, counter: Any, shape: tuple[int, ...], dtype: DType) -> Any:
    return philox.uniform(key, counter, math.prod(shape), dtype.np_dtype).reshape(shape)


def _normal(key: Any, counter: Any, shape: tuple[int, ...], dtype: DType) -> Any:
    return philox.normal(key, counter, math.prod(shape), dtype.np_dtype).reshape(shape)


def _truncated(key: Any, counter: Any, shape: tuple[int, ...], dtype: DType) -> Any:
    """By the inverse of the cumulative distribution; see the Limitation `stateless-truncated-normal-stream`."""
    wide = np.dtype(np.float64) if dtype.name == "float64" else np.dtype(np.float32)
    low, high = 0.02275013194817921, 0.9772498680518208
    uniform = philox.uniform(key, counter, math.prod(shape), wide)
    drawn = jax.scipy.special.ndtri(low + (high - low) * uniform)
    return jnp.clip(drawn, -2.0, 2.0).reshape(shape).astype(dtype.np_dtype)


def _integers(key: Any, counter: Any, shape: tuple[int, ...], low: Any, high: Any) -> Any:
    kind = high.dtype
    unsigned = np.uint64 if kind.itemsize == 8 else np.uint32
    drawn = philox.bits(key, counter, math.prod(shape), kind.itemsize * 8).astype(unsigned)
    return (low + (drawn % (high - low).astype(unsigned)).astype(kind)).reshape(shape)


_V2 = "shape: Tshape, key: uint64, counter: uint64, alg: int32 -> output: dtype"
_V1 = "shape: T, seed: Tseed -> output: dtype"


@op("StatelessRandomUniformV2", _V2, Tshape=INDEX, dtype=FLOATING, static=("shape",), differentiable=False)
def stateless_random_uniform_v2(shape: Any, key: Any, counter: Any, alg: Any, *, dtype: DType = float32) -> Any:
    """Uniform in [0, 1)."""
    return _uniform(key, counter, dims_of(shape), dtype)


@op("StatelessRandomNormalV2", _V2, Tshape=INDEX, dtype=FLOATING, static=("shape",), differentiable=False)
def stateless_random_normal_v2(shape: Any, key: Any, counter: Any, alg: Any, *, dtype: DType = float32) -> Any:
    """Normal with mean 0 and standard deviation 1."""
    return _normal(key, counter, dims_of(shape), dtype)


@op("StatelessTruncatedNormalV2", _V2, Tshape=INDEX, dtype=FLOATING, static=("shape",), differentiable=False)
def stateless_truncated_normal_v2(shape: Any, key: Any, counter: Any, alg: Any, *, dtype: DType = float32) -> Any:
    """Standard normal within two standard deviations."""
    return _truncated(key, counter, dims_of(shape), dtype)


@op(
    "StatelessRandomUniformIntV2",
    "shape: Tshape, key: uint64, counter: uint64, alg: int32, minval: dtype, maxval: dtype -> output: dtype",
    Tshape=INDEX,
    dtype=(int32, int64, uint32, uint64),
    static=("shape",),
    differentiable=False,
)
def stateless_random_uniform_int_v2(shape: Any, key: Any, counter: Any, alg: Any, minval: Any, maxval: Any) -> Any:
    """Uniform integers in [minval, maxval)."""
    return _integers(key, counter, dims_of(shape), minval, maxval)


@op("StatelessRandomUniform", _V1, T=INDEX, Tseed=INDEX, dtype=FLOATING, static=("shape",), differentiable=False)
def stateless_random_uniform(shape: Any, seed: Any, *, dtype: DType = float32) -> Any:
    """Uniform in [0, 1)."""
    key, counter = _key_counter(seed)
    return _uniform(key, counter, dims_of(shape), dtype)


@op("StatelessRandomNormal", _V1, T=INDEX, Tseed=INDEX, dtype=FLOATING, static=("shape",), differentiable=False)
def stateless_random_normal(shape: Any, seed: Any, *, dtype: DType = float32) -> Any:
    """Normal with mean 0 and standard deviation 1."""
    key, counter = _key_counter(seed)
    return _normal(key, counter, dims_of(shape), dtype)


@op("StatelessTruncatedNormal", _V1, T=INDEX, Tseed=INDEX, dtype=FLOATING, static=("shape",), differentiable=False)
def stateless_truncated_normal(shape: Any, seed: Any, *, dtype: DType = float32) -> Any:
    """Standard normal within two standard deviations."""
    key, counter = _key_counter(seed)
    return _truncated(key, counter, dims_of(shape), dtype)


@op(
    "StatelessRandomUniformInt",
    "shape: T, seed: Tseed, minval: dtype, maxval: dtype -> output: dtype",
    T=INDEX,
    Tseed=INDEX,
    dtype=INDEX,
    static=("shape",),
    differentiable=False,
)
def stateless_random_uniform_int(shape: Any, seed: Any, minval: Any, maxval: Any) -> Any:
    """Uniform integers in [minval, maxval)."""
    key, counter = _key_counter(seed)
    return _integers(key, counter, dims_of(shape), minval, maxval)
