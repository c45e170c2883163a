"""tf.data.experimental's functions for what are methods of Dataset: most give a function for `Dataset.apply`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core import dtypes
from headrace.data.pipeline.counting import AssertCardinality
from headrace.data.pipeline.dataset import Dataset, DatasetSpec
from headrace.data.pipeline.stage import number
from headrace.dispatch.tensor import Tensor

Transformation = Callable[[Dataset], Dataset]


def Counter(start: Any = 0, step: Any = 1, dtype: Any = dtypes.int64) -> Dataset:
    """The same as Dataset.counter."""
    return Dataset.counter(start, step, dtype)


class RandomDataset(Dataset):
    """The same as Dataset.random."""

    def __init__(self, seed: Any = None, rerandomize_each_iteration: bool | None = None, name: str | None = None) -> None:
        super().__init__(Dataset.random(seed, rerandomize_each_iteration).stage)


def assert_cardinality(expected_cardinality: Any) -> Transformation:
    """Checks, where the elements end, that they were so many; the cardinality is then known."""
    return lambda dataset: Dataset(AssertCardinality(dataset.stage, number(expected_cardinality, "expected_cardinality")))


def cardinality(dataset: Dataset) -> Tensor:
    """The number of elements; see Dataset.cardinality."""
    return dataset.cardinality()


def enumerate_dataset(start: Any = 0) -> Transformation:
    """The same as Dataset.enumerate."""
    return lambda dataset: dataset.enumerate(start)


def unbatch() -> Transformation:
    """The same as Dataset.unbatch."""
    return lambda dataset: dataset.unbatch()


def scan(initial_state: Any, scan_func: Callable[..., Any]) -> Transformation:
    """The same as Dataset.scan."""
    return lambda dataset: dataset.scan(initial_state, scan_func)


def take_while(predicate: Callable[..., Any]) -> Transformation:
    """The same as Dataset.take_while."""
    return lambda dataset: dataset.take_while(predicate)


def shuffle_and_repeat(buffer_size: Any, count: Any = None, seed: Any = None) -> Transformation:
    """Dataset.shuffle, then Dataset.repeat."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def map_and_batch(
    map_func: Callable[..., Any],
    batch_size: Any,
    num_parallel_batches: Any = None,
    drop_remainder: bool = False,
    num_parallel_calls: Any = None,
) -> Transformation:
    """Dataset.map, then Dataset.batch."""
    return lambda dataset: dataset.map(map_func, num_parallel_calls).batch(batch_size, drop_remainder)


def get_structure(dataset_or_iterator: Any) -> Any:
    """The structure of the elements of a dataset or iterator.

    Raises:
        TypeError: it is neither.
    """
    spec = getattr(dataset_or_iterator, "element_spec", None)
    if spec is None:
        raise TypeError(f"get_structure takes a dataset or an iterator; got {dataset_or_iterator!r}")
    return spec


def get_next_as_optional(iterator: Any) -> Any:
    """The same as `iterator.get_next_as_optional()`."""
    return iterator.get_next_as_optional()


def to_variant(dataset: Dataset) -> Tensor:
    """A dataset as a variant tensor."""
    return dataset.variant()


def from_variant(variant: Tensor, structure: Any) -> Dataset:
    """The dataset in a variant tensor.

    Args:
        variant: what `to_variant` gave.
        structure: the structure of its elements.
    """
    dataset: Dataset = DatasetSpec(structure).from_components([variant])
    return dataset
