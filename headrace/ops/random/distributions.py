"""Gamma, Poisson, binomial and bounded normal numbers: those that a seed decides and those that differ from call to call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING, INDEX, DType, float16, float32, float64, int32, int64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op
from headrace.dispatch.unsized import sized_by
from headrace.ops.math.broadcasting import reduce_to
from headrace.ops.random import samplers
from headrace.ops.random.stateful import dims_of
from headrace.ops.random.stateless import check_generator, drawn_shape, key_and_counter

_FRACTIONS = (float16, float32, float64)
_COUNTS = (float16, float32, float64, int32, int64)


def generator_of(key: Any) -> tuple[Any, Any]:
    """The Philox key [1] and counter [2] that a key of two 32-bit words stands for."""
    return key.astype(jnp.uint64)[:1] | (key.astype(jnp.uint64)[1:] << jnp.uint64(32)), jnp.zeros(2, jnp.uint64)


def _per_parameter(wanted: tuple[int, ...], parameters: tuple[int, ...]) -> int:
    """How many numbers of a shape each set of parameters gives."""
    if wanted[len(wanted) - len(parameters) :] != parameters or len(wanted) < len(parameters):
        raise InvalidArgumentError(f"a shape of samples ends with the parameters' shape {list(parameters)}; got {list(wanted)}")
    number, total = math.prod(parameters), math.prod(wanted)
    if not number and total:
        raise InvalidArgumentError(f"parameters of shape {list(parameters)} are empty; give at least one")
    return total // number if number else 0


def _sampled(sampler: Any, generator: tuple[Any, Any], wanted: tuple[int, ...], parameters: Sequence[Any], kind: DType) -> Any:
    """Numbers of the shape `wanted`, whose last dimensions are those of the (equal) shapes of the parameters."""
    count = _per_parameter(wanted, parameters[0].shape)
    if not count:
        return jnp.zeros(wanted, kind.np_dtype)
    flat = [p.reshape(-1) if p.dtype == bool else p.reshape(-1).astype(jnp.float64) for p in parameters]
    drawn = samplers.by_parameter(lambda index, *values: sampler(*generator, index, *values), count, *flat).reshape(wanted)
    if not kind.is_floating:
        drawn = jnp.where(jnp.isfinite(drawn), drawn, 0.0)
    return drawn.astype(kind.np_dtype)


def _broadcast(*parameters: Any) -> list[Any]:
    try:
        return list(jnp.broadcast_arrays(*parameters))
    except ValueError:
        shapes = ", ".join(str(list(p.shape)) for p in parameters)
        raise InvalidArgumentError(f"the parameters of a distribution broadcast to one shape; got {shapes}") from None


def draw_binomial(generator: tuple[Any, Any], wanted: tuple[int, ...], counts: Any, probs: Any, kind: DType) -> Any:
    """Binomial numbers of a generator."""
    counts, probs = _broadcast(counts, probs)
    few = ~(counts * jnp.where(probs > 0.5, 1 - probs, probs) >= 10)
    return _sampled(samplers.binomial, generator, wanted, [counts, probs, few], kind)


def _bounded(generator: tuple[Any, Any], wanted: tuple[int, ...], parameters: Sequence[Any]) -> Any:
    kind = parameters[0].dtype
    mean, deviation, least, most = (p.astype(jnp.float64) for p in _broadcast(*parameters))

    def draw(key: Any, counter: Any, index: Any, mean: Any, deviation: Any, least: Any, most: Any) -> Any:
        low, high = (least - mean) / deviation, (most - mean) / deviation
        low = jnp.where((deviation > 0) & (jnp.isfinite(least) | jnp.isfinite(most)), low, jnp.nan)
        return samplers.bounded_normal(key, counter, index, low, high) * deviation + mean

    count = _per_parameter(wanted, mean.shape)
    if not count:
        return jnp.zeros(wanted, kind)
    flat = [p.reshape(-1) for p in (mean, deviation, least, most)]
    drawn = samplers.by_parameter(lambda index, *values: draw(*generator, index, *values), count, *flat).reshape(wanted)
    # A number just above a bound may be rounded to one beyond it.
    return jnp.clip(drawn, least, most).astype(kind)


def _check_bounds(shape: Any, *others: Any) -> Any:
    """Refuses parameters that no number fits, eagerly; the kernel gives NaN for them."""
    _, deviation, least, most = (np.asarray(p) for p in others[-4:])
    if not (np.all(deviation > 0) and np.all(least < most) and np.all(np.isfinite(least) | np.isfinite(most))):
        raise InvalidArgumentError(
            "a truncated normal takes stddevs above 0 and minvals below maxvals, one of them finite; got "
            f"stddevs {deviation}, minvals {least}, maxvals {most}"
        )
    return NotImplemented


@op(
    "StatelessRandomGammaV3",
    "shape: shape_dtype, key: uint64, counter: uint64, alg: int32, alpha: dtype -> output: dtype",
    shape_dtype=INDEX,
    dtype=_FRACTIONS,
    unsized=sized_by(0),
    static=("shape", "alg"),
    shape=drawn_shape,
)
def stateless_random_gamma_v3(shape: Any, key: Any, counter: Any, alg: Any, alpha: Any) -> Any:
    """Gamma numbers of scale 1; the last dimensions of `shape` are those of `alpha`."""
    check_generator(key, counter, alg)
    return _sampled(samplers.gamma, (key, counter), dims_of(shape), [alpha], float64).astype(alpha.dtype)


@op(
    "StatelessRandomGammaV2",
    "shape: T, seed: Tseed, alpha: dtype -> output: dtype",
    T=INDEX,
    Tseed=INDEX,
    dtype=_FRACTIONS,
    unsized=sized_by(0),
    static=("shape",),
    shape=drawn_shape,
)
def stateless_random_gamma_v2(shape: Any, seed: Any, alpha: Any) -> Any:
    """Gamma numbers of scale 1; the last dimensions of `shape` are those of `alpha`."""
    return _sampled(samplers.gamma, key_and_counter(seed), dims_of(shape), [alpha], float64).astype(alpha.dtype)


@op("RandomGamma", "shape: S, alpha: T -> output: T", S=INDEX, T=_FRACTIONS, unsized=sized_by(0), static=("shape",), random=True)
def random_gamma(key: Any, shape: Any, alpha: Any, *, seed: int = 0, seed2: int = 0) -> Any:
    """Gamma numbers of scale 1, of `shape` for each of `alpha`."""
    wanted = (*dims_of(shape), *alpha.shape)
    return _sampled(samplers.gamma, generator_of(key), wanted, [alpha], float64).astype(alpha.dtype)


@op("RandomGammaGrad", "alpha: T, sample: T -> output: T", T=(float32, float64), differentiable=False)
def random_gamma_grad(alpha: Any, sample: Any) -> Any:
    """How a gamma number changes with its concentration, by implicit reparameterization (arXiv 1805.08498)."""
    alpha, sample = _broadcast(alpha, sample)
    return jax.lax.random_gamma_grad(alpha, sample)


def _gradient_of_alpha(record: Any, grad: Any) -> Any:
    *others, alpha = record.inputs
    sample = record.outputs[0]
    kind = float32 if alpha.dtype == float16 else alpha.dtype
    each = random_gamma_grad(*(get("Cast")(t, DstT=kind) for t in (alpha, sample)))
    return *(None for _ in others), reduce_to(grad * get("Cast")(each, DstT=grad.dtype), alpha)


for _gamma in (stateless_random_gamma_v3, stateless_random_gamma_v2, random_gamma):
    _gamma.gradient(_gradient_of_alpha)


@op(
    "StatelessRandomPoisson",
    "shape: T, seed: Tseed, lam: Rtype -> output: dtype",
    T=INDEX,
    Tseed=INDEX,
    Rtype=_COUNTS,
    dtype=_COUNTS,
    unsized=sized_by(0),
    static=("shape",),
    shape=drawn_shape,
    differentiable=False,
)
def stateless_random_poisson(shape: Any, seed: Any, lam: Any, *, dtype: DType) -> Any:
    """Poisson numbers; the last dimensions of `shape` are those of the rates `lam`."""
    return _sampled(samplers.poisson, key_and_counter(seed), dims_of(shape), [lam], dtype)


@op(
    "RandomPoissonV2",
    "shape: S, rate: R -> output: dtype",
    S=INDEX,
    R=_COUNTS,
    dtype=_COUNTS,
    unsized=sized_by(0),
    static=("shape",),
    random=True,
    differentiable=False,
)
def random_poisson_v2(key: Any, shape: Any, rate: Any, *, seed: int = 0, seed2: int = 0, dtype: DType = int64) -> Any:
    """Poisson numbers, of `shape` for each rate."""
    return _sampled(samplers.poisson, generator_of(key), (*dims_of(shape), *rate.shape), [rate], dtype)


@op(
    "StatelessRandomBinomial",
    "shape: S, seed: Tseed, counts: T, probs: T -> output: dtype",
    S=INDEX,
    Tseed=INDEX,
    T=_COUNTS,
    dtype=_COUNTS,
    unsized=sized_by(0),
    static=("shape",),
    shape=drawn_shape,
    differentiable=False,
)
def stateless_random_binomial(shape: Any, seed: Any, counts: Any, probs: Any, *, dtype: DType = int64) -> Any:
    """Successes in `counts` trials of chance `probs`; the last dimensions of `shape` are those of both broadcast."""
    return draw_binomial(key_and_counter(seed), dims_of(shape), counts, probs, dtype)


@op(
    "StatelessParameterizedTruncatedNormal",
    "shape: S, seed: Tseed, means: dtype, stddevs: dtype, minvals: dtype, maxvals: dtype -> output: dtype",
    S=INDEX,
    Tseed=INDEX,
    dtype=_FRACTIONS,
    unsized=sized_by(0),
    static=("shape",),
    eager=_check_bounds,
    shape=drawn_shape,
    differentiable=False,
)
def stateless_parameterized_truncated_normal(shape: Any, seed: Any, means: Any, stddevs: Any, minvals: Any, maxvals: Any) -> Any:
    """Normal numbers within bounds; the last dimensions of `shape` are those of the parameters broadcast."""
    return _bounded(key_and_counter(seed), dims_of(shape), [means, stddevs, minvals, maxvals])


@op(
    "ParameterizedTruncatedNormal",
    "shape: T, means: dtype, stdevs: dtype, minvals: dtype, maxvals: dtype -> output: dtype",
    T=INDEX,
    dtype=FLOATING,
    unsized=sized_by(0),
    static=("shape",),
    random=True,
    differentiable=False,
    shape=drawn_shape,
)
def parameterized_truncated_normal(
    key: Any, shape: Any, means: Any, stdevs: Any, minvals: Any, maxvals: Any, *, seed: int = 0, seed2: int = 0
) -> Any:
    """Normal numbers within bounds; the first dimension of `shape` is that of the parameters (or they hold one value)."""
    wanted = dims_of(shape)
    given = [means, stdevs, minvals, maxvals]
    sizes = {p.size for p in given}
    if not wanted or any(len(p.shape) > 1 for p in given) or not sizes <= {1, wanted[0]}:
        shapes = [list(p.shape) for p in given]
        raise InvalidArgumentError(f"parameters are scalars or as long as the first dimension of {list(wanted)}; got {shapes}")
    turned = (*wanted[1:], wanted[0])
    spread = [jnp.broadcast_to(p.reshape(-1), wanted[:1]) for p in given]
    return jnp.moveaxis(_bounded(generator_of(key), turned, spread), -1, 0)
