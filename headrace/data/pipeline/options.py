"""tf.data.Options and its parts: plain records in which None means that nothing was chosen."""

from __future__ import annotations

import enum
from typing import Any, ClassVar


class AutoShardPolicy(enum.IntEnum):
    """How a dataset is divided among the workers of a distribution strategy."""

    OFF = -1
    AUTO = 0
    FILE = 1
    DATA = 2
    HINT = 3


class ExternalStatePolicy(enum.Enum):
    """What happens where a pipeline with state outside of it is saved."""

    WARN = 0
    IGNORE = 1
    FAIL = 2


class AutotuneAlgorithm(enum.Enum):
    """The names of TensorFlow's ways of choosing parallelism; Headrace has one of its own."""

    DEFAULT = 0
    HILL_CLIMB = 1
    GRADIENT_DESCENT = 2
    MAX_PARALLELISM = 3
    STAGE_BASED = 4


class _Record:
    """Named fields with defaults; assigning an unknown one raises AttributeError."""

    FIELDS: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        for name, default in self.FIELDS.items():
            object.__setattr__(self, name, default() if isinstance(default, type) else default)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.FIELDS:
            raise AttributeError(f"{type(self).__name__} has no option {name!r}; it has {', '.join(sorted(self.FIELDS))}")
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def merge(self, options: Any) -> Any:
        """These options with those that `options` chooses in their place."""
        result = type(self)()
        for name, default in self.FIELDS.items():
            mine, others = getattr(self, name), getattr(options, name)
            if isinstance(default, type):
                chosen = mine.merge(others)
            else:
                chosen = mine if others == default else others
            object.__setattr__(result, name, chosen)
        return result

    def __repr__(self) -> str:
        chosen = [f"{k}={getattr(self, k)!r}" for k, v in self.FIELDS.items() if isinstance(v, type) or getattr(self, k) != v]
        return f"{type(self).__name__}({', '.join(chosen)})"


class AutotuneOptions(_Record):
    """Whether parallelism and buffers given as AUTOTUNE are tuned, and within which bounds.

    Attributes:
        enabled: False keeps them at their first values.
        cpu_budget: how many threads all stages together may use; by default the processors of this machine.
        ram_budget: how many bytes buffers may hold.
    """

    enabled: bool | None
    cpu_budget: int | None
    ram_budget: int | None
    FIELDS: ClassVar[dict[str, Any]] = {
        "enabled": None,
        "cpu_budget": None,
        "ram_budget": None,
        "autotune_algorithm": AutotuneAlgorithm.DEFAULT,
        "initial_parallelism": None,
        "min_parallelism": None,
    }


class DistributeOptions(_Record):
    """How a dataset is divided among workers."""

    auto_shard_policy: AutoShardPolicy
    num_devices: int | None
    FIELDS: ClassVar[dict[str, Any]] = {"auto_shard_policy": AutoShardPolicy.AUTO, "num_devices": None}


class OptimizationOptions(_Record):
    """Which rewrites of a pipeline are made.

    Attributes:
        map_vectorization: False keeps map functions from being run on whole batches.
        inject_prefetch: accepted for TensorFlow's sake, as are the others.
    """

    map_vectorization: bool | None
    FIELDS: ClassVar[dict[str, Any]] = dict.fromkeys(
        (
            "apply_default_optimizations",
            "filter_fusion",
            "filter_parallelization",
            "inject_prefetch",
            "map_and_batch_fusion",
            "map_and_filter_fusion",
            "map_fusion",
            "map_parallelization",
            "map_vectorization",
            "noop_elimination",
            "parallel_batch",
            "seq_interleave_prefetch",
            "shuffle_and_repeat_fusion",
        )
    )


class ThreadingOptions(_Record):
    """The threads of a pipeline.

    Attributes:
        max_intra_op_parallelism: accepted for TensorFlow's sake.
        private_threadpool_size: how many threads one stage may use at most.
    """

    private_threadpool_size: int | None
    FIELDS: ClassVar[dict[str, Any]] = {"max_intra_op_parallelism": None, "private_threadpool_size": None}


class Options(_Record):
    """What a dataset is told about how it is run; see `Dataset.with_options`.

    Attributes:
        autotune: see AutotuneOptions.
        deterministic: False lets parallel stages give elements in the order in which they are ready.
        experimental_distribute: see DistributeOptions.
        experimental_optimization: see OptimizationOptions.
        threading: see ThreadingOptions.
    """

    autotune: AutotuneOptions
    deterministic: bool | None
    experimental_distribute: DistributeOptions
    experimental_optimization: OptimizationOptions
    threading: ThreadingOptions
    FIELDS: ClassVar[dict[str, Any]] = {
        "autotune": AutotuneOptions,
        "dataset_name": None,
        "deterministic": None,
        "experimental_distribute": DistributeOptions,
        "experimental_external_state_policy": None,
        "experimental_optimization": OptimizationOptions,
        "experimental_slack": None,
        "experimental_symbolic_checkpoint": None,
        "experimental_warm_start": None,
        "framework_type": None,
        "threading": ThreadingOptions,
    }

    def __getattr__(self, name: str) -> Any:
        if name in _OLD_NAMES:
            return getattr(self, _OLD_NAMES[name])
        raise AttributeError(f"Options has no option {name!r}; it has {', '.join(sorted(self.FIELDS))}")

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(_OLD_NAMES.get(name, name), value)


_OLD_NAMES = {"experimental_threading": "threading", "experimental_deterministic": "deterministic"}
