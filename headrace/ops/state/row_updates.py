"""The fused updates of optimizers for some rows of their variables: gradients of embeddings."""

from __future__ import annotations

from functools import partial, wraps
from typing import Any

import jax
import jax.numpy as jnp

from headrace.core.dtypes import INDEX, NUMERIC
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import OpDef, op
from headrace.ops.state import optimizing, training

Arrays = tuple[Any, ...]


def _by_rows(name: str, whole: OpDef) -> OpDef:
    """Declares the update `whole` of the rows at `indices`, an input after the gradient.

    A position that occurs again is updated again, in order, as in TensorFlow.
    """
    at = next(i for i, arg in enumerate(whole.inputs) if arg.name in ("grad", "delta"))
    count = len(whole.updates)

    @wraps(whole.kernel)
    def kernel(*inputs: Any, **attrs: Any) -> Any:
        grad, indices = inputs[at : at + 2]
        if indices.ndim != 1 or grad.shape[:1] != indices.shape:
            raise InvalidArgumentError(
                f"{name} takes a vector of indices and one row of the gradient for each;"
                f" got indices of shape {list(indices.shape)} and a gradient of shape {list(grad.shape)}"
            )

        def updated(rows: Arrays, slopes: Any) -> Arrays:
            found = whole.kernel(*rows, *inputs[count:at], slopes, *inputs[at + 2 :], **attrs)
            return found if isinstance(found, tuple) else (found,)

        if len(indices) < 2:
            return _at_once(updated, indices, grad, inputs[:count])
        ordered = jnp.sort(indices)
        repeated = jnp.any(ordered[1:] == ordered[:-1])
        again = partial(_in_order, updated, indices, grad)
        return jax.lax.cond(repeated, again, partial(_at_once, updated, indices, grad), inputs[:count])

    kernel.__doc__ = f"{whole.name} on rows of the variables."
    spec = [f"{arg.name}: {arg.dtype.name if arg.dtype else arg.type_attr}" for arg in whole.inputs]
    spec[at : at + 1] = ["grad: T", "indices: Tindices"]
    return op(name, f"{', '.join(spec)} -> ", updates=whole.input_names[:count], T=NUMERIC, Tindices=INDEX, differentiable=False)(
        kernel
    )


def _at_once(updated: Any, indices: Any, grad: Any, variables: Arrays) -> Arrays:
    rows = updated(tuple(v[indices] for v in variables), grad)
    return tuple(v.at[indices].set(row.astype(v.dtype)) for v, row in zip(variables, rows, strict=True))


def _in_order(updated: Any, indices: Any, grad: Any, variables: Arrays) -> Arrays:
    def step(number: Any, present: Arrays) -> Arrays:
        return _at_once(updated, indices[number], grad[number], present)

    result: Arrays = jax.lax.fori_loop(0, indices.shape[0], step, variables)
    return result


sparse_apply_adadelta = _by_rows("ResourceSparseApplyAdadelta", optimizing.apply_adadelta)
sparse_apply_adagrad = _by_rows("ResourceSparseApplyAdagrad", optimizing.apply_adagrad)
sparse_apply_adagrad_da = _by_rows("ResourceSparseApplyAdagradDA", optimizing.apply_adagrad_da)
sparse_apply_adagrad_v2 = _by_rows("ResourceSparseApplyAdagradV2", optimizing.apply_adagrad_v2)
sparse_apply_centered_rms_prop = _by_rows("ResourceSparseApplyCenteredRMSProp", optimizing.apply_centered_rms_prop)
sparse_apply_ftrl = _by_rows("ResourceSparseApplyFtrl", optimizing.apply_ftrl)
sparse_apply_ftrl_v2 = _by_rows("ResourceSparseApplyFtrlV2", optimizing.apply_ftrl_v2)
sparse_apply_keras_momentum = _by_rows("ResourceSparseApplyKerasMomentum", training.apply_keras_momentum)
sparse_apply_momentum = _by_rows("ResourceSparseApplyMomentum", training.apply_momentum)
sparse_apply_proximal_adagrad = _by_rows("ResourceSparseApplyProximalAdagrad", optimizing.apply_proximal_adagrad)
sparse_apply_proximal_gradient_descent = _by_rows(
    "ResourceSparseApplyProximalGradientDescent", optimizing.apply_proximal_gradient_descent
)
sparse_apply_rms_prop = _by_rows("ResourceSparseApplyRMSProp", optimizing.apply_rms_prop)
