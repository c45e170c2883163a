"""Choices that strategies take: how replicas' values combine, how input is divided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class ReduceOp(Enum):
    """How the values of replicas combine to one."""

    SUM = "SUM"
    MEAN = "MEAN"

    @classmethod
    def of(cls, value: ReduceOp | str) -> ReduceOp:
        """The member that a name in any case means.

        Raises:
            ValueError: there is no such way.
        """
        if isinstance(value, cls):
            return value
        name = str(value).upper()
        if name not in cls.__members__:
            raise ValueError(f"values combine by {' or '.join(cls.__members__)}; got {value!r}")
        return cls[name]


class InputReplicationMode(Enum):
    """Whether an input function is called once a worker or once a replica."""

    PER_WORKER = "PER_WORKER"
    PER_REPLICA = "PER_REPLICA"


class CommunicationImplementation(Enum):
    """How workers speak with one another."""

    AUTO = "AUTO"
    RING = "RING"
    NCCL = "NCCL"


@dataclass(frozen=True)
class CommunicationOptions:
    """How values are brought together.

    Attributes:
        bytes_per_pack: the size of the pieces in which they travel, in bytes; 0 leaves it to the strategy.
        timeout_seconds: how long a worker is waited for; None for ever.
        implementation: how workers speak with one another.
    """

    bytes_per_pack: int = 0
    timeout_seconds: float | None = None
    implementation: CommunicationImplementation = CommunicationImplementation.AUTO


@dataclass(frozen=True)
class InputContext:
    """Where an input function is called.

    Attributes:
        num_input_pipelines: how many times it is called in all.
        input_pipeline_id: which of them this call is, from 0.
        num_replicas_in_sync: the number of replicas.
    """

    num_input_pipelines: int = 1
    input_pipeline_id: int = 0
    num_replicas_in_sync: int = 1

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """The part of a batch that one replica gets.

        Raises:
            ValueError: the replicas do not divide it.
        """
        if global_batch_size % self.num_replicas_in_sync:
            raise ValueError(f"a batch of {global_batch_size} is not divided by {self.num_replicas_in_sync} replicas")
        return global_batch_size // self.num_replicas_in_sync


@dataclass(frozen=True)
class InputOptions:
    """How a distributed dataset is read.

    Attributes:
        experimental_fetch_to_device: whether elements are brought to the devices ahead.
        experimental_replication_mode: see InputReplicationMode.
        experimental_place_dataset_on_device: whether the dataset itself runs on the device.
        experimental_per_replica_buffer_size: how many elements are kept ready for each replica.
    """

    experimental_fetch_to_device: bool | None = None
    experimental_replication_mode: InputReplicationMode = InputReplicationMode.PER_WORKER
    experimental_place_dataset_on_device: bool = False
    experimental_per_replica_buffer_size: int = 1


@dataclass(frozen=True)
class RunOptions:
    """How `Strategy.run` compiles; accepted for TensorFlow's sake.

    Attributes:
        experimental_enable_dynamic_batch_size: no effect.
        experimental_bucketizing_dynamic_shape: no effect.
        experimental_xla_options: no effect.
    """

    experimental_enable_dynamic_batch_size: bool = True
    experimental_bucketizing_dynamic_shape: bool = False
    experimental_xla_options: Any = None


class ReductionToOneDevice:
    """Values are brought to one device and combined there; XLA decides how in any case."""

    def __init__(self, reduce_to_device: str | None = None, accumulation_fn: Any = None) -> None:
        self.reduce_to_device = reduce_to_device
        self.accumulation_fn = accumulation_fn


class NcclAllReduce:
    """Values are combined by NCCL; XLA decides how in any case."""

    def __init__(self, num_packs: int = 1) -> None:
        self.num_packs = num_packs


class HierarchicalCopyAllReduce(NcclAllReduce):
    """Values are combined in steps; XLA decides how in any case."""
