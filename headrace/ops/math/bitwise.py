"""Operations on the bits of integers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INTEGERS
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import op


@op("BitwiseAnd", "x: T, y: T -> z: T", T=INTEGERS, host=np.bitwise_and, shape=elementwise)
def bitwise_and(x: Any, y: Any) -> Any:
    """The bits set in both x and y."""
    return jnp.bitwise_and(x, y)


@op("BitwiseOr", "x: T, y: T -> z: T", T=INTEGERS, host=np.bitwise_or, shape=elementwise)
def bitwise_or(x: Any, y: Any) -> Any:
    """The bits set in x or y."""
    return jnp.bitwise_or(x, y)


@op("BitwiseXor", "x: T, y: T -> z: T", T=INTEGERS, host=np.bitwise_xor, shape=elementwise)
def bitwise_xor(x: Any, y: Any) -> Any:
    """The bits set in one of x and y."""
    return jnp.bitwise_xor(x, y)


@op("Invert", "x: T -> y: T", T=INTEGERS, host=np.invert, shape=elementwise)
def invert(x: Any) -> Any:
    """The bits not set in x."""
    return jnp.invert(x)


def _within_width(x: Any, y: Any) -> Any:
    """Shifts are taken between 0 and the type's width less 1."""
    return jnp.clip(y, 0, x.dtype.itemsize * 8 - 1)


@op("LeftShift", "x: T, y: T -> z: T", T=INTEGERS, shape=elementwise)
def left_shift(x: Any, y: Any) -> Any:
    """x with its bits moved y places up."""
    return jnp.left_shift(x, _within_width(x, y))


@op("RightShift", "x: T, y: T -> z: T", T=INTEGERS, shape=elementwise)
def right_shift(x: Any, y: Any) -> Any:
    """x with its bits moved y places down; the sign is kept."""
    return jnp.right_shift(x, _within_width(x, y))


@op("PopulationCount", "x: T -> y: uint8", T=INTEGERS, shape=elementwise)
def population_count(x: Any) -> Any:
    """How many bits are set."""
    return jax.lax.population_count(x).astype(jnp.uint8)
