"""ReplicaContext: what code inside of `strategy.run` can ask and do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core import dtypes, nest
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.distribute import context
from headrace.distribute.options import ReduceOp


class ReplicaContext:
    """One replica of a strategy.

    Attributes:
        strategy: the strategy.
    """

    def __init__(self, strategy: Any, replica_id_in_sync_group: int = 0) -> None:
        self.strategy = strategy
        self._replica_id = replica_id_in_sync_group

    @property
    def replica_id_in_sync_group(self) -> Tensor:
        """Which replica it is, from 0: an int32 scalar."""
        return convert_to_tensor(self._replica_id, dtypes.int32)

    @property
    def num_replicas_in_sync(self) -> int:
        """The number of replicas."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def devices(self) -> tuple[str, ...]:
        """The device of this replica."""
        return (self.strategy.extended.worker_devices[self._replica_id],)

    def merge_call(self, merge_fn: Callable[..., Any], args: Any = (), kwargs: Any = None) -> Any:
        """Calls `merge_fn(strategy, *args, **kwargs)` once for all replicas.

        Args:
            merge_fn: the function.
            args: its arguments; each is the value of this replica.
            kwargs: likewise.

        Returns:
            What it returns for this replica.
        """
        with context.within(self.strategy, None):
            return merge_fn(self.strategy, *args, **(kwargs or {}))

    def all_reduce(self, reduce_op: ReduceOp | str, value: Any, options: Any = None) -> Any:
        """The values of all replicas combined.

        Args:
            reduce_op: "SUM" or "MEAN".
            value: a structure of tensors, of this replica.
            options: accepted for TensorFlow's sake.

        Raises:
            ValueError: they do not combine in that way.
        """
        ReduceOp.of(reduce_op)
        return nest.map_structure(lambda leaf: leaf, value)

    def all_gather(self, value: Any, axis: int, options: Any = None) -> Any:
        """The values of all replicas joined along an axis."""
        return nest.map_structure(lambda leaf: leaf, value)
