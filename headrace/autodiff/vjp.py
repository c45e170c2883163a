"""The default gradient: for every op with a kernel, an op `_VJP<Name>` whose kernel is `jax.vjp` of the first.

It is an ordinary op (it has a VJP itself, can be recorded in a graph and printed), but TensorFlow has none of its name,
so graphs that hold one are not exported. XLA merges the forward computation that it repeats.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from headrace.core.errors import NoGradientError
from headrace.dispatch.infer import as_tuple
from headrace.dispatch.opdef import Arg, OpDef, find, get, register, register_derivation

PREFIX = "_VJP"


def is_differentiable_argument(op: OpDef, arg: Arg) -> bool:
    """True when tensors of this argument may be floating or complex."""
    if arg.type_list_attr:
        return False
    if arg.dtype is not None:
        return arg.dtype.is_floating or arg.dtype.is_complex
    allowed = op.attrs[arg.type_attr].allowed
    return allowed is None or any(d.is_floating or d.is_complex for d in allowed)


def differentiable_inputs(op: OpDef) -> list[int]:
    """Positions of the inputs (as declared) that the VJP gives gradients for."""
    return [i for i, arg in enumerate(op.inputs) if i not in op.static and is_differentiable_argument(op, arg)]


def differentiable_outputs(op: OpDef) -> list[int]:
    """Positions of the outputs (as declared) that carry gradients."""
    return [i for i, arg in enumerate(op.outputs) if is_differentiable_argument(op, arg)]


def vjp_op(op: OpDef) -> OpDef:
    """The op that computes an op's vector-Jacobian product: inputs, then output gradients -> input gradients.

    Raises:
        NoGradientError: the op's kernel cannot be differentiated.
    """
    return find(PREFIX + op.name) or _derive(op.name)


def _derive(name: str) -> OpDef:
    op = get(name)
    if op.host_only or op.has_resources or op.random or not op.differentiable:
        raise NoGradientError(
            f"{op.name} has no gradient: it runs on the host, is random or is not differentiable; wrap it in tf.stop_gradient or"
            " tf.custom_gradient",
            op=op.name,
        )
    into, out_of = differentiable_inputs(op), differentiable_outputs(op)
    inputs = (*op.inputs, *(op.outputs[i]._replace(name=f"grad_{op.outputs[i].name}") for i in out_of))
    outputs = tuple(op.inputs[i]._replace(name=f"grad_{op.inputs[i].name}") for i in into)
    return register(
        OpDef(
            PREFIX + op.name,
            inputs,
            outputs,
            op.attrs,
            _kernel(op, into, out_of),
            static=[op.input_names[i] for i in op.static],
            known=[op.input_names[i] for i in op.known],
            exportable=False,
        )
    )


def _kernel(op: OpDef, into: list[int], out_of: list[int]) -> Any:
    count = len(op.inputs)

    def kernel(*arguments: Any, **attrs: Any) -> Any:
        primals, cotangents = arguments[:count], arguments[count:]

        def forward(*varied: Any) -> tuple[Any, ...]:
            full = list(primals)
            for position, value in zip(into, varied, strict=True):
                full[position] = value
            result = op.kernel(*full, **attrs)
            declared = (result,) if len(op.outputs) == 1 else tuple(result)
            return as_tuple([declared[i] for i in out_of])

        results, pull = jax.vjp(forward, *[primals[i] for i in into])
        # JAX and TensorFlow differ by a conjugation for complex numbers.
        flat = [jnp.conj(jnp.asarray(c, r.dtype)) for c, r in zip(as_tuple(list(cotangents)), results, strict=True)]
        gradients = jax.tree_util.tree_map(jnp.conj, pull(tuple(flat)))
        return gradients if len(gradients) > 1 else gradients[0]

    kernel.__name__ = f"vjp_{op.__name__}"
    kernel.__doc__ = f"The vector-Jacobian product of {op.name}."
    return kernel


register_derivation(PREFIX, _derive)
