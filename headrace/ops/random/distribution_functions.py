"""tf.random functions for gamma, Poisson, binomial and bounded normal numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.random import distributions
from headrace.ops.random.algorithms import seeded


def _shape_vector(shape: Any) -> Any:
    """A shape as the int32 or int64 vector that ops take; a lone number is a vector of one."""
    if isinstance(shape, Tensor) or (isinstance(shape, list | tuple) and any(isinstance(size, Tensor) for size in shape)):
        return convert_to_tensor(shape, dtype_hint=dtypes.int32)
    dims = np.asarray(shape.as_list() if hasattr(shape, "as_list") else shape)
    return dims.reshape(-1).astype(np.int64 if dims.dtype == np.int64 and dims.size and dims.max() >= 2**31 else np.int32)


def _concentration_and_rate(alpha: Any, beta: Any, dtype: Any) -> tuple[Tensor, Tensor]:
    kind = dtypes.as_dtype(dtype)
    alpha, beta = convert_to_tensor(alpha, kind), convert_to_tensor(1 if beta is None else beta, kind)
    shape = get("BroadcastArgs")(get("Shape")(alpha), get("Shape")(beta))
    return get("BroadcastTo")(alpha, shape), beta


def _least(drawn: Tensor) -> Tensor:
    """Gamma numbers, those that underflowed raised to the least positive normal number."""
    return get("Maximum")(np.finfo(drawn.dtype.np_dtype).tiny, drawn)


def gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Gamma numbers, of `shape` for each concentration `alpha` and rate `beta`.

    Gradients flow to `alpha` (by implicit reparameterization) and `beta`.

    Args:
        shape: how many numbers for each pair of parameters.
        alpha: concentrations above 0.
        beta: rates above 0, which broadcast with `alpha`; 1 by default.
        dtype: float16, float32 or float64.
        seed: makes the numbers repeat, as `set_seed` says.
        name: of the op.
    """
    alpha, beta = _concentration_and_rate(alpha, beta, dtype)
    return _least(distributions.random_gamma(_shape_vector(shape), alpha, seed2=seed or 0, name=name) / beta)


def stateless_gamma(
    shape: Any, seed: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32, name: str | None = None
) -> Tensor:
    """Gamma numbers that the seed (two integers) decides; TensorFlow's.

    Gradients flow to `alpha` (by implicit reparameterization) and `beta`.

    Args:
        shape: of the result; its last dimensions are those of `alpha` and `beta` broadcast.
        seed: two integers.
        alpha: concentrations above 0.
        beta: rates above 0; 1 by default.
        dtype: float16, float32 or float64.
        name: of the op.
    """
    alpha, beta = _concentration_and_rate(alpha, beta, dtype)
    return _least(distributions.stateless_random_gamma_v3(_shape_vector(shape), *seeded(seed), alpha, name=name) / beta)


def poisson(shape: Any, lam: Any, dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None) -> Tensor:
    """Poisson numbers, of `shape` for each rate `lam`."""
    return distributions.random_poisson_v2(_shape_vector(shape), lam, dtype=dtypes.as_dtype(dtype), seed2=seed or 0, name=name)


def stateless_poisson(shape: Any, seed: Any, lam: Any, dtype: Any = dtypes.int32, name: str | None = None) -> Tensor:
    """Poisson numbers that the seed (two integers) decides; the last dimensions of `shape` are those of the rates `lam`."""
    return distributions.stateless_random_poisson(_shape_vector(shape), seed, lam, dtype=dtypes.as_dtype(dtype), name=name)


def stateless_binomial(
    shape: Any, seed: Any, counts: Any, probs: Any, output_dtype: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """Successes in `counts` trials of chance `probs` that the seed (two integers) decides; TensorFlow's.

    Args:
        shape: of the result; its last dimensions are those of `counts` and `probs` broadcast.
        seed: two integers.
        counts: trials.
        probs: the chance of success in each, of the dtype of `counts`.
        output_dtype: of the result.
        name: of the op.
    """
    probs = convert_to_tensor(probs, dtype_hint=dtypes.float32)
    counts = convert_to_tensor(counts, dtype_hint=probs.dtype)
    kind = dtypes.as_dtype(output_dtype)
    return distributions.stateless_random_binomial(_shape_vector(shape), seed, counts, probs, dtype=kind, name=name)


def stateless_parameterized_truncated_normal(
    shape: Any,
    seed: Any,
    means: Any = 0.0,
    stddevs: Any = 1.0,
    minvals: Any = -2.0,
    maxvals: Any = 2.0,
    name: str | None = None,
) -> Tensor:
    """Normal numbers within bounds that the seed (two integers) decides.

    Args:
        shape: of the result; its last dimensions are those of the parameters broadcast.
        seed: two integers.
        means, stddevs: of the normal distribution.
        minvals, maxvals: bounds, one of them finite.
        name: of the op.
    """
    parameters = [convert_to_tensor(p) for p in (means, stddevs, minvals, maxvals)]
    return distributions.stateless_parameterized_truncated_normal(_shape_vector(shape), seed, *parameters, name=name)
