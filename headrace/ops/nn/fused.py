"""What the remapper pass makes: a convolution or a matrix product with what follows it, in one kernel call.

Names and attributes are those of TensorFlow's own fused ops, which are private to it: graphs that hold them are not exported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from headrace.core.dtypes import FLOATING
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Ints, Strs, op
from headrace.ops.nn.convolution import convolve

_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "Relu": jax.nn.relu,
    "Relu6": jax.nn.relu6,
    "Elu": jax.nn.elu,
    "Tanh": jnp.tanh,
    "Sigmoid": jax.nn.sigmoid,
    "GeluApproximate": jax.nn.gelu,
    "GeluExact": lambda x: jax.nn.gelu(x, approximate=False),
}


def _finish(y: Any, args: Sequence[Any], fused_ops: Strs, epsilon: float, alpha: float, channel_shape: Sequence[int]) -> Any:
    """Applies `fused_ops` in order; each takes what it needs from `args`."""
    rest = iter(args)
    for name in fused_ops:
        if name == "BiasAdd":
            y = y + next(rest).reshape(channel_shape)
        elif name == "Add":
            y = y + next(rest)
        elif name == "FusedBatchNorm":
            scale, offset, mean, variance = (next(rest) for _ in range(4))
            slope = scale * lax.rsqrt(variance + jnp.asarray(epsilon, variance.dtype))
            shift = offset - mean * slope
            y = (y.astype(slope.dtype) * slope.reshape(channel_shape) + shift.reshape(channel_shape)).astype(y.dtype)
        elif name == "LeakyRelu":
            y = jnp.where(y > 0, y, y * jnp.asarray(alpha, y.dtype))
        elif name in _ACTIVATIONS:
            y = _ACTIVATIONS[name](y)
        else:
            known = ", ".join(["BiasAdd", "Add", "FusedBatchNorm", "LeakyRelu", *_ACTIVATIONS])
            raise InvalidArgumentError(f"fused op {name!r} is not known; expected one of {known}")
    return y


@op(
    "_FusedConv2D",
    "input: T, filter: T, args: TArgs[], host_args: num_host_args*float32 -> output: T",
    T=FLOATING,
    exportable=False,
)
def fused_conv2d(
    input: Any,
    filter: Any,
    args: Any,
    host_args: Any,
    *,
    num_args: int,
    strides: Ints,
    padding: str,
    explicit_paddings: Ints = (),
    data_format: str = "NHWC",
    filter_format: str = "HWIO",
    dilations: Ints = (1, 1, 1, 1),
    use_cudnn_on_gpu: bool = True,
    fused_ops: Strs = (),
    epsilon: float = 0.0001,
    leakyrelu_alpha: float = 0.2,
) -> Any:
    """Conv2D, then `fused_ops` on its result with `args`."""
    y = convolve(input, filter, strides, padding, explicit_paddings, data_format, dilations)
    shape = (1, -1, 1, 1) if data_format == "NCHW" else (-1,)
    return _finish(y, args, fused_ops, epsilon, leakyrelu_alpha, shape).astype(input.dtype)


@op("_FusedMatMul", "a: T, b: T, args: num_args*T -> product: T", T=FLOATING, exportable=False)
def fused_matmul(
    a: Any,
    b: Any,
    args: Any,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    fused_ops: Strs = (),
    epsilon: float = 0.0001,
    leakyrelu_alpha: float = 0.2,
) -> Any:
    """MatMul, then `fused_ops` on its result with `args`."""
    y = jnp.matmul(a.T if transpose_a else a, b.T if transpose_b else b)
    return _finish(y, args, fused_ops, epsilon, leakyrelu_alpha, (-1,))
