"""Biases along the channel axis."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import NUMERIC
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor


@op("BiasAdd", "value: T, bias: T -> output: T", T=NUMERIC)
def bias_add_op(value: Any, bias: Any, *, data_format: str = "NHWC") -> Any:
    """Adds a bias [channels] along the channel axis."""
    if value.ndim < 2 or bias.ndim != 1 or bias.shape[0] != value.shape[1 if data_format == "NCHW" else -1]:
        raise InvalidArgumentError(
            f"bias must be a vector of one entry a channel; got shape {bias.shape} for a value of {value.shape}"
        )
    if data_format == "NCHW":
        return value + bias.reshape((-1,) + (1,) * (value.ndim - 2))
    return value + bias


@bias_add_op.gradient
def _bias_add_gradient(record: Any, grad: Any) -> Any:
    return grad, bias_add_grad(grad, data_format=record.attrs["data_format"])


@op("BiasAddV1", "value: T, bias: T -> output: T", T=NUMERIC)
def bias_add_v1(value: Any, bias: Any) -> Any:
    """Adds a bias [channels] along the last axis."""
    return bias_add_op.kernel(value, bias)


@bias_add_v1.gradient
def _bias_add_v1_gradient(record: Any, grad: Any) -> Any:
    return grad, bias_add_grad(grad)


@op("BiasAddGrad", "out_backprop: T -> output: T", T=NUMERIC)
def bias_add_grad(out_backprop: Any, *, data_format: str = "NHWC") -> Any:
    """The sum over everything but the channel axis."""
    channel = 1 if data_format == "NCHW" else out_backprop.ndim - 1
    return jnp.sum(out_backprop, tuple(i for i in range(out_backprop.ndim) if i != channel), dtype=out_backprop.dtype)


@bias_add_grad.gradient
def _bias_add_grad_gradient(record: Any, grad: Any) -> Any:
    upstream = record.inputs[0]
    if record.attrs["data_format"] == "NCHW":
        trailing = [1] * (len(upstream.shape) - 2)
        grad = get("Reshape")(grad, [1, -1, *trailing])
    return get("BroadcastTo")(grad, get("Shape")(upstream))


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Tensor:
    """Adds a bias along the channel axis; `data_format` is `N...C` (default) or `NC...`.

    Raises:
        ValueError: the data format is neither.
    """
    if data_format is not None and not (data_format.startswith("N") and "C" in (data_format[1:2], data_format[-1:])):
        raise ValueError(f"data_format must be of the form N...C or NC...; got {data_format!r}")
    layout = "NCHW" if data_format is not None and data_format.startswith("NC") else "NHWC"
    return bias_add_op(value, bias, data_format=layout, name=name)
