"""Means, variances and what is made of them: public functions of tf.nn."""

from __future__ import annotations

from typing import Any

from headrace.core.dtypes import bfloat16, float16, float32
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor


def _widened(tensor: Tensor) -> Tensor:
    """Sums of 16-bit numbers are taken in float32."""
    return get("Cast")(tensor, DstT=float32) if tensor.dtype in (float16, bfloat16) else tensor


def _like(value: Tensor, model: Tensor) -> Tensor:
    return value if value.dtype is model.dtype else get("Cast")(value, DstT=model.dtype)


def _axis_list(axes: Any) -> tuple[int, ...]:
    return (axes,) if isinstance(axes, int) else tuple(int(a) for a in axes)


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Mean and variance over `axes`; computed in float32 for narrower types. `shift` is ignored, as in TensorFlow."""
    tensor = convert_to_tensor(x)
    wide = _widened(tensor)
    mean = get("Mean")(wide, axes, keep_dims=True)
    variance = get("Mean")(get("SquaredDifference")(wide, get("StopGradient")(mean)), axes, keep_dims=True)
    if not keepdims:
        gone = _axis_list(axes)
        # With no axes Squeeze would drop every dimension of size 1.
        if gone:
            mean, variance = get("Squeeze")(mean, squeeze_dims=gone), get("Squeeze")(variance, squeeze_dims=gone)
    return _like(mean, tensor), _like(variance, tensor)


def weighted_moments(
    x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance over `axes` where each element counts as often as its weight says."""
    tensor = convert_to_tensor(x)
    wide = _widened(tensor)
    weights = convert_to_tensor(frequency_weights)
    weights = _like(weights, wide)
    total = get("Sum")
    count = total(get("BroadcastTo")(weights, get("Shape")(wide)), axes, keep_dims=True)
    mean = total(weights * wide, axes, keep_dims=True) / count
    variance = total(weights * get("SquaredDifference")(wide, mean), axes, keep_dims=True) / count
    gone = () if keepdims else _axis_list(axes)
    if gone:
        mean, variance = get("Squeeze")(mean, squeeze_dims=gone), get("Squeeze")(variance, squeeze_dims=gone)
    return _like(mean, tensor), _like(variance, tensor)


def sufficient_statistics(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """What mean and variance over `axes` can be made of.

    Returns:
        The number of elements, the sum of x - shift, the sum of its squares, and the shift (None if none was given).
    """
    tensor = convert_to_tensor(x)
    total = get("Sum")
    count = get("Cast")(get("Prod")(get("GatherV2")(get("Shape")(tensor), _positive(axes, tensor), 0), [0]), DstT=tensor.dtype)
    if shift is None:
        return count, total(tensor, axes, keep_dims=keepdims), total(get("Square")(tensor), axes, keep_dims=keepdims), None
    offset = convert_to_tensor(shift, tensor.dtype)
    squares = total(get("SquaredDifference")(tensor, offset), axes, keep_dims=keepdims)
    return count, total(tensor - offset, axes, keep_dims=keepdims), squares, offset


def _positive(axes: Any, tensor: Tensor) -> list[int]:
    return [a % len(tensor.shape) for a in _axis_list(axes)]


def normalize_moments(counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Mean and variance of the results of sufficient_statistics."""
    divisor = get("Reciprocal")(counts)
    shifted = mean_ss * divisor
    mean = shifted if shift is None else shifted + shift
    return mean, variance_ss * divisor - get("Square")(shifted)


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any, name: str | None = None
) -> Tensor:
    """(x - mean) * scale / sqrt(variance + epsilon) + offset; scale and offset may be None."""
    tensor = convert_to_tensor(x)
    inverse = get("Rsqrt")(variance + variance_epsilon)
    if scale is not None:
        inverse = inverse * scale
    shift = -mean * inverse if offset is None else offset - mean * inverse
    return tensor * _like(inverse, tensor) + _like(shift, tensor)


def batch_norm_with_global_normalization(
    input: Any,
    mean: Any,
    variance: Any,
    beta: Any,
    gamma: Any,
    variance_epsilon: Any,
    scale_after_normalization: bool,
    name: str | None = None,
) -> Tensor:
    """batch_normalization with `gamma` as scale only if `scale_after_normalization`."""
    return batch_normalization(input, mean, variance, beta, gamma if scale_after_normalization else None, variance_epsilon, name)


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None) -> Tensor:
    """x divided by its Euclidean norm along `axis` (everything), where sums of squares below epsilon count as epsilon."""
    tensor = convert_to_tensor(x)
    axes = dim if axis is None else axis
    if axes is None:
        axes = list(range(len(tensor.shape)))
    if tensor.dtype.is_complex:
        squares = get("Square")(get("ComplexAbs")(tensor, Tout="float64" if tensor.dtype.size == 16 else "float32"))
    else:
        squares = get("Square")(tensor)
    total = get("Sum")(squares, axes, keep_dims=True)
    inverse = get("Rsqrt")(get("Maximum")(total, convert_to_tensor(epsilon, total.dtype)))
    return get("Mul")(tensor, _like(inverse, tensor), name=name)
