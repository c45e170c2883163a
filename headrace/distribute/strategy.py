"""Strategies: how a program's computation is divided over replicas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, NoReturn

from headrace.core import nest
from headrace.core.errors import UnimplementedError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import device_name
from headrace.distribute import context
from headrace.distribute.options import InputContext, InputOptions, ReduceOp
from headrace.distribute.replica import ReplicaContext
from headrace.distribute.values import DistributedValues
from headrace.ops.math.functions import reduce_mean, reduce_sum
from headrace.runtime.devices import list_logical_devices, resolve
from headrace.runtime.placement import device


class StrategyExtended:
    """What libraries ask of a strategy.

    Attributes:
        replica_context: the only replica.
    """

    def __init__(self, strategy: Any, devices: Sequence[str]) -> None:
        self._strategy = strategy
        self._names = tuple(devices)
        self.replica_context = ReplicaContext(strategy)

    @cached_property
    def worker_devices(self) -> tuple[str, ...]:
        """The device of each replica. Looked for when asked for: to import Headrace does not start XLA."""
        return tuple(device_name(resolve(name)) for name in self._names)

    @property
    def parameter_devices(self) -> tuple[str, ...]:
        """The devices that hold variables."""
        return self.worker_devices

    @property
    def experimental_require_static_shapes(self) -> bool:
        """False: shapes may be unknown."""
        return False

    def _in_multi_worker_mode(self) -> bool:
        return False

    def colocate_vars_with(self, colocate_with_variable: Any) -> AbstractContextManager[None]:
        """A context in which variables are made where another is; there is one place."""
        return nullcontext()

    def variable_created_in_scope(self, v: Any) -> bool:
        """True: every variable is of use to every strategy of one replica."""
        return True

    def value_container(self, value: Any) -> Any:
        """What holds the value of all replicas: the value itself."""
        return value

    def update(self, var: Any, fn: Callable[..., Any], args: Any = (), kwargs: Any = None, group: bool = True) -> Any:
        """Calls `fn(var, *args, **kwargs)` for the variable of each replica.

        Returns:
            What it returns.
        """
        return fn(var, *args, **(kwargs or {}))

    def call_for_each_replica(self, fn: Callable[..., Any], args: Any = (), kwargs: Any = None) -> Any:
        """Calls `fn(*args, **kwargs)` in each replica."""
        with context.within(self._strategy, self.replica_context):
            return fn(*args, **(kwargs or {}))

    def reduce_to(self, reduce_op: ReduceOp | str, value: Any, destinations: Any, options: Any = None) -> Any:
        """The values of all replicas combined, at `destinations`."""
        ReduceOp.of(reduce_op)
        return value

    def batch_reduce_to(self, reduce_op: ReduceOp | str, value_destination_pairs: Any, options: Any = None) -> list[Any]:
        """`reduce_to` for several values."""
        return [self.reduce_to(reduce_op, value, place) for value, place in value_destination_pairs]


class Strategy:
    """A strategy of one replica.

    Args:
        devices: the device of each replica.

    Raises:
        UnimplementedError: more than one (limitation `replicas`).
    """

    def __init__(self, devices: Sequence[str]) -> None:
        if len(devices) > 1:
            raise UnimplementedError(
                f"{type(self).__name__} was given the devices {list(devices)}; Headrace runs one replica as yet (limitation"
                " `replicas`): name one device"
            )
        self._device = devices[0]
        if self._device:
            resolve(self._device)
        self.extended = StrategyExtended(self, devices)

    @property
    def num_replicas_in_sync(self) -> int:
        """The number of replicas."""
        return len(self.extended.worker_devices)

    @property
    def cluster_resolver(self) -> None:
        """None: there is one host."""

    def scope(self) -> AbstractContextManager[Any]:
        """A context that the model and its variables are made in.

        Raises:
            RuntimeError: another strategy is in force.
        """
        if context.has_strategy() and context.get_strategy() is not self:
            raise RuntimeError(f"the scope of {self!r} was entered inside that of {context.get_strategy()!r}; leave that first")
        return context.within(self, None)

    def run(self, fn: Callable[..., Any], args: Any = (), kwargs: Any = None, options: Any = None) -> Any:
        """Calls a function in each replica.

        Args:
            fn: the function.
            args: its arguments.
            kwargs: likewise.
            options: accepted for TensorFlow's sake.

        Returns:
            What it returns; a DistributedValues of that where there are several replicas.

        Raises:
            RuntimeError: called in a replica.
        """
        if not isinstance(args, list | tuple):
            raise ValueError(f"args must be a tuple or a list; got {args!r}")
        if context.has_strategy() and not context.in_cross_replica_context():
            raise RuntimeError("strategy.run was called inside of a replica; call it outside of strategy.run")
        with context.within(self, self.extended.replica_context), self._placed():
            return fn(*args, **(kwargs or {}))

    def _placed(self) -> AbstractContextManager[Any]:
        return device(self._device)

    def reduce(self, reduce_op: ReduceOp | str, value: Any, axis: int | None = None) -> Any:
        """The values of all replicas combined.

        Args:
            reduce_op: "SUM" or "MEAN".
            value: what `run` returned.
            axis: combines along this dimension of the values, too.
        """
        how = ReduceOp.of(reduce_op)
        if axis is None:
            return value
        combine = reduce_sum if how is ReduceOp.SUM else reduce_mean
        return nest.map_structure(lambda leaf: combine(convert_to_tensor(leaf), axis=axis), value)

    def gather(self, value: Any, axis: int) -> Any:
        """The values of all replicas joined along an axis."""
        return nest.map_structure(convert_to_tensor, value)

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """The values of this host's replicas."""
        return value.values if isinstance(value, DistributedValues) else (value,)

    def experimental_distribute_dataset(self, dataset: Any, options: InputOptions | None = None) -> Any:
        """The dataset, divided over the replicas: itself where there is one."""
        return dataset

    def distribute_datasets_from_function(
        self, dataset_fn: Callable[[InputContext], Any], options: InputOptions | None = None
    ) -> Any:
        """The dataset that a function makes for this host."""
        return dataset_fn(InputContext(num_replicas_in_sync=self.num_replicas_in_sync))

    def experimental_distribute_values_from_function(self, value_fn: Callable[[Any], Any]) -> Any:
        """What a function gives for each replica's context."""
        return value_fn(self.extended.replica_context)

    def group(self, value: Any, name: str | None = None) -> None:
        """Nothing: what was asked for is done in order."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {', '.join(self.extended.worker_devices)}>"


class _DefaultStrategy(Strategy):
    """The strategy where the program chose none."""

    def __init__(self) -> None:
        super().__init__([""])

    def _placed(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def run(self, fn: Callable[..., Any], args: Any = (), kwargs: Any = None, options: Any = None) -> Any:
        """Calls the function."""
        return fn(*args, **(kwargs or {}))

    def scope(self) -> AbstractContextManager[Any]:
        """A context in which nothing is different.

        Raises:
            RuntimeError: another strategy is in force.
        """
        if context.has_strategy():
            raise RuntimeError(f"the scope of the default strategy was entered inside that of {context.get_strategy()!r}")
        return nullcontext(self)


class OneDeviceStrategy(Strategy):
    """Everything on one device.

    Args:
        device: its name.
    """

    def __init__(self, device: str) -> None:
        super().__init__([device])


class MirroredStrategy(Strategy):
    """Replicas on the devices of this host, with variables that have the same value on all of them.

    Args:
        devices: their names; the GPUs of this host by default, or the CPU.
        cross_device_ops: accepted for TensorFlow's sake.

    Raises:
        UnimplementedError: more than one device (limitation `replicas`).
    """

    def __init__(self, devices: Sequence[str] | None = None, cross_device_ops: Any = None) -> None:
        names = [d.name for d in list_logical_devices("GPU")] or ["/device:CPU:0"] if devices is None else devices
        super().__init__(names)


class MultiWorkerMirroredStrategy(MirroredStrategy):
    """MirroredStrategy over several hosts; there is one as yet (limitation `replicas`).

    Args:
        cluster_resolver: must be None.
        communication_options: accepted for TensorFlow's sake.

    Raises:
        UnimplementedError: a cluster is given.
    """

    def __init__(self, cluster_resolver: Any = None, communication_options: Any = None) -> None:
        if cluster_resolver is not None:
            raise UnimplementedError(
                f"a cluster {cluster_resolver!r} was given; Headrace runs one host as yet (limitation `replicas`)"
            )
        super().__init__()


class TPUStrategy(Strategy):
    """Refused: Headrace has no TPU strategy."""

    def __init__(self, tpu_cluster_resolver: Any = None, experimental_device_assignment: Any = None) -> None:
        _refuse("TPUStrategy")


class ParameterServerStrategy(Strategy):
    """Refused: Headrace has no parameter servers."""

    def __init__(self, cluster_resolver: Any = None, variable_partitioner: Any = None) -> None:
        _refuse("ParameterServerStrategy")


def _refuse(name: str) -> NoReturn:
    raise UnimplementedError(f"tf.distribute.{name} is not there; use tf.distribute.MirroredStrategy")


def experimental_set_strategy(strategy: Strategy | None) -> None:
    """Puts the whole program under a strategy, or ends that with None."""
    context.set_program_strategy(strategy)


context.set_default(_DefaultStrategy())
