"""Between dtypes: casts, bit casts, complex numbers and their parts."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from headrace.core.dtypes import COMPLEX, NUMERIC, QUANTIZED, DType, complex64, complex128, float32, float64, string, variant
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.math.broadcasting import reduce_to

PARTS = (float32, float64)


def _host_cast(x: Any, DstT: DType, Truncate: bool) -> Any:
    if x.dtype.kind == "O" or DstT is string:
        raise InvalidArgumentError("strings are not cast to or from numbers; use tf.strings.to_number or tf.as_string")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        return x.astype(DstT.np_dtype)


def _cast_shape(x: tuple[int, ...], **_: Any) -> tuple[int, ...]:
    return x


@op("Cast", "x: SrcT -> y: DstT", host=_host_cast, shape=_cast_shape)
def cast_op(x: Any, *, DstT: DType, Truncate: bool = False) -> Any:
    """x with its elements converted to another dtype; `Truncate` cuts the digits that do not fit instead of rounding."""
    target = DstT.np_dtype
    if jnp.issubdtype(x.dtype, jnp.complexfloating) and not DstT.is_complex:
        x = x != 0 if DstT.is_bool else jnp.real(x)
    if Truncate and DstT.is_floating and jnp.issubdtype(x.dtype, jnp.floating):
        x = _without_low_digits(x, target)
    return x.astype(target)


def _without_low_digits(x: Any, target: np.dtype[Any]) -> Any:
    spare = jnp.finfo(x.dtype).nmant - ml_dtypes.finfo(target).nmant
    if spare <= 0:
        return x
    bits = jnp.dtype(f"uint{x.dtype.itemsize * 8}")
    kept = jax.lax.bitcast_convert_type(x, bits) & jnp.array(~((1 << spare) - 1) & ((1 << bits.itemsize * 8) - 1), bits)
    return jnp.where(jnp.isfinite(x), jax.lax.bitcast_convert_type(kept, x.dtype), x)


@cast_op.gradient
def _cast_gradient(record: Any, grad: Any) -> Any:
    source = record.inputs[0].dtype
    if not (source.is_floating or source.is_complex):
        return None
    return cast_op(grad, DstT=source)


def _host_bitcast(x: Any, type: DType) -> Any:
    source, target = x.dtype.itemsize, type.np_dtype.itemsize
    if source == target:
        return x.view(type.np_dtype)
    x = np.ascontiguousarray(x)
    if source > target:
        return np.frombuffer(x.tobytes(), type.np_dtype).reshape(*x.shape, source // target)
    if not x.ndim or x.shape[-1] != target // source:
        raise InvalidArgumentError(
            f"a bitcast from {x.dtype} to {type.name} joins {target // source} elements of the last axis; got {x.shape}"
        )
    return np.frombuffer(x.tobytes(), type.np_dtype).reshape(x.shape[:-1])


@op("Bitcast", "input: T -> output: type", T=(*NUMERIC, *QUANTIZED), host=_host_bitcast, differentiable=False)
def bitcast(input: Any, *, type: DType) -> Any:
    """The same bits read as another dtype; the last axis splits or joins where the sizes differ."""
    narrow, wide = type.np_dtype.itemsize, input.dtype.itemsize
    if input.dtype.kind == "c" or type.is_complex:
        return _bitcast_complex(input, type)
    if narrow > wide and (not input.ndim or input.shape[-1] != narrow // wide):
        raise InvalidArgumentError(
            f"bitcasting {input.dtype} to {type.name} joins {narrow // wide} elements along the last axis; got shape {input.shape}"
        )
    return jax.lax.bitcast_convert_type(input, type.np_dtype)


def _bitcast_complex(x: Any, target: DType) -> Any:
    """XLA does not bit-cast complex numbers: these go by way of their parts."""
    if x.dtype.kind == "c":
        x = jnp.stack([jnp.real(x), jnp.imag(x)], -1)
        if target.is_complex and target.np_dtype.itemsize == 2 * x.dtype.itemsize:
            return jax.lax.complex(x[..., 0], x[..., 1])
    if not target.is_complex:
        return _regrouped(x, target.np_dtype)
    part = np.dtype(f"float{target.np_dtype.itemsize * 4}")
    pairs = _regrouped(x, part)
    return jax.lax.complex(pairs[..., 0], pairs[..., 1])


def _regrouped(x: Any, target: np.dtype[Any]) -> Any:
    ratio = target.itemsize // x.dtype.itemsize
    if ratio > 1:
        x = x.reshape(*x.shape[:-1], -1, ratio)
    return jax.lax.bitcast_convert_type(x, target)


def _of_part(x: Any, Tout: DType) -> Any:
    return x.astype(Tout.np_dtype)


@op("Complex", "real: T, imag: T -> out: Tout", T=PARTS, Tout=COMPLEX, shape=elementwise)
def complex_op(real: Any, imag: Any, *, Tout: DType = complex64) -> Any:
    """Complex numbers from their real and imaginary parts."""
    return jax.lax.complex(*jnp.broadcast_arrays(real, imag)).astype(Tout.np_dtype)


@op("Real", "input: T -> output: Tout", T=COMPLEX, Tout=PARTS, shape=elementwise)
def real_op(input: Any, *, Tout: DType = float32) -> Any:
    """The real part."""
    return _of_part(jnp.real(input), Tout)


@op("Imag", "input: T -> output: Tout", T=COMPLEX, Tout=PARTS, shape=elementwise)
def imag_op(input: Any, *, Tout: DType = float32) -> Any:
    """The imaginary part."""
    return _of_part(jnp.imag(input), Tout)


@op("Angle", "input: T -> output: Tout", T=COMPLEX, Tout=PARTS, shape=elementwise)
def angle_op(input: Any, *, Tout: DType = float32) -> Any:
    """The argument of complex numbers, in radians."""
    return _of_part(jnp.angle(input), Tout)


@op("ComplexAbs", "x: T -> y: Tout", T=COMPLEX, Tout=PARTS, shape=elementwise)
def complex_abs(x: Any, *, Tout: DType = float32) -> Any:
    """The absolute value of complex numbers."""
    return _of_part(jnp.abs(x), Tout)


@op("Conj", "input: T -> output: T", T=(*COMPLEX, variant), shape=elementwise)
def conj_op(input: Any) -> Any:
    """The complex conjugate."""
    return jnp.conj(input)


def _complex_dtype(part: Tensor) -> DType:
    return complex64 if part.dtype is float32 else complex128


def _as_complex(part: Tensor) -> Tensor:
    return cast_op(part, DstT=_complex_dtype(part))


def _turned(part: Tensor) -> Tensor:
    """i times a real tensor."""
    return complex_op(get("ZerosLike")(part), part, Tout=_complex_dtype(part))


@complex_op.gradient
def _complex_gradient(record: Any, grad: Any) -> Any:
    real, imag = record.inputs
    part = real.dtype
    return reduce_to(real_op(grad, Tout=part), real), reduce_to(imag_op(grad, Tout=part), imag)


real_op.gradient(lambda record, grad: _as_complex(grad))
imag_op.gradient(lambda record, grad: _turned(grad))
conj_op.gradient(lambda record, grad: conj_op(grad))


@complex_abs.gradient
def _complex_abs_gradient(record: Any, grad: Any) -> Any:
    x, y = record.inputs[0], record.outputs[0]
    return get("DivNoNan")(get("Mul")(_as_complex(grad), x), _as_complex(y))


@angle_op.gradient
def _angle_gradient(record: Any, grad: Any) -> Any:
    x = record.inputs[0]
    return get("Mul")(_turned(grad), get("Reciprocal")(conj_op(x)))
