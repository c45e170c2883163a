"""Initial values of variables: objects that are called with a shape and a dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import DType, as_dtype, bool_, float32, string
from headrace.core.shapes import as_shape
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.random.functions import normal, uniform


class Initializer:
    """What every initializer can do."""

    def get_config(self) -> dict[str, Any]:
        """The arguments that make another one like it."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer of what `get_config` returned."""
        return cls(**{key: value for key, value in config.items() if key != "dtype"})


def _floating(dtype: Any, what: str) -> DType:
    kind = as_dtype(dtype)
    if not kind.is_floating:
        raise ValueError(f"{what} needs a floating dtype; got {kind.name}")
    return kind


class ZerosInitializer(Initializer):
    """All zeros."""

    def __call__(self, shape: Any, dtype: Any = float32, **kwargs: Any) -> Tensor:
        """A tensor of `shape` and `dtype` (a number or bool)."""
        return _filled(0, shape, dtype)


class OnesInitializer(Initializer):
    """All ones."""

    def __call__(self, shape: Any, dtype: Any = float32, **kwargs: Any) -> Tensor:
        """A tensor of `shape` and `dtype` (a number or bool)."""
        return _filled(1, shape, dtype)


def _filled(value: int, shape: Any, dtype: Any) -> Tensor:
    kind = as_dtype(dtype)
    if kind is string or not (kind.is_floating or kind.is_integer or kind.is_complex or kind is bool_):
        raise ValueError(f"an initial value of zeros or ones is a number or bool; got {kind.name}")
    return get("Fill")(_dims(shape), convert_to_tensor(np.asarray(value).astype(kind.np_dtype)))


def _dims(shape: Any) -> Any:
    return shape if isinstance(shape, Tensor) else np.array(as_shape(shape).concrete(), np.int32)


class ConstantInitializer(Initializer):
    """A value: a scalar for all elements, or an array.

    Args:
        value: a scalar, list or array.
        support_partition: accepted for TensorFlow's signature.
    """

    def __init__(self, value: Any = 0, support_partition: bool = False) -> None:
        if not (np.isscalar(value) or isinstance(value, list | tuple | np.ndarray)):
            raise TypeError(f"the value must be a scalar, a list or an array; got {value!r} ({type(value).__name__})")
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
        """A tensor of `shape` and `dtype` (the value's own by default).

        Raises:
            TypeError: an array has another number of elements than the shape.
        """
        value = convert_to_tensor(self.value, None if dtype is None else as_dtype(dtype))
        if value.shape.rank == 0:
            return get("Fill")(_dims(shape), value)
        wanted = as_shape(shape)
        if value.shape.num_elements() != wanted.num_elements():
            raise TypeError(f"a constant of {value.shape.num_elements()} elements cannot fill shape {wanted}")
        return get("Reshape")(value, _dims(shape))

    def get_config(self) -> dict[str, Any]:
        """See Initializer."""
        return {"value": self.value}


class RandomUniformInitializer(Initializer):
    """Uniform numbers in [minval, maxval).

    Args:
        minval, maxval: the bounds.
        seed: see tf.random.set_seed.
    """

    def __init__(self, minval: Any = -0.05, maxval: Any = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Any, dtype: Any = float32, **kwargs: Any) -> Tensor:
        """A tensor of `shape` and `dtype` (floating or integer)."""
        return uniform(_dims(shape), self.minval, self.maxval, as_dtype(dtype), self.seed)

    def get_config(self) -> dict[str, Any]:
        """See Initializer."""
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class RandomNormalInitializer(Initializer):
    """Normal numbers.

    Args:
        mean, stddev: of the distribution.
        seed: see tf.random.set_seed.
    """

    def __init__(self, mean: Any = 0.0, stddev: Any = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Any, dtype: Any = float32, **kwargs: Any) -> Tensor:
        """A tensor of `shape` and `dtype` (floating)."""
        return normal(_dims(shape), self.mean, self.stddev, _floating(dtype, "a normal distribution"), self.seed)

    def get_config(self) -> dict[str, Any]:
        """See Initializer."""
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}
