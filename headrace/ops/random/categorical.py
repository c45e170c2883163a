"""Classes drawn by a seed from log-probabilities."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INDEX, REAL, DType, int64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.random import philox


def _drawn_shape(logits: tuple[int, ...], num_samples: Any, seed: Any, **_: Any) -> tuple[int, ...]:
    if len(logits) != 2:
        raise InvalidArgumentError(f"logits have the shape [n, classes]; got {list(logits)}")
    if int(num_samples) < 0:
        raise InvalidArgumentError(f"num_samples is 0 or more; got {int(num_samples)}")
    return logits[0], int(num_samples)


@op(
    "StatelessMultinomial",
    "logits: T, num_samples: int32, seed: Tseed -> output: output_dtype",
    T=REAL,
    Tseed=INDEX,
    output_dtype=INDEX,
    unsized=lambda logits, *_, **__: (logits.shape[0], None),
    static=("num_samples",),
    shape=_drawn_shape,
    differentiable=False,
)
def stateless_multinomial(logits: Any, num_samples: Any, seed: Any, *, output_dtype: DType = int64) -> Any:
    """Classes drawn from each row of unnormalized log-probabilities [n, classes], by the inverse of their running sum."""
    shape = _drawn_shape(logits.shape, num_samples, seed)
    if seed.shape != (2,):
        raise InvalidArgumentError(f"a seed is a vector of two integers; got shape {tuple(seed.shape)}")
    key, counter = philox.key_and_counter(seed, jnp)
    drawn = philox.uniform(key, counter, math.prod(shape), np.dtype(np.float64)).reshape(shape)
    wide = logits.astype(jnp.float64)
    usable = jnp.isfinite(wide)
    most = jnp.max(jnp.where(usable, wide, -jnp.inf), 1, keepdims=True)
    running = jnp.cumsum(jnp.where(usable, jnp.exp(wide - most), 0.0), 1)
    found = jax.vmap(lambda sums, wanted: jnp.searchsorted(sums, wanted, side="right"))(running, drawn * running[:, -1:])
    return found.astype(output_dtype.np_dtype)
