"""Loss scaling for training in float16, whose smallest number is 6e-8: gradients below it would be lost.

The loss is multiplied by a large factor before the gradients are taken, and the gradients are divided by it. Where the factor
was too large they overflow; that step is left out, and a dynamic scale becomes smaller.

    scale = tf.mixed_precision.DynamicLossScale()
    with tf.GradientTape() as tape:
        loss = model_loss(x, y)
        scaled = scale.get_scaled_loss(loss)
    gradients = scale.get_unscaled_gradients(tape.gradient(scaled, variables))
    _, finite = scale.update(gradients)
    if finite:
        optimizer.apply_gradients(zip(gradients, variables))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core import dtypes, nest
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.state.tracking import AutoTrackable
from headrace.state.variable import Variable


class LossScale(AutoTrackable):
    """Base of the loss scales. Calling one gives the present scale, a float32 scalar."""

    def __call__(self) -> Tensor:
        raise NotImplementedError

    def update(self, grads: Any) -> tuple[None, Any]:
        """Changes the scale after a step.

        Args:
            grads: the gradients, nested; None stands for no gradient.

        Returns:
            None (TensorFlow's update op; here the update is done already), and whether the gradients are to be applied.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LossScale:
        """What `get_config` described."""
        return cls(**config)

    def get_scaled_loss(self, loss: Any) -> Tensor:
        """The loss times the scale, in the dtype of the loss."""
        tensor = convert_to_tensor(loss)
        return tensor * _cast(self(), tensor.dtype)

    def get_unscaled_gradients(self, grads: Sequence[Any]) -> list[Any]:
        """The gradients of a scaled loss divided by the scale; None and IndexedSlices stay such."""
        inverse = get("Reciprocal")(self())
        return [_times(gradient, inverse) for gradient in grads]


class FixedLossScale(LossScale):
    """A loss scale that stays.

    Args:
        loss_scale_value: at least 1.

    Raises:
        ValueError: it is no number, or below 1.
    """

    def __init__(self, loss_scale_value: float) -> None:
        if not isinstance(loss_scale_value, int | float):
            raise ValueError(f"loss_scale_value must be a Python int or float; got {loss_scale_value!r}")
        if loss_scale_value < 1:
            raise ValueError(f"loss_scale_value must be at least 1; got {loss_scale_value}")
        self._loss_scale_value = float(loss_scale_value)

    def __call__(self) -> Tensor:
        return convert_to_tensor(self._loss_scale_value, dtypes.float32)

    def update(self, grads: Any) -> tuple[None, bool]:
        """Changes nothing; gradients are always to be applied."""
        del grads
        return None, True

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"loss_scale_value": self._loss_scale_value}

    def __repr__(self) -> str:
        return f"FixedLossScale({self._loss_scale_value})"


class DynamicLossScale(LossScale):
    """A loss scale that grows after `increment_period` steps of finite gradients, and shrinks, to 1 at least, after others.

    Args:
        initial_loss_scale: the scale at first; better too high, since it falls faster than it rises.
        increment_period: steps of finite gradients in a row before it grows.
        multiplier: by how much it grows and shrinks.
    """

    def __init__(self, initial_loss_scale: float = 2.0**15, increment_period: int = 2000, multiplier: float = 2.0) -> None:
        self._initial_loss_scale = float(initial_loss_scale)
        self._increment_period = int(increment_period)
        self._multiplier = float(multiplier)
        self._current_loss_scale = Variable(
            self._initial_loss_scale, trainable=False, name="current_loss_scale", dtype=dtypes.float32
        )
        self._num_good_steps = Variable(0, trainable=False, name="good_steps", dtype=dtypes.int64)

    @property
    def initial_loss_scale(self) -> float:
        """The scale at first."""
        return self._initial_loss_scale

    @property
    def increment_period(self) -> int:
        """Steps of finite gradients in a row before the scale grows."""
        return self._increment_period

    @property
    def multiplier(self) -> float:
        """By how much the scale grows and shrinks."""
        return self._multiplier

    def __call__(self) -> Tensor:
        return convert_to_tensor(self._current_loss_scale)

    def update(self, grads: Any) -> tuple[None, Tensor]:
        """Changes the scale; gradients are to be applied when all are finite."""
        select = get("SelectV2")
        finite = _all_finite(nest.flatten(grads))
        scale, steps = self(), convert_to_tensor(self._num_good_steps) + 1
        full = steps >= self._increment_period
        larger = scale * self._multiplier
        grown = select(get("LogicalAnd")(full, get("IsFinite")(larger)), larger, scale)
        shrunk = get("Maximum")(scale / self._multiplier, convert_to_tensor(1.0))
        none = get("ZerosLike")(steps)
        self._current_loss_scale.assign(select(finite, grown, shrunk))
        self._num_good_steps.assign(select(get("LogicalAnd")(finite, get("LogicalNot")(full)), steps, none))
        return None, finite

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            "initial_loss_scale": self._initial_loss_scale,
            "increment_period": self._increment_period,
            "multiplier": self._multiplier,
        }


def _all_finite(gradients: Sequence[Any]) -> Tensor:
    found = convert_to_tensor(True)
    for gradient in gradients:
        if gradient is not None:
            values = convert_to_tensor(gradient.values if isinstance(gradient, IndexedSlices) else gradient)
            axes = convert_to_tensor(list(range(values.shape.rank or 0)), dtypes.int32)
            found = get("LogicalAnd")(found, get("All")(get("IsFinite")(values), axes))
    return found


def _times(gradient: Any, factor: Tensor) -> Any:
    if gradient is None:
        return None
    if isinstance(gradient, IndexedSlices):
        return IndexedSlices(_times(gradient.values, factor), gradient.indices, gradient.dense_shape)
    tensor = convert_to_tensor(gradient)
    return tensor * _cast(factor, tensor.dtype)


def _cast(value: Tensor, dtype: dtypes.DType) -> Tensor:
    return value if value.dtype is dtype else get("Cast")(value, DstT=dtype)
