"""tensorflow.python.data.experimental.ops.distribute: how a batch is divided over hosts."""

from __future__ import annotations

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.core.nest import flatten
from headrace.data.pipeline.batching import Batch
from headrace.data.pipeline.buffering import CacheInMemory, Prefetch
from headrace.data.pipeline.choosing import IgnoreErrors
from headrace.data.pipeline.counting import AssertCardinality, Repeat, Shard, Skip, Take, WithOptions
from headrace.data.pipeline.dataset import Dataset
from headrace.data.pipeline.mapping import Filter
from headrace.data.pipeline.shuffling import Shuffle
from headrace.data.pipeline.stage import known
from headrace.dispatch.convert import constant
from headrace.dispatch.tensor import Tensor

_SAME_BATCHES = (AssertCardinality, CacheInMemory, Filter, IgnoreErrors, Prefetch, Repeat, Shard, Shuffle, Skip, Take, WithOptions)
"""Stages whose elements are those of their input."""


def compute_batch_size(dataset: object) -> Tensor:
    """The batch size of a dataset, -1 where it is unknown; an int64 scalar.

    It is the first dimension of the elements; where the last batch may be smaller, the size that `batch` was given.

    Raises:
        InvalidArgumentError: it is no dataset.
    """
    if not isinstance(dataset, Dataset):
        raise InvalidArgumentError(f"expected a dataset, got {dataset!r}")
    sizes = {leaf.shape[0] if leaf.shape.rank else None for leaf in flatten(dataset.element_spec)}
    size = sizes.pop() if len(sizes) == 1 else None
    stage = dataset.stage
    while isinstance(stage, _SAME_BATCHES):
        stage = stage.inputs[0]
    if size is None and isinstance(stage, Batch) and known(stage.size):
        size = int(stage.size)
    return constant(-1 if size is None else size, dtypes.int64)
