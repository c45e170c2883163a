"""Conjugate gradients: linear systems solved by an operator's products alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.operators.base import LinearOperator
from headrace.ops.linalg.functions import norm
from headrace.ops.math.elementwise import conj
from headrace.trace.control.looping import while_loop


class ConjugateGradientState(NamedTuple):
    """Where the iteration stands: its number, the solution, the residual, the direction, and the square of the residual."""

    i: Tensor
    x: Tensor
    r: Tensor
    p: Tensor
    gamma: Tensor


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of vectors [..., n], of shape [...]."""
    found: Tensor = get("Sum")(conj(a) * b, [-1])
    return found


def conjugate_gradient(
    operator: LinearOperator,
    rhs: Any,
    preconditioner: LinearOperator | None = None,
    x: Any = None,
    tol: float = 1e-5,
    max_iter: int = 20,
    name: str = "conjugate_gradient",
) -> ConjugateGradientState:
    """x with operator x = rhs, by conjugate gradients (Hestenes and Stiefel, 1952).

    Args:
        operator: self-adjoint and positive definite.
        rhs: vectors [..., n].
        preconditioner: an operator close to the inverse of `operator`.
        x: where to begin; zeros by default.
        tol: the iteration ends when the residual is below `tol` times the length of rhs,
        max_iter: or after so many steps.
        name: without effect.

    Raises:
        ValueError: the operator is not known to be self-adjoint and positive definite.
    """
    if not (operator.is_self_adjoint and operator.is_positive_definite):
        raise ValueError("conjugate gradients need an operator made with is_self_adjoint=True and is_positive_definite=True")
    target = convert_to_tensor(rhs, operator.dtype)
    limit = norm(target, axis=-1) * tol

    def directed(residual: Tensor) -> Tensor:
        return residual if preconditioner is None else preconditioner.matvec(residual)

    def unfinished(i: Tensor, state: ConjugateGradientState) -> Tensor:
        length = norm(state.r, axis=-1)
        if length.dtype.is_complex:
            length = get("Real")(length, Tout=length.dtype.real_dtype)
        above = length > get("Cast")(limit, DstT=length.dtype)
        return get("LogicalAnd")(i < max_iter, get("Any")(above, list(range(len(above.shape)))))

    def step(i: Tensor, state: ConjugateGradientState) -> tuple[Tensor, ConjugateGradientState]:
        image = operator.matvec(state.p)
        share = get("ExpandDims")(state.gamma / _dot(state.p, image), -1)
        residual = state.r - share * image
        along = directed(residual)
        gamma = _dot(residual, along)
        turned = along + get("ExpandDims")(gamma / state.gamma, -1) * state.p
        return i + 1, ConjugateGradientState(i + 1, state.x + share * state.p, residual, turned, gamma)

    begin = get("ZerosLike")(target) if x is None else convert_to_tensor(x, operator.dtype)
    residual = target if x is None else target - operator.matvec(begin)
    along = directed(residual)
    zero = convert_to_tensor(np.int32(0), dtypes.int32)
    start = ConjugateGradientState(zero, begin, residual, along, _dot(residual, along))
    _, final = while_loop(unfinished, step, (zero, start))
    return ConjugateGradientState(*final)
