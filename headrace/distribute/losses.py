"""Losses of a replica's part of a batch: what must be added up over the replicas to get the loss of the whole batch."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.distribute.context import get_strategy, has_strategy, in_cross_replica_context
from headrace.ops.array.portable import static_value
from headrace.ops.array.shaping import expand_dims, shape, squeeze
from headrace.ops.math.functions import cast, reduce_sum


def compute_average_loss(per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None) -> Tensor:
    """The sum of the losses of examples over the size of the whole batch.

    Args:
        per_example_loss: floats `[examples, ...]`.
        sample_weight: factors of the examples, of a shape that broadcasts; None for ones.
        global_batch_size: an integer, the number of examples of all replicas together; by default that of the losses times the
            number of replicas.

    Raises:
        ValueError: the losses or the size have the wrong rank.
        InvalidArgumentError: the size is negative.
        TypeError: the size is no integer.
        RuntimeError: no size is given, and the program speaks for all replicas.
    """
    losses = convert_to_tensor(per_example_loss)
    if losses.shape.rank == 0:
        raise ValueError(f"per_example_loss is a scalar {losses}; expected one loss an example: do not reduce it")
    dtype = losses.dtype
    if sample_weight is not None:
        losses = cast(_weighted(cast(losses, dtypes.float32), cast(sample_weight, dtypes.float32)), dtype)
    if global_batch_size is None:
        _check_in_replica("compute_average_loss without global_batch_size")
        size = shape(losses)[0] * get_strategy().num_replicas_in_sync
    else:
        size = _checked_size(global_batch_size)
    average: Tensor = reduce_sum(losses) / cast(size, dtype)
    return average


def scale_regularization_loss(regularization_loss: Any) -> Tensor:
    """The sum of a regularization loss over the number of replicas.

    Raises:
        RuntimeError: the program speaks for all replicas.
    """
    _check_in_replica("scale_regularization_loss")
    loss = convert_to_tensor(regularization_loss)
    scaled: Tensor = reduce_sum(loss) / cast(get_strategy().num_replicas_in_sync, loss.dtype)
    return scaled


def _check_in_replica(what: str) -> None:
    if has_strategy() and in_cross_replica_context():
        raise RuntimeError(f"{what} was called for all replicas at once; call it in the function that strategy.run gets")


def _weighted(losses: Tensor, weights: Tensor) -> Tensor:
    """The losses times the weights, of which a last dimension of one may be missing or too many."""
    rank, given = losses.shape.rank, weights.shape.rank
    if rank is not None and given:
        if given == rank + 1:
            weights = squeeze(weights, [-1])
        elif given == rank - 1:
            weights = expand_dims(weights, -1)
    product: Tensor = losses * weights
    return product


def _checked_size(size: Any) -> Tensor:
    number = convert_to_tensor(size)
    if number.shape.rank != 0:
        raise ValueError(f"global_batch_size has shape {number.shape}; expected a scalar")
    if not number.dtype.is_integer:
        raise TypeError(f"global_batch_size has dtype {number.dtype.name}; expected an integer")
    known = static_value(number)
    if known is not None and known < 0:
        raise InvalidArgumentError(f"global_batch_size is {known}; expected a size of at least 0")
    return number
