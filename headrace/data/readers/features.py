"""tf.data.experimental's datasets of parsed examples, and its writer of records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from headrace.core import dtypes
from headrace.core.spec import TensorSpec
from headrace.data.features import Features
from headrace.data.parsing import parse_example
from headrace.data.pipeline.buffering import AUTOTUNE
from headrace.data.pipeline.dataset import Dataset
from headrace.data.readers.datasets import TFRecordDataset
from headrace.data.tfrecord import TFRecordWriter as FileWriter


def parse_example_dataset(
    features: Features, num_parallel_calls: Any = 1, deterministic: bool | None = None
) -> Callable[[Dataset], Dataset]:
    """A transformation, for `Dataset.apply`, of batches of serialized examples into dicts of tensors.

    Args:
        features: what to read, as for `tf.io.parse_example`.
        num_parallel_calls, deterministic: as for `Dataset.map`.

    Raises:
        ValueError: there are no features.
    """
    if features is None or not features:
        raise ValueError("parse_example_dataset needs features to read; got none")

    def apply(dataset: Dataset) -> Dataset:
        spec = dataset.element_spec
        if not isinstance(spec, TensorSpec) or spec.dtype is not dtypes.string:
            raise TypeError(f"parse_example_dataset takes a dataset of string vectors; its elements are {spec!r}")

        def parse(serialized: Any) -> Any:
            return parse_example(serialized, features)

        return dataset.map(parse, num_parallel_calls=num_parallel_calls, deterministic=deterministic)

    return apply


def make_batched_features_dataset(
    file_pattern: Any,
    batch_size: Any,
    features: Features,
    reader: Callable[..., Dataset] | None = None,
    label_key: str | None = None,
    reader_args: Sequence[Any] | None = None,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: Any = 10000,
    shuffle_seed: Any = None,
    prefetch_buffer_size: Any = None,
    reader_num_threads: int | None = None,
    parser_num_threads: int | None = None,
    sloppy_ordering: bool = False,
    drop_final_batch: bool = False,
) -> Dataset:
    """Batches of parsed examples of files.

    Args:
        file_pattern: of the files, or several.
        batch_size: examples in a batch.
        features: what to read, as for `tf.io.parse_example`.
        reader: makes a dataset of serialized examples of a file's name; TFRecordDataset by default.
        label_key: a feature that is taken out of the dict and given beside it.
        reader_args: further arguments of `reader`.
        num_epochs: how often the files are gone through; without end by default.
        shuffle: files and examples in random order.
        shuffle_buffer_size: examples among which the next one is chosen.
        shuffle_seed: of that order.
        prefetch_buffer_size: batches made ahead; tuned by default.
        reader_num_threads: files read by turns; 1 by default.
        parser_num_threads: batches parsed at once; 2 by default.
        sloppy_ordering: accepted for TensorFlow's sake; files are read in a fixed order.
        drop_final_batch: leaves out a last batch that is smaller; without end there is none.

    Returns:
        A dataset of dicts, or of pairs of a dict and a label.

    Raises:
        InvalidArgumentError: no file fits.
        ValueError: the label is not among the features.
    """
    if label_key is not None and label_key not in features:
        raise ValueError(f"label_key {label_key!r} is none of the features {sorted(features)}")
    make = TFRecordDataset if reader is None else reader
    names = Dataset.list_files(file_pattern, shuffle=shuffle, seed=shuffle_seed)
    dataset = names.interleave(lambda name: make(name, *(reader_args or ())), cycle_length=reader_num_threads or 1, block_length=1)
    if shuffle:
        dataset = dataset.shuffle(shuffle_buffer_size, shuffle_seed)
    if num_epochs != 1:
        dataset = dataset.repeat(num_epochs)
    dataset = dataset.batch(batch_size, drop_remainder=drop_final_batch or num_epochs is None)
    dataset = parse_example_dataset(features, num_parallel_calls=parser_num_threads or 2)(dataset)
    if label_key is not None:
        key = label_key
        dataset = dataset.map(lambda found: ({name: found[name] for name in found if name != key}, found[key]))
    return dataset.prefetch(AUTOTUNE if prefetch_buffer_size is None else prefetch_buffer_size)


class TFRecordWriter:
    """Writes a dataset of scalar strings as the records of a file.

    Args:
        filename: the file, which is replaced.
        compression_type: '' (or None), 'GZIP' or 'ZLIB'.
    """

    def __init__(self, filename: Any, compression_type: Any = None) -> None:
        self._filename = filename.numpy().decode() if hasattr(filename, "numpy") else filename
        self._compression = compression_type

    def write(self, dataset: Dataset) -> None:
        """Writes every element.

        Raises:
            TypeError: it is no dataset, or its elements are no scalar strings.
        """
        if not isinstance(dataset, Dataset):
            raise TypeError(f"expected a dataset; got {dataset!r}")
        spec = dataset.element_spec
        if not isinstance(spec, TensorSpec) or spec.dtype is not dtypes.string or spec.shape.rank != 0:
            raise TypeError(f"expected a dataset of scalar strings; its elements are {spec!r}")
        with FileWriter(self._filename, self._compression) as writer:
            for record in dataset.as_numpy_iterator():
                writer.write(record)
