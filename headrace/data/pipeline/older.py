"""tf.data.experimental's functions for what are methods of Dataset: most give a function for `Dataset.apply`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import OutOfRangeError
from headrace.core.spec import TensorSpec
from headrace.data.pipeline.buffering import AUTOTUNE
from headrace.data.pipeline.counting import AssertCardinality
from headrace.data.pipeline.dataset import Dataset, DatasetSpec
from headrace.data.pipeline.elements import map_leaves
from headrace.data.pipeline.iterators import OwnedIterator
from headrace.data.pipeline.placing import ToDevice
from headrace.data.pipeline.stage import number
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.creation import zeros
from headrace.ragged.tensor import RaggedTensorSpec
from headrace.runtime import devices
from headrace.sparse.tensor import SparseTensorSpec

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


def unique() -> Transformation:
    """The same as Dataset.unique."""
    return lambda dataset: dataset.unique()


def ignore_errors(log_warning: bool = False) -> Transformation:
    """The same as Dataset.ignore_errors."""
    return lambda dataset: dataset.ignore_errors(log_warning)


def dense_to_ragged_batch(batch_size: Any, drop_remainder: bool = False, row_splits_dtype: Any = dtypes.int64) -> Transformation:
    """The same as Dataset.ragged_batch."""
    return lambda dataset: dataset.ragged_batch(batch_size, drop_remainder, row_splits_dtype)


def dense_to_sparse_batch(batch_size: Any, row_shape: Any) -> Transformation:
    """The same as Dataset.sparse_batch."""
    return lambda dataset: dataset.sparse_batch(batch_size, row_shape)


def group_by_window(
    key_func: Callable[..., Any],
    reduce_func: Callable[..., Any],
    window_size: Any = None,
    window_size_func: Callable[..., Any] | None = None,
) -> Transformation:
    """The same as Dataset.group_by_window."""
    return lambda dataset: dataset.group_by_window(key_func, reduce_func, window_size, window_size_func)


def bucket_by_sequence_length(*args: Any, **options: Any) -> Transformation:
    """The same as Dataset.bucket_by_sequence_length."""
    return lambda dataset: dataset.bucket_by_sequence_length(*args, **options)


def rejection_resample(
    class_func: Callable[..., Any], target_dist: Any, initial_dist: Any = None, seed: Any = None
) -> Transformation:
    """The same as Dataset.rejection_resample."""
    return lambda dataset: dataset.rejection_resample(class_func, target_dist, initial_dist, seed)


def sample_from_datasets(datasets: Any, weights: Any = None, seed: Any = None, stop_on_empty_dataset: bool = False) -> Dataset:
    """The same as Dataset.sample_from_datasets."""
    return Dataset.sample_from_datasets(datasets, weights, seed, stop_on_empty_dataset)


def choose_from_datasets(datasets: Any, choice_dataset: Dataset, stop_on_empty_dataset: bool = False) -> Dataset:
    """The same as Dataset.choose_from_datasets, but for the default of `stop_on_empty_dataset`."""
    return Dataset.choose_from_datasets(datasets, choice_dataset, stop_on_empty_dataset)


def parallel_interleave(
    map_func: Callable[..., Any],
    cycle_length: Any,
    block_length: Any = 1,
    sloppy: bool | None = False,
    buffer_output_elements: Any = None,
    prefetch_input_elements: Any = None,
) -> Transformation:
    """The same as Dataset.interleave with as many parallel calls as datasets; `sloppy` is the opposite of `deterministic`."""
    return lambda dataset: dataset.interleave(map_func, cycle_length, block_length, cycle_length, deterministic=not sloppy)


def get_single_element(dataset: Dataset) -> Any:
    """The same as Dataset.get_single_element."""
    return dataset.get_single_element()


def at(dataset: Dataset, index: Any) -> Any:
    """The element of a number.

    Raises:
        OutOfRangeError: there is none.
    """
    position = number(index, "index")
    for element in dataset.skip(position).take(1):
        return element
    raise OutOfRangeError(f"the dataset has no element {position}")


def prefetch_to_device(device: str, buffer_size: Any = None) -> Transformation:
    """Elements made ahead of time, and put on a device.

    Args:
        device: such as `/gpu:0`.
        buffer_size: how many are made ahead; chosen while going on when None.
    """
    place = devices.resolve(device)
    return lambda dataset: Dataset(ToDevice(dataset.stage, place)).prefetch(AUTOTUNE if buffer_size is None else buffer_size)


def copy_to_device(target_device: str, source_device: str = "/cpu:0") -> Transformation:
    """Elements put on a device.

    Args:
        target_device: such as `/gpu:0`.
        source_device: accepted for TensorFlow's sake; elements come from the host.
    """
    place = devices.resolve(target_device)
    return lambda dataset: Dataset(ToDevice(dataset.stage, place))


class Reducer:
    """What group_by_reducer makes of the elements of a key.

    Args:
        init_func: the first state for a key.
        reduce_func: `(state, element) -> state`.
        finalize_func: makes the result of the last state.
    """

    def __init__(self, init_func: Callable[..., Any], reduce_func: Callable[..., Any], finalize_func: Callable[..., Any]) -> None:
        self.init_func = init_func
        self.reduce_func = reduce_func
        self.finalize_func = finalize_func


def group_by_reducer(key_func: Callable[..., Any], reducer: Reducer) -> Transformation:
    """One element for each key: what a reducer makes of all elements of it, in the order of the keys."""

    def one(key: Any, group: Dataset) -> Dataset:
        state = group.reduce(reducer.init_func(key), reducer.reduce_func)
        return Dataset.from_tensors(reducer.finalize_func(state))

    return lambda dataset: dataset.group_by_window(key_func, one, window_size=np.iinfo(np.int64).max)


def pad_to_cardinality(cardinality: Any, mask_key: str = "valid") -> Transformation:
    """Elements of zeros at the end, up to a number of elements, and a mask that tells them apart.

    Args:
        cardinality: how many elements there shall be.
        mask_key: the mask's key in the elements, which are dicts.
    """

    def transformed(dataset: Dataset) -> Dataset:
        spec = dataset.element_spec
        if not isinstance(spec, dict):
            raise ValueError("`pad_to_cardinality` requires its input dataset to be a dictionary")
        size = dataset.stage.cardinality()
        if size < 0 or size > cardinality:
            raise ValueError(f"pad_to_cardinality needs a dataset of at most {cardinality} elements; this one has {size}")
        if mask_key in spec:
            raise ValueError(f"the elements have the key {mask_key!r} already; choose another mask_key")
        filler = map_leaves(lambda leaf: zeros(leaf.shape.concrete(), leaf.dtype), spec)
        padding = Dataset.from_tensors({**filler, mask_key: False}).repeat(cardinality - size)
        return dataset.map(lambda element: {**element, mask_key: True}).concatenate(padding)

    return transformed


def save(
    dataset: Dataset,
    path: Any,
    compression: str | None = None,
    shard_func: Callable[..., Any] | None = None,
    checkpoint_args: Any = None,
) -> None:
    """The same as Dataset.save."""
    dataset.save(path, compression, shard_func, checkpoint_args)


def load(
    path: Any, element_spec: Any = None, compression: str | None = None, reader_func: Callable[..., Any] | None = None
) -> Dataset:
    """The same as Dataset.load."""
    return Dataset.load(path, element_spec, compression, reader_func)


def snapshot(
    path: Any,
    compression: str | None = "AUTO",
    reader_func: Callable[..., Any] | None = None,
    shard_func: Callable[..., Any] | None = None,
) -> Transformation:
    """The same as Dataset.snapshot."""
    return lambda dataset: dataset.snapshot(path, compression, reader_func, shard_func)


def TensorStructure(dtype: Any, shape: Any) -> TensorSpec:
    """The same as TensorSpec, arguments the other way round."""
    return TensorSpec(shape, dtype)


def SparseTensorStructure(dtype: Any, shape: Any) -> SparseTensorSpec:
    """The same as SparseTensorSpec, arguments the other way round."""
    return SparseTensorSpec(shape, dtype)


def RaggedTensorStructure(dtype: Any, shape: Any, ragged_rank: int) -> RaggedTensorSpec:
    """The same as RaggedTensorSpec, arguments in another order."""
    return RaggedTensorSpec(shape, dtype, ragged_rank)


def make_one_shot_iterator(dataset: Dataset) -> OwnedIterator:
    """The same as `iter(dataset)`."""
    return iter(dataset)


def get_output_types(dataset_or_iterator: Any) -> Any:
    """The dtypes of the elements, in their structure."""
    return map_leaves(lambda spec: spec.dtype, get_structure(dataset_or_iterator))


def get_output_shapes(dataset_or_iterator: Any) -> Any:
    """The shapes of the elements, in their structure."""
    return map_leaves(lambda spec: spec.shape, get_structure(dataset_or_iterator))


def get_output_classes(dataset_or_iterator: Any) -> Any:
    """The classes of the elements' tensors, in their structure."""
    return map_leaves(lambda spec: getattr(spec, "value_type", Tensor), get_structure(dataset_or_iterator))
