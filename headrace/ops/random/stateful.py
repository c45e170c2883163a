"""Random numbers that differ from call to call; see runtime/randomness.py for where the keys come from."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from headrace.core.dtypes import FLOATING, INDEX, REAL, DType, int64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.dispatch.unsized import sized_by


def dims_of(shape: Any) -> tuple[int, ...]:
    """A shape input as ints.

    Raises:
        InvalidArgumentError: a dimension is negative.
    """
    dims = tuple(int(d) for d in shape.reshape(-1))
    if any(d < 0 for d in dims):
        raise InvalidArgumentError(f"a shape has no negative dimensions; got {list(dims)}")
    return dims


_DRAWN: Any = {"unsized": sized_by(0), "static": ("shape",), "random": True, "differentiable": False}


@op("RandomUniform", "shape: T -> output: dtype", T=INDEX, dtype=FLOATING, **_DRAWN)
def random_uniform(key: Any, shape: Any, *, seed: int = 0, seed2: int = 0, dtype: DType) -> Any:
    """Uniform in [0, 1)."""
    return jax.random.uniform(key, dims_of(shape), dtype.np_dtype)


@op("RandomUniformInt", "shape: T, minval: Tout, maxval: Tout -> output: Tout", T=INDEX, Tout=INDEX, **_DRAWN)
def random_uniform_int(key: Any, shape: Any, minval: Any, maxval: Any, *, seed: int = 0, seed2: int = 0) -> Any:
    """Uniform integers in [minval, maxval)."""
    return jax.random.randint(key, dims_of(shape), minval, maxval, maxval.dtype)


@op("RandomStandardNormal", "shape: T -> output: dtype", T=INDEX, dtype=FLOATING, **_DRAWN)
def random_standard_normal(key: Any, shape: Any, *, seed: int = 0, seed2: int = 0, dtype: DType) -> Any:
    """Normal with mean 0 and standard deviation 1."""
    return jax.random.normal(key, dims_of(shape), dtype.np_dtype)


@op("TruncatedNormal", "shape: T -> output: dtype", T=INDEX, dtype=FLOATING, **_DRAWN)
def truncated_normal_op(key: Any, shape: Any, *, seed: int = 0, seed2: int = 0, dtype: DType) -> Any:
    """Standard normal, redrawn beyond two standard deviations."""
    return jax.random.truncated_normal(key, -2.0, 2.0, dims_of(shape), dtype.np_dtype)


@op("RandomShuffle", "value: T -> output: T", random=True, differentiable=False)
def random_shuffle(key: Any, value: Any, *, seed: int = 0, seed2: int = 0) -> Any:
    """The rows in random order."""
    return jax.random.permutation(key, value)


@op(
    "Multinomial",
    "logits: T, num_samples: int32 -> output: output_dtype",
    T=REAL,
    output_dtype=INDEX,
    unsized=lambda logits, *_, **__: (logits.shape[0], None),
    static=("num_samples",),
    random=True,
    differentiable=False,
)
def multinomial(key: Any, logits: Any, num_samples: Any, *, seed: int = 0, seed2: int = 0, output_dtype: DType = int64) -> Any:
    """Classes drawn from each row of unnormalized log-probabilities [n, classes]."""
    shape = (logits.shape[0], int(num_samples))
    scores = jnp.asarray(logits, jnp.promote_types(logits.dtype, jnp.float32))
    drawn = jax.random.categorical(key, scores[:, None, :], axis=-1, shape=shape)
    return jnp.asarray(drawn, output_dtype.np_dtype)
