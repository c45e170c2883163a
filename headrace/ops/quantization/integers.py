"""Quantization: real numbers as integers of a few bits and the range that these stand for, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import QUANTIZED, DType, as_dtype, bfloat16, float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor
from headrace.ops.quantization.simulated import along, axis_of, check_axis

_MODES = ("MIN_COMBINED", "MIN_FIRST", "SCALED")
_FAR = np.float32(np.finfo(np.float32).max)
_LAST_BELOW_2_31 = np.float32(2147483520)


def _check(x: Any, mode: str, axis: int) -> None:
    check_axis(x, axis)
    if mode not in _MODES:
        raise InvalidArgumentError(f"mode is one of {', '.join(_MODES)}; got {mode!r}")


def _limits(kind: np.dtype[Any], narrow: bool) -> tuple[float, float]:
    """The least and the greatest integer; a narrow range leaves the least one out."""
    info = np.iinfo(kind)
    return float(int(info.min) + narrow), float(info.max)


def _away(values: Any) -> Any:
    """Rounded to the nearest integer, halves away from 0."""
    whole = jnp.trunc(values)
    return whole + jnp.sign(values) * (jnp.abs(values - whole) >= 0.5)


def _steps(kind: np.dtype[Any]) -> float:
    """How many integers there are."""
    return float(2 ** (8 * kind.itemsize))


def _combined(x: Any, low: Any, high: Any, kind: np.dtype[Any]) -> Any:
    least, most = _limits(kind, False)
    scale = np.float32(most - least) / (high - low)
    shifted = (jnp.maximum(jnp.minimum(x, high), low) - low) * scale
    return _away(shifted - np.float32(_steps(kind) / 2)) if least < 0 else jnp.floor(shifted + 0.5)


def _from_least(x: Any, low: Any, high: Any, kind: np.dtype[Any]) -> Any:
    least, most = _limits(kind, False)
    scale = ((_steps(kind) - 1) / (high - low).astype(jnp.float64)).astype(jnp.float32)
    moved = _away(x * scale) - (_away(low * scale) - np.float32(least))
    return jnp.clip(moved, np.float32(least), min(np.float32(most), _LAST_BELOW_2_31))


def _scale(low: Any, high: Any, least: float, most: float) -> Any:
    """The greatest factor that keeps both ends of the range among the integers."""
    sides = [jnp.where(end * bound > 0, end / bound, _FAR) for end, bound in ((np.float32(least), low), (np.float32(most), high))]
    return jnp.minimum(*sides)


def _refuse_empty_range(_: Any, low: Any, high: Any, **attrs: Any) -> Any:
    """Refuses a range whose ends, which are at hand, are the wrong way around; the kernel does the rest."""
    if low.shape == high.shape and np.any(np.asarray(low) > np.asarray(high)):
        raise InvalidArgumentError(f"min_range is not above max_range; got {low} and {high}")
    return NotImplemented


@op(
    "QuantizeV2",
    "input: float, min_range: float, max_range: float -> output: T, output_min: float, output_max: float",
    T=QUANTIZED,
    eager=_refuse_empty_range,
    differentiable=False,
)
def quantize_v2_op(
    input: Any,
    min_range: Any,
    max_range: Any,
    *,
    T: DType,
    mode: str = "MIN_COMBINED",
    round_mode: str = "HALF_AWAY_FROM_ZERO",
    narrow_range: bool = False,
    axis: int = -1,
    ensure_minimum_range: float = 0.01,
) -> Any:
    """Real numbers as integers, and the range that the least and the greatest integer stand for."""
    _check(input, mode, axis)
    if round_mode not in ("HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN") or (round_mode == "HALF_TO_EVEN" and mode != "SCALED"):
        raise InvalidArgumentError(
            f"round_mode is HALF_AWAY_FROM_ZERO, or HALF_TO_EVEN in the mode SCALED; got {round_mode!r} in {mode}"
        )
    low = jnp.minimum(min_range, 0)
    apart = jnp.maximum(1, jnp.maximum(jnp.abs(min_range), jnp.abs(max_range))) * np.float32(ensure_minimum_range)
    high = jnp.maximum(0, jnp.maximum(max_range, low + apart))
    kind = T.np_dtype
    least, most = _limits(kind, narrow_range)
    if mode == "SCALED":
        scale = _scale(low, high, least, most)
        low, high = np.float32(least) / scale, np.float32(most) / scale
        ends = along(low, input, axis, "min_range"), along(high, input, axis, "max_range")
        scaled = jnp.maximum(jnp.minimum(input, ends[1]), ends[0]) * along(scale, input, axis, "min_range")
        rounded = jnp.rint(scaled) if round_mode == "HALF_TO_EVEN" else _away(scaled)
    else:
        ends = along(low, input, axis, "min_range"), along(high, input, axis, "max_range")
        rounded = (_combined if mode == "MIN_COMBINED" else _from_least)(input, *ends, kind)
    return jnp.clip(rounded, *_limits(kind, False)).astype(kind), low, high


@op(
    "Dequantize",
    "input: T, min_range: float, max_range: float -> output: dtype",
    T=QUANTIZED,
    dtype=(bfloat16, float32),
    differentiable=False,
)
def dequantize_op(
    input: Any,
    min_range: Any,
    max_range: Any,
    *,
    mode: str = "MIN_COMBINED",
    narrow_range: bool = False,
    axis: int = -1,
    dtype: DType = float32,
) -> Any:
    """The real numbers that integers stand for."""
    _check(input, mode, axis)
    low, high = along(min_range, input, axis, "min_range"), along(max_range, input, axis, "max_range")
    kind = np.dtype(input.dtype)
    least, most = _limits(kind, narrow_range and mode == "SCALED")
    wide = input.astype(jnp.float32)
    if mode == "SCALED":
        step = high / np.float32(most)
        values = wide * (step if least == 0 else jnp.maximum(low / np.float32(least), step))
    elif mode == "MIN_COMBINED":
        half = np.float32(_steps(kind) / 2 if least < 0 else 0)
        values = (wide + half) * ((high - low) / np.float32(most - least)) + low
    else:
        step = ((high - low).astype(jnp.float64) / (_steps(kind) - 1)).astype(jnp.float32)
        start = jnp.where(low == high, low, _away(low / jnp.where(step == 0, 1, step)) * step)
        values = (wide - np.float32(least)) * step + start
    return values.astype(dtype.np_dtype)


class Quantized(NamedTuple):
    """Integers, and the range that the least and the greatest one stand for."""

    output: Tensor
    output_min: Tensor
    output_max: Tensor


def quantize(
    input: Any,
    min_range: Any,
    max_range: Any,
    T: Any,
    mode: str = "MIN_COMBINED",
    round_mode: str = "HALF_AWAY_FROM_ZERO",
    name: str | None = None,
    narrow_range: bool = False,
    axis: int | None = None,
    ensure_minimum_range: float = 0.01,
) -> Quantized:
    """Real numbers as integers of dtype `T`.

    Args:
        input: float32.
        min_range: the least value: a scalar, or one an element of the axis. 0 is always made part of the range.
        max_range: the greatest value.
        T: qint8, quint8, qint16, quint16 or qint32.
        mode: "MIN_COMBINED", "MIN_FIRST" (0 is exact) or "SCALED" (0 stays 0).
        round_mode: "HALF_AWAY_FROM_ZERO", or for "SCALED" also "HALF_TO_EVEN".
        name: a name for the node in a graph.
        narrow_range: in the mode "SCALED" the least integer is not used.
        axis: the dimension whose elements have a range each.
        ensure_minimum_range: how far the ends of the range are at least apart, relative to the greater one.

    Returns:
        `(output, output_min, output_max)`, the latter two what `dequantize` takes.
    """
    x = convert_to_tensor(input, float32)
    return Quantized(
        *quantize_v2_op.all(
            x,
            min_range,
            max_range,
            T=as_dtype(T),
            mode=mode,
            round_mode=round_mode,
            narrow_range=narrow_range,
            axis=axis_of(x, axis),
            ensure_minimum_range=ensure_minimum_range,
            name=name,
        )
    )


def dequantize(
    input: Any,
    min_range: Any,
    max_range: Any,
    mode: str = "MIN_COMBINED",
    name: str | None = None,
    axis: int | None = None,
    narrow_range: bool = False,
    dtype: Any = float32,
) -> Tensor:
    """The real numbers that integers made by `quantize` stand for, float32 or bfloat16."""
    x = convert_to_tensor(input)
    kind = as_dtype(dtype)
    place = axis_of(x, axis)
    return dequantize_op(x, min_range, max_range, mode=mode, narrow_range=narrow_range, axis=place, dtype=kind, name=name)
