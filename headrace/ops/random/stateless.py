"""Random numbers that a seed, or a key and a counter, decide: TensorFlow's own bits (Philox)."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING, INDEX, DType, float32, int32, int64, uint32, uint64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.dispatch.unsized import sized_by
from headrace.ops.random import philox
from headrace.ops.random.stateful import dims_of

PHILOX, AUTO_SELECT = 1, 3
"""The numbers of the Philox algorithm and of leaving the choice to us."""


_UNSIGNED = {4: np.uint32, 8: np.uint64}


def key_and_counter(seed: Any) -> Any:
    """Key [1] and counter [2] of a seed of two integers."""
    if seed.shape != (2,):
        raise InvalidArgumentError(f"a seed is a vector of two integers; got shape {tuple(seed.shape)}")
    with np.errstate(over="ignore"):
        return philox.key_and_counter(seed, np if isinstance(seed, np.ndarray) else jnp)


@op(
    "StatelessRandomGetKeyCounter",
    "seed: Tseed -> key: uint64, counter: uint64",
    Tseed=INDEX,
    host=key_and_counter,
    shape=lambda seed: [(1,), (2,)],
    differentiable=False,
)
def get_key_counter(seed: Any) -> Any:
    """The scrambled key [1] and counter [2] of a seed [2]."""
    return key_and_counter(seed)


@op("StatelessRandomGetAlg", " -> alg: int32", host=lambda: np.int32(PHILOX), differentiable=False)
def get_alg() -> Any:
    """The algorithm's number."""
    return jnp.int32(PHILOX)


def drawn_shape(shape: Any, *others: Any, **attrs: Any) -> tuple[int, ...]:
    """The shape rule of ops whose output has the shape of their first input."""
    return dims_of(shape)


def check_generator(key: Any, counter: Any, alg: Any) -> None:
    """Refuses other algorithms than Philox and keys or counters that are not Philox's."""
    if int(alg) not in (PHILOX, AUTO_SELECT):
        raise InvalidArgumentError(f"random algorithm {int(alg)} is not there; use {PHILOX} (Philox) or {AUTO_SELECT} (any)")
    if key.shape != (1,) or len(counter.shape) != 1 or counter.shape[0] < 2:
        raise InvalidArgumentError(
            f"Philox takes a key of shape (1,) and a counter of shape (2,); got {tuple(key.shape)} and {tuple(counter.shape)}"
        )


def _check_range(shape: Any, *others: Any) -> Any:
    """Refuses an empty range whose bounds are at hand; the kernel does the rest."""
    low, high = others[-2:]
    at_hand = isinstance(low, np.ndarray) and isinstance(high, np.ndarray)
    if at_hand and low.shape == high.shape == () and low >= high and math.prod(dims_of(shape)):
        raise InvalidArgumentError(f"integers are drawn from [minval, maxval); got minval {low} and maxval {high}")
    return NotImplemented


def draw_uniform(key: Any, counter: Any, shape: tuple[int, ...], dtype: DType) -> Any:
    """Uniform numbers in [0, 1) of a generator."""
    return philox.uniform(key, counter, math.prod(shape), dtype.np_dtype).reshape(shape)


def draw_normal(key: Any, counter: Any, shape: tuple[int, ...], dtype: DType) -> Any:
    """Standard normal numbers of a generator."""
    return philox.normal(key, counter, math.prod(shape), dtype.np_dtype).reshape(shape)


def draw_truncated(key: Any, counter: Any, shape: tuple[int, ...], dtype: DType) -> Any:
    """Standard normal numbers within two standard deviations of a generator."""
    return philox.truncated_normal(key, counter, math.prod(shape), dtype.np_dtype).reshape(shape)


def draw_full_integers(key: Any, counter: Any, shape: tuple[int, ...], kind: np.dtype[Any]) -> Any:
    """Integers of the dtype's whole range of a generator."""
    drawn = philox.bits(key, counter, math.prod(shape), kind.itemsize * 8)
    return drawn.astype(_UNSIGNED[kind.itemsize]).astype(kind).reshape(shape)


def draw_integers(key: Any, counter: Any, shape: tuple[int, ...], low: Any, high: Any) -> Any:
    """Integers in [low, high) of a generator."""
    if low.shape != () or high.shape != ():
        raise InvalidArgumentError(f"minval and maxval are scalars; got shapes {tuple(low.shape)} and {tuple(high.shape)}")
    kind = high.dtype
    unsigned = _UNSIGNED[kind.itemsize]
    drawn = draw_full_integers(key, counter, shape, np.dtype(unsigned))
    return low + (drawn % (high - low).astype(unsigned)).astype(kind)


_DRAWN: Any = {"unsized": sized_by(0), "static": ("shape",), "shape": drawn_shape, "differentiable": False}
_DRAWN_V2: Any = _DRAWN | {"static": ("shape", "alg")}
_V2 = "shape: Tshape, key: uint64, counter: uint64, alg: int32 -> output: dtype"
_V1 = "shape: T, seed: Tseed -> output: dtype"


@op("StatelessRandomUniformV2", _V2, Tshape=INDEX, dtype=FLOATING, **_DRAWN_V2)
def stateless_random_uniform_v2(shape: Any, key: Any, counter: Any, alg: Any, *, dtype: DType = float32) -> Any:
    """Uniform in [0, 1)."""
    check_generator(key, counter, alg)
    return draw_uniform(key, counter, dims_of(shape), dtype)


@op("StatelessRandomNormalV2", _V2, Tshape=INDEX, dtype=FLOATING, **_DRAWN_V2)
def stateless_random_normal_v2(shape: Any, key: Any, counter: Any, alg: Any, *, dtype: DType = float32) -> Any:
    """Normal with mean 0 and standard deviation 1."""
    check_generator(key, counter, alg)
    return draw_normal(key, counter, dims_of(shape), dtype)


@op("StatelessTruncatedNormalV2", _V2, Tshape=INDEX, dtype=FLOATING, **_DRAWN_V2)
def stateless_truncated_normal_v2(shape: Any, key: Any, counter: Any, alg: Any, *, dtype: DType = float32) -> Any:
    """Standard normal within two standard deviations."""
    check_generator(key, counter, alg)
    return draw_truncated(key, counter, dims_of(shape), dtype)


@op(
    "StatelessRandomUniformIntV2",
    "shape: Tshape, key: uint64, counter: uint64, alg: int32, minval: dtype, maxval: dtype -> output: dtype",
    Tshape=INDEX,
    dtype=(int32, int64, uint32, uint64),
    eager=_check_range,
    **_DRAWN_V2,
)
def stateless_random_uniform_int_v2(shape: Any, key: Any, counter: Any, alg: Any, minval: Any, maxval: Any) -> Any:
    """Uniform integers in [minval, maxval)."""
    check_generator(key, counter, alg)
    return draw_integers(key, counter, dims_of(shape), minval, maxval)


@op("StatelessRandomUniformFullIntV2", _V2, Tshape=INDEX, dtype=(int32, int64, uint32, uint64), **_DRAWN_V2)
def stateless_random_uniform_full_int_v2(shape: Any, key: Any, counter: Any, alg: Any, *, dtype: DType = uint64) -> Any:
    """Uniform integers of the dtype's whole range."""
    check_generator(key, counter, alg)
    return draw_full_integers(key, counter, dims_of(shape), dtype.np_dtype)


@op("StatelessRandomUniform", _V1, T=INDEX, Tseed=INDEX, dtype=FLOATING, **_DRAWN)
def stateless_random_uniform(shape: Any, seed: Any, *, dtype: DType = float32) -> Any:
    """Uniform in [0, 1)."""
    key, counter = key_and_counter(seed)
    return draw_uniform(key, counter, dims_of(shape), dtype)


@op("StatelessRandomNormal", _V1, T=INDEX, Tseed=INDEX, dtype=FLOATING, **_DRAWN)
def stateless_random_normal(shape: Any, seed: Any, *, dtype: DType = float32) -> Any:
    """Normal with mean 0 and standard deviation 1."""
    key, counter = key_and_counter(seed)
    return draw_normal(key, counter, dims_of(shape), dtype)


@op("StatelessTruncatedNormal", _V1, T=INDEX, Tseed=INDEX, dtype=FLOATING, **_DRAWN)
def stateless_truncated_normal(shape: Any, seed: Any, *, dtype: DType = float32) -> Any:
    """Standard normal within two standard deviations."""
    key, counter = key_and_counter(seed)
    return draw_truncated(key, counter, dims_of(shape), dtype)


@op(
    "StatelessRandomUniformInt",
    "shape: T, seed: Tseed, minval: dtype, maxval: dtype -> output: dtype",
    T=INDEX,
    Tseed=INDEX,
    dtype=INDEX,
    eager=_check_range,
    **_DRAWN,
)
def stateless_random_uniform_int(shape: Any, seed: Any, minval: Any, maxval: Any) -> Any:
    """Uniform integers in [minval, maxval)."""
    key, counter = key_and_counter(seed)
    return draw_integers(key, counter, dims_of(shape), minval, maxval)
