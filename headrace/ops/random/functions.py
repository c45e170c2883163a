"""Public functions of tf.random."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.random import stateful
from headrace.ops.random.algorithms import seeded


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Normally distributed numbers of a shape."""
    drawn = stateful.random_standard_normal(shape, dtype=dtype, seed2=seed or 0, name=name)
    return drawn * convert_to_tensor(stddev, drawn.dtype) + convert_to_tensor(mean, drawn.dtype)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Normally distributed numbers, redrawn beyond two standard deviations."""
    drawn = stateful.truncated_normal_op(shape, dtype=dtype, seed2=seed or 0, name=name)
    return drawn * convert_to_tensor(stddev, drawn.dtype) + convert_to_tensor(mean, drawn.dtype)


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Uniform numbers in [minval, maxval); `maxval` is 1 by default and must be given for integers.

    Raises:
        ValueError: `maxval` is missing for an integer dtype.
    """
    kind = dtypes.as_dtype(dtype)
    if maxval is None:
        if kind.is_integer:
            raise ValueError(f"uniform needs maxval for the integer dtype {kind.name}")
        maxval = 1
    low, high = convert_to_tensor(minval, kind), convert_to_tensor(maxval, kind)
    if kind.is_integer:
        return stateful.random_uniform_int(shape, low, high, seed2=seed or 0, name=name)
    return stateful.random_uniform(shape, dtype=kind, seed2=seed or 0, name=name) * (high - low) + low


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The rows of a tensor in random order."""
    return stateful.random_shuffle(value, seed2=seed or 0, name=name)


def categorical(logits: Any, num_samples: Any, dtype: Any = None, seed: int | None = None, name: str | None = None) -> Tensor:
    """Classes [n, num_samples] drawn from unnormalized log-probabilities [n, classes]."""
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    return get("Multinomial")(logits, num_samples, output_dtype=kind, seed2=seed or 0, name=name)


def stateless_uniform(
    shape: Any,
    seed: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Uniform numbers in [minval, maxval) that the seed (two integers) decides; TensorFlow's bits.

    Args:
        shape: the shape wanted.
        seed: two integers.
        minval, maxval: the range, of floats 0 to 1 by default; None for both gives integers of the dtype's whole range.
        dtype: floating, or an integer of 32 or 64 bits (unsigned ones need None for both bounds).
        name: of the op.
        alg: "philox" or "auto_select", which is the same.

    Raises:
        ValueError: `maxval` is missing, or a bound is given for an unsigned dtype.
    """
    kind = dtypes.as_dtype(dtype)
    if kind.is_integer:
        return _stateless_integers(shape, seed, minval, maxval, kind, name, alg)
    low, high = convert_to_tensor(0 if minval is None else minval, kind), convert_to_tensor(1 if maxval is None else maxval, kind)
    return get("StatelessRandomUniformV2")(shape, *seeded(seed, alg), dtype=kind, name=name) * (high - low) + low


def _stateless_integers(shape: Any, seed: Any, minval: Any, maxval: Any, kind: dtypes.DType, name: str | None, alg: Any) -> Tensor:
    if minval is None and maxval is None:
        return get("StatelessRandomUniformFullIntV2")(shape, *seeded(seed, alg), dtype=kind, name=name)
    if kind.is_unsigned:
        raise ValueError(f"stateless_uniform of {kind.name} draws from the whole range; give None for minval and maxval")
    if minval is None or maxval is None:
        raise ValueError(f"stateless_uniform needs maxval (and minval) for the integer dtype {kind.name}, or None for both")
    low, high = convert_to_tensor(minval, kind), convert_to_tensor(maxval, kind)
    return get("StatelessRandomUniformIntV2")(shape, *seeded(seed, alg), low, high, name=name)


def stateless_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Normally distributed numbers that the seed (two integers) decides; TensorFlow's."""
    drawn = get("StatelessRandomNormalV2")(shape, *seeded(seed, alg), dtype=dtype, name=name)
    return drawn * convert_to_tensor(stddev, drawn.dtype) + convert_to_tensor(mean, drawn.dtype)


def stateless_truncated_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Normally distributed numbers within two standard deviations that the seed decides."""
    drawn = get("StatelessTruncatedNormalV2")(shape, *seeded(seed, alg), dtype=dtype, name=name)
    return drawn * convert_to_tensor(stddev, drawn.dtype) + convert_to_tensor(mean, drawn.dtype)


def stateless_categorical(logits: Any, num_samples: Any, seed: Any, dtype: Any = dtypes.int64, name: str | None = None) -> Tensor:
    """Classes [n, num_samples] drawn from unnormalized log-probabilities [n, classes] as the seed (two integers) decides."""
    return get("StatelessMultinomial")(logits, num_samples, seed, output_dtype=dtypes.as_dtype(dtype), name=name)
