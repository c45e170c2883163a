"""Discrete Fourier transforms along the innermost axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import COMPLEX, DType, complex64, complex128, float32, float64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import OpDef, get, op
from headrace.dispatch.tensor import Tensor
from headrace.dispatch.unsized import same_rank
from headrace.ops.math.reduction import known_value

FULL = "input: Tcomplex -> output: Tcomplex"
PARTS = (float32, float64)


def _same(input: tuple[int, ...], **_: Any) -> tuple[int, ...]:
    return input


def _transform(function: Callable[..., Any], x: Any, axes: int) -> Any:
    if x.ndim < axes:
        raise InvalidArgumentError(f"a transform over {axes} axes needs a tensor of rank {axes} or more; got shape {x.shape}")
    return function(x, axes=tuple(range(-axes, 0))).astype(x.dtype)


@op("FFT", FULL, Tcomplex=COMPLEX, shape=_same)
def fft_op(input: Any) -> Any:
    """The transform along the last axis."""
    return _transform(jnp.fft.fftn, input, 1)


@op("IFFT", FULL, Tcomplex=COMPLEX, shape=_same)
def ifft_op(input: Any) -> Any:
    """The inverse transform along the last axis."""
    return _transform(jnp.fft.ifftn, input, 1)


@op("FFT2D", FULL, Tcomplex=COMPLEX, shape=_same)
def fft2d_op(input: Any) -> Any:
    """The transform along the last two axes."""
    return _transform(jnp.fft.fftn, input, 2)


@op("IFFT2D", FULL, Tcomplex=COMPLEX, shape=_same)
def ifft2d_op(input: Any) -> Any:
    """The inverse transform along the last two axes."""
    return _transform(jnp.fft.ifftn, input, 2)


@op("FFT3D", FULL, Tcomplex=COMPLEX, shape=_same)
def fft3d_op(input: Any) -> Any:
    """The transform along the last three axes."""
    return _transform(jnp.fft.fftn, input, 3)


@op("IFFT3D", FULL, Tcomplex=COMPLEX, shape=_same)
def ifft3d_op(input: Any) -> Any:
    """The inverse transform along the last three axes."""
    return _transform(jnp.fft.ifftn, input, 3)


def _element_count(x: Tensor, axes: int, dtype: DType) -> Tensor:
    sizes = get("StridedSlice")(get("Shape")(x), [-axes], [0], [1], end_mask=1)
    return get("Cast")(get("Prod")(sizes, [0]), DstT=dtype)


def _unnormalized(inverse: Any, axes: int) -> Callable[[Any, Any], Any]:
    """The gradient of a forward transform: the inverse one times the number of elements."""
    return lambda record, grad: get("Mul")(inverse(grad), _element_count(grad, axes, grad.dtype))


def _normalized(forward: Any, axes: int) -> Callable[[Any, Any], Any]:
    return lambda record, grad: get("RealDiv")(forward(grad), _element_count(grad, axes, grad.dtype))


for _axes, (_forward, _inverse) in enumerate(((fft_op, ifft_op), (fft2d_op, ifft2d_op), (fft3d_op, ifft3d_op)), 1):
    _forward.gradient(_unnormalized(_inverse, _axes))
    _inverse.gradient(_normalized(_forward, _axes))


def _lengths(fft_length: Any, axes: int) -> list[int]:
    lengths = [int(n) for n in np.asarray(fft_length).ravel()]
    if len(lengths) != axes or min(lengths) < 0:
        raise InvalidArgumentError(f"fft_length must hold {axes} lengths; got {lengths}")
    return lengths


def _fitted(x: Any, lengths: list[int]) -> Any:
    """x cut or padded with zeros to the lengths along its last axes."""
    if x.ndim < len(lengths):
        raise InvalidArgumentError(f"a transform over {len(lengths)} axes needs a tensor of that rank or more; got shape {x.shape}")
    whole = [*x.shape[: x.ndim - len(lengths)], *lengths]
    x = x[tuple(slice(0, n) for n in whole)]
    return jnp.pad(x, [(0, n - have) for n, have in zip(whole, x.shape, strict=True)])


def _real_transform(x: Any, fft_length: Any, axes: int, Tcomplex: DType) -> Any:
    lengths = _lengths(fft_length, axes)
    return jnp.fft.rfftn(_fitted(x, lengths), axes=tuple(range(-axes, 0))).astype(Tcomplex.np_dtype)


def _inverse_real_transform(x: Any, fft_length: Any, axes: int, Treal: DType) -> Any:
    lengths = _lengths(fft_length, axes)
    halved = [*lengths[:-1], lengths[-1] // 2 + 1]
    return jnp.fft.irfftn(_fitted(x, halved), s=lengths, axes=tuple(range(-axes, 0))).astype(Treal.np_dtype)


REAL_SPEC = "input: Treal, fft_length: int32 -> output: Tcomplex"
INVERSE_SPEC = "input: Tcomplex, fft_length: int32 -> output: Treal"


@op("RFFT", REAL_SPEC, Treal=PARTS, Tcomplex=COMPLEX, unsized=same_rank, static=("fft_length",))
def rfft_op(input: Any, fft_length: Any, *, Tcomplex: DType = complex64) -> Any:
    """The transform of real numbers along the last axis; the half that follows from symmetry is left out."""
    return _real_transform(input, fft_length, 1, Tcomplex)


@op("IRFFT", INVERSE_SPEC, Treal=PARTS, Tcomplex=COMPLEX, unsized=same_rank, static=("fft_length",))
def irfft_op(input: Any, fft_length: Any, *, Treal: DType = float32) -> Any:
    """The inverse of RFFT."""
    return _inverse_real_transform(input, fft_length, 1, Treal)


@op("RFFT2D", REAL_SPEC, Treal=PARTS, Tcomplex=COMPLEX, unsized=same_rank, static=("fft_length",))
def rfft2d_op(input: Any, fft_length: Any, *, Tcomplex: DType = complex64) -> Any:
    """The transform of real numbers along the last two axes; the half that follows from symmetry is left out."""
    return _real_transform(input, fft_length, 2, Tcomplex)


@op("IRFFT2D", INVERSE_SPEC, Treal=PARTS, Tcomplex=COMPLEX, unsized=same_rank, static=("fft_length",))
def irfft2d_op(input: Any, fft_length: Any, *, Treal: DType = float32) -> Any:
    """The inverse of RFFT2D."""
    return _inverse_real_transform(input, fft_length, 2, Treal)


@op("RFFT3D", REAL_SPEC, Treal=PARTS, Tcomplex=COMPLEX, unsized=same_rank, static=("fft_length",))
def rfft3d_op(input: Any, fft_length: Any, *, Tcomplex: DType = complex64) -> Any:
    """The transform of real numbers along the last three axes; the half that follows from symmetry is left out."""
    return _real_transform(input, fft_length, 3, Tcomplex)


@op("IRFFT3D", INVERSE_SPEC, Treal=PARTS, Tcomplex=COMPLEX, unsized=same_rank, static=("fft_length",))
def irfft3d_op(input: Any, fft_length: Any, *, Treal: DType = float32) -> Any:
    """The inverse of RFFT3D."""
    return _inverse_real_transform(input, fft_length, 3, Treal)


def _spectrum_gradient(full: OpDef, axes: int, derived: str) -> Callable[[Any, Any], Any]:
    """The gradient of a real transform: the real part of the full transform of the conjugate, the missing half as zeros."""

    def rule(record: Any, grad: Any) -> Any:
        x, lengths = record.inputs[0], known_value(record.inputs[1])
        if lengths is None or x.shape.rank is None or list(x.shape)[-axes:] != lengths.tolist():
            return get(derived)(x, record.inputs[1], grad, **record.attrs), None
        missing = int(lengths[-1]) - (int(lengths[-1]) // 2 + 1)
        padding = np.zeros((x.shape.rank, 2), np.int32)
        padding[-1, 1] = missing
        return get("Real")(full(get("Pad")(get("Conj")(grad), padding)), Tout=x.dtype), None

    return rule


def _inverse_spectrum_gradient(forward: OpDef, axes: int, derived: str) -> Callable[[Any, Any], Any]:
    """The gradient of an inverse real transform: the forward one, where frequencies that stand for two count twice."""

    def rule(record: Any, grad: Any) -> Any:
        z, lengths = record.inputs[0], known_value(record.inputs[1])
        halved = None if lengths is None else [*lengths[:-1].tolist(), int(lengths[-1]) // 2 + 1]
        if z.shape.rank is None or list(z.shape)[-axes:] != halved:
            return get(derived)(z, record.inputs[1], grad, **record.attrs), None
        twice = np.full(halved[-1], 2.0)
        twice[0] = 1.0
        if lengths[-1] % 2 == 0:
            twice[-1] = 1.0
        weights = (twice / lengths.prod()).astype(z.dtype.np_dtype)
        return get("Mul")(forward(grad, record.inputs[1], Tcomplex=z.dtype), weights), None

    return rule


rfft_op.gradient(_spectrum_gradient(fft_op, 1, "_VJPRFFT"))
rfft2d_op.gradient(_spectrum_gradient(fft2d_op, 2, "_VJPRFFT2D"))
rfft3d_op.gradient(_spectrum_gradient(fft3d_op, 3, "_VJPRFFT3D"))
irfft_op.gradient(_inverse_spectrum_gradient(rfft_op, 1, "_VJPIRFFT"))
irfft2d_op.gradient(_inverse_spectrum_gradient(rfft2d_op, 2, "_VJPIRFFT2D"))
irfft3d_op.gradient(_inverse_spectrum_gradient(rfft3d_op, 3, "_VJPIRFFT3D"))


def _fft_length(x: Tensor, axes: int, given: Any, inverse: bool) -> Any:
    """The lengths of a real transform: those given, else the input's."""
    if given is not None:
        return given
    inner = x.shape[-axes:]
    if inner.is_fully_defined():
        sizes = list(inner.concrete())
        if inverse:
            sizes[-1] = max(0, 2 * (sizes[-1] - 1))
        return np.array(sizes, np.int32)
    lengths = get("StridedSlice")(get("Shape")(x), [-axes], [0], [1], end_mask=1)
    if not inverse:
        return lengths
    last = np.arange(axes) == axes - 1
    return get("SelectV2")(last, get("Maximum")(get("Mul")(get("Sub")(lengths, 1), 2), 0), lengths)


def _real(definition: OpDef, axes: int, x: Any, fft_length: Any, name: str | None) -> Tensor:
    tensor = convert_to_tensor(x)
    wide = complex128 if tensor.dtype is float64 else complex64
    return definition(tensor, _fft_length(tensor, axes, fft_length, False), Tcomplex=wide, name=name)


def _inverse_real(definition: OpDef, axes: int, x: Any, fft_length: Any, name: str | None) -> Tensor:
    tensor = convert_to_tensor(x)
    narrow = float64 if tensor.dtype is complex128 else float32
    return definition(tensor, _fft_length(tensor, axes, fft_length, True), Treal=narrow, name=name)


def rfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The transform of real numbers along the last axis, cut or padded to `fft_length` ([1], int32): n // 2 + 1 terms."""
    return _real(rfft_op, 1, input_tensor, fft_length, name)


def irfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The inverse of `rfft`; `fft_length` ([1], int32) is 2 * (terms - 1) by default."""
    return _inverse_real(irfft_op, 1, input_tensor, fft_length, name)


def rfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The transform of real numbers along the last two axes, cut or padded to `fft_length` ([2], int32)."""
    return _real(rfft2d_op, 2, input_tensor, fft_length, name)


def irfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The inverse of `rfft2d`."""
    return _inverse_real(irfft2d_op, 2, input_tensor, fft_length, name)


def rfft3d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The transform of real numbers along the last three axes, cut or padded to `fft_length` ([3], int32)."""
    return _real(rfft3d_op, 3, input_tensor, fft_length, name)


def irfft3d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The inverse of `rfft3d`."""
    return _inverse_real(irfft3d_op, 3, input_tensor, fft_length, name)


def _shifted(x: Any, axes: Any, name: str | None, *, back: bool) -> Tensor:
    tensor = convert_to_tensor(x)
    if axes is None:
        if tensor.shape.rank is None:
            raise InvalidArgumentError("a tensor of unknown rank needs axes")
        axes = list(range(tensor.shape.rank))
    elif isinstance(axes, int):
        axes = [axes]
    sizes = get("GatherV2")(get("Shape")(tensor), np.array([a % len(tensor.shape) for a in axes], np.int32), 0)
    half = get("FloorDiv")(sizes, 2)
    return get("Roll")(tensor, get("Sub")(sizes, half) if back else half, np.array(axes, np.int32), name=name)


def fftshift(x: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """The term of frequency 0 moved from the start to the middle of `axes` (an int, ints, or all)."""
    return _shifted(x, axes, name, back=False)


def ifftshift(x: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """The inverse of `fftshift`."""
    return _shifted(x, axes, name, back=True)
