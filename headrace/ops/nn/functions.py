"""Public functions of tf.nn that are compositions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from headrace.core.dtypes import float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.overriding import dispatches
from headrace.dispatch.tensor import Tensor
from headrace.ops.nn.activation import leaky_relu_op, log_softmax_last, softmax_last
from headrace.ops.random.functions import stateless_uniform


def _along(op: Any, logits: Any, axis: int | None, name: str | None) -> Tensor:
    """Applies an op that works along the last axis along another."""
    tensor = convert_to_tensor(logits)
    rank = tensor.shape.rank
    axis = -1 if axis is None else axis
    if axis == -1 or rank is None or axis == rank - 1:
        return op(tensor, name=name)  # type: ignore[no-any-return]
    if not -rank <= axis < rank:
        raise InvalidArgumentError(f"axis {axis} is out of range for logits of {rank} dimensions; expected {-rank} to {rank - 1}")
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    transpose = get("Transpose")
    return transpose(op(transpose(tensor, order)), order, name=name)


def softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """exp(logits) normalized to a sum of 1 along `axis` (the last)."""
    return _along(softmax_last, logits, axis, name)


def log_softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """The logarithm of softmax along `axis` (the last)."""
    return _along(log_softmax_last, logits, axis, name)


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """features where above 0, else alpha * features; integers become float32."""
    x = convert_to_tensor(features)
    return leaky_relu_op(get("Cast")(x, DstT=float32) if x.dtype.is_integer else x, alpha=alpha, name=name)


def crelu(features: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """Relu of the features and of their negatives, side by side along `axis`."""
    x = convert_to_tensor(features)
    return get("Relu")(get("ConcatV2")([x, -x], axis), name=name)


def silu(features: Any, beta: float = 1.0, name: str | None = None) -> Tensor:
    """features * sigmoid(beta * features)."""
    x = convert_to_tensor(features)
    return x * get("Sigmoid")(x if beta == 1.0 else x * beta)


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Tensor:
    """features times the normal distribution's cumulative probability; by tanh when `approximate`."""
    x = convert_to_tensor(features)
    if approximate:
        return 0.5 * x * (1.0 + get("Tanh")(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1.0 + get("Erf")(x * math.sqrt(0.5)))


def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """log(1 / (1 + exp(-x))), without overflow."""
    return get("Neg")(get("Softplus")(get("Neg")(x)), name=name)


def dropout(x: Any, rate: Any, noise_shape: Any = None, seed: int | None = None, name: str | None = None) -> Tensor:
    """Sets a random share `rate` of the elements to 0 and scales the others by 1 / (1 - rate).

    Raises:
        ValueError: the rate is not in [0, 1), or `x` is not floating.
    """

    def uniform(shape: Any, dtype: Any) -> Tensor:
        return get("RandomUniform")(shape, dtype=dtype, seed=0, seed2=seed or 0)

    return general_dropout(x, rate, uniform, noise_shape, name)


def stateless_dropout(
    x: Any, rate: Any, seed: Any, rng_alg: str | None = None, noise_shape: Any = None, name: str | None = None
) -> Tensor:
    """`dropout` that `seed` (two integers) decides; see there."""

    def uniform(shape: Any, dtype: Any) -> Tensor:
        return stateless_uniform(shape, seed, dtype=dtype, alg=rng_alg or "auto_select")

    return general_dropout(x, rate, uniform, noise_shape, name)


def general_dropout(
    x: Any, rate: Any, uniform_sampler: Callable[..., Tensor], noise_shape: Any = None, name: str | None = None
) -> Tensor:
    """`dropout` with random numbers in [0, 1) from `uniform_sampler(shape=, dtype=)`; see there."""
    tensor = convert_to_tensor(x)
    if isinstance(rate, float | int):
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1); got {rate}")
        if rate == 0:
            return tensor
    if not tensor.dtype.is_floating:
        raise ValueError(f"dropout takes floating tensors; got {tensor.dtype.name}")
    shape = get("Shape")(tensor) if noise_shape is None else noise_shape
    uniform = uniform_sampler(shape=shape, dtype=tensor.dtype)
    kept = convert_to_tensor(1.0, tensor.dtype) - rate
    return get("SelectV2")(uniform >= rate, tensor / kept, get("ZerosLike")(tensor), name=name)


@dispatches
def embedding_lookup(params: Any, ids: Any, max_norm: float | None = None, name: str | None = None) -> Tensor:
    """Rows of `params` [rows, ...] at `ids`; rows longer than `max_norm` are scaled down to it."""
    rows = params.sparse_read(ids) if hasattr(params, "sparse_read") else get("GatherV2")(params, ids, 0)
    if max_norm is None:
        return rows
    axes = list(range(len(convert_to_tensor(ids).shape), len(rows.shape)))
    norm = get("Sqrt")(get("Sum")(rows * rows, axes, keep_dims=True))
    return rows * (max_norm / get("Maximum")(norm, convert_to_tensor(max_norm, rows.dtype)))


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of zeros, float32."""
    tensor = convert_to_tensor(value)
    zero = get("Equal")(tensor, get("ZerosLike")(tensor))
    return get("Mean")(get("Cast")(zero, DstT="float32"), list(range(len(tensor.shape))))
