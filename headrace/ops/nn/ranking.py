"""Whether classes are among the best k."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import INDEX
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor


def _in_top_k(predictions: Any, targets: Any, k: Any) -> Any:
    if predictions.ndim != 2 or targets.ndim != 1 or predictions.shape[0] != targets.shape[0]:
        raise InvalidArgumentError(
            f"expected predictions [n, classes] and targets [n]; got {list(predictions.shape)} and {list(targets.shape)}"
        )
    classes = predictions.shape[1]
    inside = (targets >= 0) & (targets < classes)
    own = jnp.take_along_axis(predictions, jnp.clip(targets, 0, max(classes - 1, 0))[:, None], 1)
    better = jnp.sum(predictions > own, 1)
    return inside & jnp.all(jnp.isfinite(predictions), 1) & (better < k)


@op("InTopKV2", "predictions: float32, targets: T, k: T -> precision: bool", T=INDEX, differentiable=False)
def in_top_k_v2(predictions: Any, targets: Any, k: Any) -> Any:
    """Whether fewer than k classes of a row are rated above its target; False where that cannot be said."""
    return _in_top_k(predictions, targets, k)


@op("InTopK", "predictions: float32, targets: T -> precision: bool", T=INDEX, differentiable=False)
def in_top_k_v1(predictions: Any, targets: Any, *, k: int) -> Any:
    """Whether fewer than k classes of a row are rated above its target; False where that cannot be said."""
    return _in_top_k(predictions, targets, k)


def in_top_k(targets: Any, predictions: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether each target [n] is among the k highest predictions [n, classes]; ties count in its favour."""
    classes = convert_to_tensor(targets)
    return in_top_k_v2(predictions, classes, convert_to_tensor(k, classes.dtype), name=name)
