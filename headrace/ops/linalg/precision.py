"""Half precision for routines that know single and double only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from headrace.core.dtypes import COMPLEX, float16, float32, float64
from headrace.core.errors import InvalidArgumentError

MATRIX_TYPES = (float16, float32, float64, *COMPLEX)


def at_least_single(compute: Callable[..., Any], *matrices: Any) -> Any:
    """`compute` of the matrices, done in float32 where they are narrower; results come back in their dtype."""
    arrays = [jnp.asarray(m) for m in matrices]
    dtype = arrays[0].dtype
    if dtype.itemsize >= 4:
        return compute(*arrays)
    results = compute(*[a.astype(jnp.float32) for a in arrays])
    return jax.tree_util.tree_map(lambda r: r.astype(dtype) if jnp.issubdtype(r.dtype, jnp.floating) else r, results)


def adjoint(matrix: Any) -> Any:
    """The conjugate transpose of the last two dimensions."""
    return jnp.conj(jnp.swapaxes(matrix, -1, -2))


def square(matrix: Any) -> Any:
    """The array, checked to hold square matrices.

    Raises:
        InvalidArgumentError: it does not.
    """
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise InvalidArgumentError(f"expected square matrices; got shape {matrix.shape}")
    return matrix


def from_lower(matrix: Any) -> Any:
    """The self-adjoint matrix of which the lower triangle is given."""
    strict = jnp.tril(matrix, -1)
    return strict + adjoint(strict) + jnp.eye(matrix.shape[-1], dtype=matrix.dtype) * jnp.real(matrix)
