"""Quantization to integers and back in one step: values become those that integers of a few bits can stand for."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor

_RANGE = "input: T, input_min: T, input_max: T"


def check_axis(x: Any, axis: int) -> None:
    """Refuses an axis that the input does not have; -1 stands for none."""
    if not -1 <= axis < max(x.ndim, 1):
        raise InvalidArgumentError(f"axis is a dimension of the input, shape {list(x.shape)}, or -1 for none; got {axis}")


def along(bound: Any, x: Any, axis: int, name: str) -> Any:
    """A bound shaped to go with the input: a scalar, or one an element of the axis."""
    wanted = () if axis < 0 else (x.shape[axis],)
    if bound.shape != wanted:
        raise InvalidArgumentError(f"{name} has the shape {list(wanted)} for axis {axis}; got {list(bound.shape)}")
    return bound if axis < 0 else bound.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def _bounds(x: Any, low: Any, high: Any, range_given: bool, axis: int) -> tuple[Any, Any]:
    if range_given:
        return along(low, x, axis, "input_min"), along(high, x, axis, "input_max")
    others = tuple(i for i in range(x.ndim) if i != axis)
    return jnp.min(x, others, keepdims=True), jnp.max(x, others, keepdims=True)


def _ends(num_bits: int, signed: bool, narrow_range: bool) -> tuple[float, float]:
    """The least and the greatest integer."""
    if not 0 < num_bits < (62 if signed else 63):
        raise InvalidArgumentError(f"num_bits is 1 to {61 if signed else 62}; got {num_bits}")
    half = 2 ** (num_bits - 1)
    return (float(narrow_range - half), float(half - 1)) if signed else (0.0, float(2**num_bits - 1))


def _simulated(
    x: Any, low: Any, high: Any, num_bits: int, *, signed: bool, given: bool, rounding: str, narrow: bool, axis: int
) -> Any:
    check_axis(x, axis)
    if rounding not in ("HALF_TO_EVEN", "HALF_UP"):
        raise InvalidArgumentError(f"round_mode is HALF_TO_EVEN or HALF_UP; got {rounding!r}")
    low, high = _bounds(x, low, high, given, axis)
    least, most = (jnp.asarray(end, x.dtype) for end in _ends(num_bits, signed, narrow))
    # The scale is the greater one at which neither end of the range leaves the integers; 0 stays 0.
    far = jnp.finfo(x.dtype).max
    from_low, from_high = (jnp.where(end * bound > 0, end / bound, far) for end, bound in ((least, low), (most, high)))
    by_low = from_low < from_high
    scale = jnp.where(by_low, from_low, from_high)
    step = jnp.where(by_low, low / least, high / most)
    if given:
        x = jnp.maximum(jnp.minimum(x, jnp.where(by_low, most * step, high)), jnp.where(by_low, low, least * step))
    scaled = x * scale
    return (jnp.rint(scaled) if rounding == "HALF_TO_EVEN" else jnp.floor(scaled + jnp.asarray(0.5, x.dtype))) * step


def _refuse_empty_range(_: Any, low: Any, high: Any, *__: Any, range_given: bool, **attrs: Any) -> Any:
    """Refuses a range whose bounds, which are at hand, are the wrong way around; the kernel does the rest."""
    if range_given and low.shape == high.shape and np.any(np.asarray(low) > np.asarray(high)):
        raise InvalidArgumentError(f"input_min is not above input_max; got {low} and {high}")
    return NotImplemented


@op("QuantizeAndDequantizeV2", f"{_RANGE} -> output: T", T=FLOATING, eager=_refuse_empty_range)
def quantize_and_dequantize_v2_op(
    input: Any,
    input_min: Any,
    input_max: Any,
    *,
    signed_input: bool = True,
    num_bits: int = 8,
    range_given: bool = False,
    round_mode: str = "HALF_TO_EVEN",
    narrow_range: bool = False,
    axis: int = -1,
) -> Any:
    """Values rounded to the steps of a range, which is that of the values unless given; 0 is one of the steps."""
    how = {"signed": signed_input, "given": range_given, "rounding": round_mode, "narrow": narrow_range, "axis": axis}
    return _simulated(input, input_min, input_max, num_bits, **how)  # type: ignore[arg-type]


@quantize_and_dequantize_v2_op.gradient
def _v2_gradient(record: Any, grad: Any) -> Any:
    return grad, None, None


@op(
    "QuantizeAndDequantizeV3",
    f"{_RANGE}, num_bits: int32 -> output: T",
    T=FLOATING,
    static=("num_bits",),
    eager=_refuse_empty_range,
)
def quantize_and_dequantize_v3_op(
    input: Any,
    input_min: Any,
    input_max: Any,
    num_bits: Any,
    *,
    signed_input: bool = True,
    range_given: bool = True,
    narrow_range: bool = False,
    axis: int = -1,
) -> Any:
    """The same with the number of bits as an input."""
    if num_bits.shape != ():
        raise InvalidArgumentError(f"num_bits is a scalar; got shape {list(num_bits.shape)}")
    how = {"signed": signed_input, "given": range_given, "rounding": "HALF_TO_EVEN", "narrow": narrow_range, "axis": axis}
    return _simulated(input, input_min, input_max, int(num_bits), **how)  # type: ignore[arg-type]


@quantize_and_dequantize_v3_op.gradient
def _v3_gradient(record: Any, grad: Any) -> Any:
    return grad, None, None, None


@op("QuantizeAndDequantizeV4", f"{_RANGE} -> output: T", T=FLOATING, eager=_refuse_empty_range)
def quantize_and_dequantize_v4_op(
    input: Any,
    input_min: Any,
    input_max: Any,
    *,
    signed_input: bool = True,
    num_bits: int = 8,
    range_given: bool = False,
    round_mode: str = "HALF_TO_EVEN",
    narrow_range: bool = False,
    axis: int = -1,
) -> Any:
    """The same with a gradient that is 0 beyond the range."""
    how = {"signed": signed_input, "given": range_given, "rounding": round_mode, "narrow": narrow_range, "axis": axis}
    return _simulated(input, input_min, input_max, num_bits, **how)  # type: ignore[arg-type]


@quantize_and_dequantize_v4_op.gradient
def _v4_gradient(record: Any, grad: Any) -> Any:
    return quantize_and_dequantize_v4_grad.all(grad, *record.inputs, axis=record.attrs["axis"])


@op(
    "QuantizeAndDequantizeV4Grad",
    f"gradients: T, {_RANGE} -> input_backprop: T, input_min_backprop: T, input_max_backprop: T",
    T=FLOATING,
)
def quantize_and_dequantize_v4_grad(gradients: Any, input: Any, input_min: Any, input_max: Any, *, axis: int = -1) -> Any:
    """The gradient of QuantizeAndDequantizeV4: that of the identity from `input_min` to `input_max`."""
    check_axis(input, axis)
    if gradients.shape != input.shape:
        raise InvalidArgumentError(f"the gradient has the input's shape {list(input.shape)}; got {list(gradients.shape)}")
    low, high = along(input_min, input, axis, "input_min"), along(input_max, input, axis, "input_max")
    within = jnp.where((input >= low) & (input <= high), gradients, jnp.zeros((), gradients.dtype))
    return within, jnp.zeros_like(input_min), jnp.zeros_like(input_max)


def axis_of(x: Tensor, axis: int | None) -> int:
    """An axis of the public functions as the raw ops count it: -1 for none.

    Raises:
        ValueError: a negative axis of an unknown number of dimensions.
    """
    if axis is None:
        return -1
    if axis < 0 and x.shape.rank is None:
        raise ValueError(f"axis {axis} counts from the end, but the number of dimensions is not known")
    return axis % len(x.shape) if axis < 0 else axis


def quantize_and_dequantize(
    input: Any,
    input_min: Any,
    input_max: Any,
    signed_input: bool = True,
    num_bits: int = 8,
    range_given: bool = False,
    round_mode: str = "HALF_TO_EVEN",
    name: str | None = None,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Tensor:
    """Values rounded to the steps of a range; gradients pass everywhere.

    Args:
        input: floating.
        input_min: the least value: a scalar, or one an element of the axis.
        input_max: the greatest value.
        signed_input: the integers are signed.
        num_bits: of the integers.
        range_given: the range is input_min to input_max, else that of the values.
        round_mode: "HALF_TO_EVEN" or "HALF_UP".
        name: a name for the node in a graph.
        narrow_range: signed integers begin at -(2 ** (num_bits - 1) - 1), so that the range is symmetric.
        axis: the dimension whose elements have a range each.
    """
    x = convert_to_tensor(input)
    return quantize_and_dequantize_v2_op(
        x,
        input_min,
        input_max,
        signed_input=signed_input,
        num_bits=num_bits,
        range_given=range_given,
        round_mode=round_mode,
        narrow_range=narrow_range,
        axis=axis_of(x, axis),
        name=name,
    )


def quantize_and_dequantize_v2(
    input: Any,
    input_min: Any,
    input_max: Any,
    signed_input: bool = True,
    num_bits: int = 8,
    range_given: bool = False,
    round_mode: str = "HALF_TO_EVEN",
    name: str | None = None,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Tensor:
    """`quantize_and_dequantize` with a gradient that is 0 for values beyond input_min to input_max."""
    x = convert_to_tensor(input)
    return quantize_and_dequantize_v4_op(
        x,
        input_min,
        input_max,
        signed_input=signed_input,
        num_bits=num_bits,
        range_given=range_given,
        round_mode=round_mode,
        narrow_range=narrow_range,
        axis=axis_of(x, axis),
        name=name,
    )
