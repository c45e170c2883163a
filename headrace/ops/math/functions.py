"""Public functions whose parameters differ from those of the raw ops: reductions, casts, products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.core.dtypes import DType, as_dtype, bool_, int64
from headrace.core.shapes import as_shape
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import OpDef, get
from headrace.dispatch.overriding import dispatches
from headrace.dispatch.tensor import Tensor
from headrace.ops.math import elementwise, reduction, scan, unary
from headrace.ops.math.comparison import equal_op, not_equal_op
from headrace.ops.math.conversion import angle_op, cast_op, complex_abs, complex_op, conj_op, imag_op, real_op

# Reductions.


def all_axes(x: Tensor) -> Any:
    """Every axis of a tensor, as a vector."""
    if x.shape.rank is not None:
        return np.arange(x.shape.rank, dtype=np.int32)
    return get("Range")(0, get("Rank")(x), 1)


def _reduce(definition: OpDef, input_tensor: Any, axis: Any, keepdims: bool, name: str | None) -> Tensor:
    x = convert_to_tensor(input_tensor)
    return definition(x, all_axes(x) if axis is None else axis, keep_dims=keepdims, name=name)


@dispatches
def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The sum over `axis` (an int or a list of ints), or over all axes."""
    return _reduce(reduction.sum_op, input_tensor, axis, keepdims, name)


@dispatches
def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The mean over `axis`, or over all axes; that of integers is rounded towards zero."""
    return _reduce(reduction.mean_op, input_tensor, axis, keepdims, name)


@dispatches
def reduce_prod(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The product over `axis`, or over all axes."""
    return _reduce(reduction.prod_op, input_tensor, axis, keepdims, name)


@dispatches
def reduce_max(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The greatest element over `axis`, or over all axes."""
    return _reduce(reduction.max_op, input_tensor, axis, keepdims, name)


@dispatches
def reduce_min(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The smallest element over `axis`, or over all axes."""
    return _reduce(reduction.min_op, input_tensor, axis, keepdims, name)


@dispatches
def reduce_all(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """Whether all elements over `axis`, or over all axes, are true."""
    return _reduce(reduction.all_op, input_tensor, axis, keepdims, name)


@dispatches
def reduce_any(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """Whether some element over `axis`, or over all axes, is true."""
    return _reduce(reduction.any_op, input_tensor, axis, keepdims, name)


def reduce_euclidean_norm(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The root of the sum of squares over `axis`, or over all axes."""
    return _reduce(reduction.euclidean_norm_op, input_tensor, axis, keepdims, name)


def reduce_variance(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The mean squared distance from the mean over `axis`, or over all axes."""
    x = convert_to_tensor(input_tensor)
    if x.dtype.is_integer:
        raise TypeError(f"a variance needs floating or complex numbers; got {x.dtype.name}; use tf.cast")
    difference = elementwise.subtract(x, reduce_mean(x, axis, keepdims=True))
    if x.dtype.is_complex:
        squares = real(elementwise.multiply(difference, conj_op(difference)))
    else:
        squares = unary.square(difference)
    return reduce_mean(squares, axis, keepdims, name)


def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The standard deviation over `axis`, or over all axes."""
    return unary.sqrt(reduce_variance(input_tensor, axis, keepdims), name=name)


def reduce_logsumexp(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """log(sum(exp(x))) over `axis`, or over all axes, without overflow."""
    x = convert_to_tensor(input_tensor)
    greatest = reduce_max(x, axis, keepdims=True)
    zeros = get("ZerosLike")(greatest)
    offset = get("StopGradient")(get("SelectV2")(unary.is_finite(greatest), greatest, zeros))
    result = unary.log(reduce_sum(unary.exp(elementwise.subtract(x, offset)), axis, keepdims))
    if not keepdims:
        offset = get("Reshape")(offset, get("Shape")(result))
    return elementwise.add(result, offset, name=name)


def count_nonzero(
    input: Any, axis: Any = None, keepdims: bool | None = None, dtype: Any = int64, name: str | None = None
) -> Tensor:
    """How many elements over `axis`, or over all axes, are not zero (or not empty strings)."""
    x = convert_to_tensor(input)
    zero: Any = "" if x.dtype.np_dtype.kind == "O" else False if x.dtype is bool_ else 0
    nonzero = cast_op(not_equal_op(x, zero), DstT=int64)
    return cast_op(reduce_sum(nonzero, axis, bool(keepdims)), DstT=dtype, name=name)


def argmax(input: Any, axis: Any = None, output_type: Any = int64, name: str | None = None) -> Tensor:
    """The position of the greatest element along `axis` (0 by default)."""
    return reduction.argmax_op(input, 0 if axis is None else axis, output_type=output_type, name=name)


def argmin(input: Any, axis: Any = None, output_type: Any = int64, name: str | None = None) -> Tensor:
    """The position of the smallest element along `axis` (0 by default)."""
    return reduction.argmin_op(input, 0 if axis is None else axis, output_type=output_type, name=name)


def cumsum(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """Running sums along `axis`."""
    return scan.cumsum_op(x, axis, exclusive=exclusive, reverse=reverse, name=name)


def cumprod(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """Running products along `axis`."""
    return scan.cumprod_op(x, axis, exclusive=exclusive, reverse=reverse, name=name)


def cumulative_logsumexp(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """Running log-sum-exps along `axis`."""
    return scan.cumulative_logsumexp_op(x, axis, exclusive=exclusive, reverse=reverse, name=name)


# Dtypes and parts.


@dispatches
def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """x (a tensor or IndexedSlices) with its elements converted to `dtype`."""
    wanted = as_dtype(dtype)
    if isinstance(x, IndexedSlices):
        return IndexedSlices(cast(x.values, wanted, name), x.indices, x.dense_shape)
    tensor = convert_to_tensor(x)
    return tensor if tensor.dtype is wanted else cast_op(tensor, DstT=wanted, name=name)


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """value limited to the range of `dtype` and converted to it."""
    x, wanted = convert_to_tensor(value), as_dtype(dtype)
    if x.dtype.is_complex:
        x = real(x)
    if wanted.is_complex or x.dtype is wanted:
        return cast(x, wanted, name)  # type: ignore[no-any-return]
    low, high = (_within(x.dtype, limit, wanted) for limit in (wanted.min, wanted.max))
    if wanted.min > x.dtype.min:
        x = elementwise.maximum(x, low)
    if wanted.max < x.dtype.max:
        x = elementwise.minimum(x, high)
    return cast(x, wanted, name)  # type: ignore[no-any-return]


def _within(dtype: DType, limit: Any, target: DType) -> Any:
    """The limit of `target` as a value of `dtype` that rounds towards zero, so that it stays inside the target's range."""
    if dtype.is_integer:
        return np.array(min(max(int(limit), int(dtype.min)), int(dtype.max)), dtype.np_dtype)
    if not target.is_integer:
        return np.array(max(float(dtype.min), min(float(dtype.max), float(limit)))).astype(dtype.np_dtype)
    if float(dtype.max) < max(limit, -limit):
        return np.asarray(dtype.max if limit > 0 else dtype.min, dtype.np_dtype)
    value = np.asarray(limit).astype(dtype.np_dtype)
    outside = int(value) > int(limit) if limit > 0 else int(value) < int(limit)
    if outside:
        value = np.nextafter(value, np.zeros((), dtype.np_dtype))
    return np.asarray(value, dtype.np_dtype)


@dispatches
def abs(x: Any, name: str | None = None) -> Tensor:
    """The absolute value."""
    tensor = convert_to_tensor(x)
    if tensor.dtype.is_complex:
        return complex_abs(tensor, Tout=tensor.dtype.real_dtype, name=name)
    return unary.abs_op(tensor, name=name)


def complex(real: Any, imag: Any, name: str | None = None) -> Tensor:
    """Complex numbers from real and imaginary parts, both float32 or both float64."""
    part = convert_to_tensor(real)
    other = convert_to_tensor(imag, None if isinstance(imag, Tensor) else part.dtype)
    return complex_op(part, other, Tout="complex128" if part.dtype.name == "float64" else "complex64", name=name)


def real(input: Any, name: str | None = None) -> Tensor:
    """The real part; real tensors as they are."""
    tensor = convert_to_tensor(input)
    return real_op(tensor, Tout=tensor.dtype.real_dtype, name=name) if tensor.dtype.is_complex else tensor


def imag(input: Any, name: str | None = None) -> Tensor:
    """The imaginary part; zeros for real tensors."""
    tensor = convert_to_tensor(input)
    return imag_op(tensor, Tout=tensor.dtype.real_dtype, name=name) if tensor.dtype.is_complex else get("ZerosLike")(tensor)


def angle(input: Any, name: str | None = None) -> Tensor:
    """The argument in radians; for real tensors 0 or pi."""
    tensor = convert_to_tensor(input)
    if tensor.dtype.is_complex:
        return angle_op(tensor, Tout=tensor.dtype.real_dtype, name=name)
    zeros = get("ZerosLike")(tensor)
    return get("SelectV2")(get("Less")(tensor, 0), elementwise.add(zeros, np.pi), zeros, name=name)


def conj(x: Any, name: str | None = None) -> Tensor:
    """The complex conjugate; real tensors as they are."""
    tensor = convert_to_tensor(x)
    if tensor.dtype.is_complex:
        return conj_op(tensor, name=name)
    if tensor.dtype.is_numeric:
        return tensor
    raise TypeError(f"only numbers have a conjugate; got {tensor.dtype.name}")


# Arithmetic.


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or hasattr(value, "__tf_tensor__")


def _pair(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors: plain values follow the dtype of the tensor beside them."""
    if _is_tensor(y) and not _is_tensor(x):
        right = convert_to_tensor(y)
        return convert_to_tensor(x, right.dtype), right
    left = convert_to_tensor(x)
    return left, convert_to_tensor(y, None if _is_tensor(y) else left.dtype)


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y as Python divides: integers give float64 (int8, int16 and their unsigned kin float32)."""
    left, right = _pair(x, y)
    if left.dtype is not right.dtype:
        raise TypeError(f"both inputs of a division must have one dtype; got {left.dtype.name} and {right.dtype.name}; use tf.cast")
    if left.dtype.is_integer:
        wide = "float32" if left.dtype.size < 4 else "float64"
        left, right = cast(left, wide), cast(right, wide)
    return elementwise.real_divide(left, right, name=name)


divide = truediv


def equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Where x and y are equal."""
    return equal_op(x, y, name=name)


def not_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Where x and y differ."""
    return not_equal_op(x, y, name=name)


def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Tensor:
    """Where exactly one of two bools is true."""
    either, both = get("LogicalOr")(x, y), get("LogicalAnd")(x, y)
    return get("LogicalAnd")(either, get("LogicalNot")(both), name=name)


@dispatches
def round(x: Any, name: str | None = None) -> Tensor:
    """The nearest whole number; halves go to the even one. Integers stay what they are."""
    tensor = convert_to_tensor(x)
    return tensor if tensor.dtype.is_integer else unary.round_op(tensor, name=name)


def reciprocal_no_nan(x: Any, name: str | None = None) -> Tensor:
    """1 / x, but 0 where x is 0."""
    tensor = convert_to_tensor(x)
    return elementwise.divide_no_nan(get("OnesLike")(tensor), tensor, name=name)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """x (a tensor or IndexedSlices) times a scalar.

    Raises:
        ValueError: `scalar` has more than one element.
    """
    dtype = x.dtype if isinstance(x, IndexedSlices | Tensor) else convert_to_tensor(x).dtype
    factor = convert_to_tensor(scalar) if isinstance(scalar, Tensor) else convert_to_tensor(scalar, dtype)
    if factor.shape.rank not in (0, None):
        raise ValueError(f"scalar_mul takes a scalar; got shape {factor.shape}")
    if isinstance(x, IndexedSlices):
        return IndexedSlices(elementwise.multiply(factor, x.values, name=name), x.indices, x.dense_shape)
    return elementwise.multiply(factor, x, name=name)


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of tensors (or IndexedSlices) of one shape and dtype.

    Raises:
        ValueError: the list is empty.
    """
    tensors = [convert_to_tensor(t) for t in (inputs if isinstance(inputs, list | tuple) else [inputs])]
    if not tensors:
        raise ValueError("add_n needs at least one tensor; got none")
    if len(tensors) == 1:
        return get("Identity")(tensors[0], name=name)
    return elementwise.add_n_op(tensors, name=name)


def accumulate_n(inputs: Sequence[Any], shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Tensor:
    """The same as `add_n`, of tensors of a shape and dtype that may be said.

    Raises:
        TypeError: they have another dtype.
        ValueError: they cannot have that shape.
    """
    result = add_n(inputs, name)
    if tensor_dtype is not None and result.dtype is not as_dtype(tensor_dtype):
        raise TypeError(f"the inputs are of {result.dtype.name}; tensor_dtype says {as_dtype(tensor_dtype).name}")
    if shape is not None:
        as_shape(shape).assert_is_compatible_with(result.shape)
    return result


def polyval(coeffs: Sequence[Any], x: Any, name: str | None = None) -> Tensor:
    """A polynomial with the given coefficients, the highest power first."""
    if not isinstance(coeffs, list):
        raise ValueError(f"coeffs must be a list, the highest power first; got {type(coeffs).__name__}")
    tensor = convert_to_tensor(x)
    if not coeffs:
        return get("ZerosLike")(tensor, name=name)
    result = convert_to_tensor(coeffs[0], None if isinstance(coeffs[0], Tensor) else tensor.dtype)
    for coefficient in coeffs[1:]:
        result = elementwise.add(coefficient, elementwise.multiply(result, tensor))
    return result


def lbeta(x: Any, name: str | None = None) -> Tensor:
    """The logarithm of the absolute value of the beta function of the last axis: x [..., n] gives [...]."""
    tensor = convert_to_tensor(x)
    of_terms, of_sum = reduce_sum(get("Lgamma")(tensor), -1), get("Lgamma")(reduce_sum(tensor, -1))
    return elementwise.subtract(of_terms, of_sum, name=name)


def erfcinv(x: Any, name: str | None = None) -> Tensor:
    """The inverse of erfc, for x in (0, 2)."""
    half = get("Mul")(x, 0.5)
    return get("Mul")(get("Neg")(get("Ndtri")(half)), math.sqrt(0.5), name=name)


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Whether no element (in row-major order) is less than the one before."""
    return _is_monotonic("LessEqual", x, name)


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Whether each element (in row-major order) is greater than the one before."""
    return _is_monotonic("Less", x, name)


def _is_monotonic(comparison: str, x: Any, name: str | None) -> Tensor:
    flat = get("Reshape")(convert_to_tensor(x), [-1])
    if flat.shape == [0]:
        return convert_to_tensor(True)
    return reduce_all(get(comparison)(flat[:-1], flat[1:]), name=name)
