"""Comparisons and logic."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import NUMERIC, REAL
from headrace.core.shapes import TensorShape
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import op


def _broadcasts(x: tuple[int, ...], y: tuple[int, ...]) -> bool:
    try:
        elementwise(x, y)
    except ValueError:
        return False
    return True


def _equality_shape(x: tuple[int, ...], y: tuple[int, ...], incompatible_shape_error: bool) -> tuple[int, ...]:
    if not incompatible_shape_error and not _broadcasts(x, y):
        return ()
    return elementwise(x, y)


def _host_equal(x: Any, y: Any, incompatible_shape_error: bool) -> Any:
    if not incompatible_shape_error and not _broadcasts(x.shape, y.shape):
        return np.array(False)
    return np.asarray(np.equal(x, y), np.bool_)


def _host_not_equal(x: Any, y: Any, incompatible_shape_error: bool) -> Any:
    return np.logical_not(_host_equal(x, y, incompatible_shape_error))


@op("Equal", "x: T, y: T -> z: bool", host=_host_equal, shape=_equality_shape, differentiable=False)
def equal_op(x: Any, y: Any, *, incompatible_shape_error: bool = True) -> Any:
    """Where x and y are equal; False as a whole when shapes do not broadcast and that is no error."""
    if not incompatible_shape_error and not _broadcasts(x.shape, y.shape):
        return jnp.array(False)
    return jnp.equal(x, y)


@op("NotEqual", "x: T, y: T -> z: bool", host=_host_not_equal, shape=_equality_shape, differentiable=False)
def not_equal_op(x: Any, y: Any, *, incompatible_shape_error: bool = True) -> Any:
    """Where x and y differ; True as a whole when shapes do not broadcast and that is no error."""
    if not incompatible_shape_error and not _broadcasts(x.shape, y.shape):
        return jnp.array(True)
    return jnp.not_equal(x, y)


@op("Less", "x: T, y: T -> z: bool", T=REAL, host=np.less, shape=elementwise, differentiable=False)
def less(x: Any, y: Any) -> Any:
    """Where x < y."""
    return jnp.less(x, y)


@op("LessEqual", "x: T, y: T -> z: bool", T=REAL, host=np.less_equal, shape=elementwise, differentiable=False)
def less_equal(x: Any, y: Any) -> Any:
    """Where x <= y."""
    return jnp.less_equal(x, y)


@op("Greater", "x: T, y: T -> z: bool", T=REAL, host=np.greater, shape=elementwise, differentiable=False)
def greater(x: Any, y: Any) -> Any:
    """Where x > y."""
    return jnp.greater(x, y)


@op("GreaterEqual", "x: T, y: T -> z: bool", T=REAL, host=np.greater_equal, shape=elementwise, differentiable=False)
def greater_equal(x: Any, y: Any) -> Any:
    """Where x >= y."""
    return jnp.greater_equal(x, y)


def _one_shape(x: tuple[int, ...], y: tuple[int, ...], tolerance: float) -> tuple[int, ...]:
    if len(x) != len(y):
        raise ValueError(f"ApproximateEqual takes two tensors of one shape; got {TensorShape(x)} and {TensorShape(y)}")
    return elementwise(x, y)


@op("ApproximateEqual", "x: T, y: T -> z: bool", T=NUMERIC, shape=_one_shape, differentiable=False)
def approximate_equal_op(x: Any, y: Any, *, tolerance: float = 1e-5) -> Any:
    """Where x and y differ by less than `tolerance`."""
    if x.shape != y.shape:
        raise ValueError(f"ApproximateEqual takes two tensors of one shape; got {TensorShape(x.shape)} and {TensorShape(y.shape)}")
    return jnp.abs(x - y) < tolerance


@op("LogicalAnd", "x: bool, y: bool -> z: bool", host=np.logical_and, shape=elementwise, differentiable=False)
def logical_and(x: Any, y: Any) -> Any:
    """Where both are true."""
    return jnp.logical_and(x, y)


@op("LogicalOr", "x: bool, y: bool -> z: bool", host=np.logical_or, shape=elementwise, differentiable=False)
def logical_or(x: Any, y: Any) -> Any:
    """Where at least one is true."""
    return jnp.logical_or(x, y)


@op("LogicalNot", "x: bool -> y: bool", host=np.logical_not, shape=elementwise, differentiable=False)
def logical_not(x: Any) -> Any:
    """Where x is false."""
    return jnp.logical_not(x)
