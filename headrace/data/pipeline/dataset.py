"""tf.data.Dataset: a pipeline as users hold it, and where its elements come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from headrace.core import dtypes, nest
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.spec import CompositeSpec, CompositeTensor, TensorSpec
from headrace.data.pipeline.arranging import Arranging, as_text
from headrace.data.pipeline.choosing import Choose, Drawn, Sample
from headrace.data.pipeline.counting import Numbers, Zip
from headrace.data.pipeline.elements import are_subtypes, flat_specs, most_general, specs_equal, take_apart
from headrace.data.pipeline.grain import Grain
from headrace.data.pipeline.grouping import Grouping
from headrace.data.pipeline.iterators import NumpyIterator, OwnedIterator, dataset_value
from headrace.data.pipeline.options import Options
from headrace.data.pipeline.per_element import PerElement
from headrace.data.pipeline.profiling import Profile, profile
from headrace.data.pipeline.seeds import Seeds
from headrace.data.pipeline.sources import Generated, Listed, RandomNumbers, Range, Slices, Tensors, generated_spec
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Cursor, Run, Stage, bound, number, symbols
from headrace.data.pipeline.storing import INDEX, Store, loaded
from headrace.data.readers.listing import listed
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import EagerTensor, GraphTensor, ListTensor, Tensor
from headrace.ops.iteration.iterators import (
    DatasetValue,
    Recipe,
    dataset_cardinality,
    dataset_iterator,
)
from headrace.ops.iteration.iterators import (
    dataset as dataset_op,
)


class Dataset(CompositeTensor, PerElement, Arranging, Grouping):
    """A sequence of elements, each a structure of tensors, that is made while it is iterated over.

    Args:
        stage: the pipeline.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @property
    def stage(self) -> Stage:
        """The pipeline behind this dataset."""
        return self._stage

    @property
    def element_spec(self) -> Any:
        """The structure of an element, of tf.TypeSpec objects."""
        return self._stage.element_spec

    @property
    def dtype(self) -> dtypes.DType:
        """tf.variant."""
        return dtypes.variant

    @property
    def type_spec(self) -> DatasetSpec:
        """The spec of this dataset, as an element or argument."""
        return DatasetSpec(self.element_spec)

    _type_spec = type_spec

    def _then(self, stage: Stage) -> Dataset:
        return Dataset(stage)

    def _reader(self, function: Callable[..., Any]) -> Callable[[Sequence[Stage]], Stage]:
        return _stage_reader(function, self.element_spec)

    def _spec_of(self, element_spec: Any) -> DatasetSpec:
        return DatasetSpec(element_spec)

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """A dataset of one element.

        Args:
            tensors: the element.
        """
        return Dataset(Tensors(*take_apart(tensors)))

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """A dataset of the rows of tensors.

        Args:
            tensors: a structure of tensors [n, ...].

        Raises:
            ValueError: a tensor is a scalar, or their lengths differ.
        """
        return Dataset(Slices(*take_apart(tensors)))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Sequence[Any] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """A dataset of what a Python generator yields.

        Args:
            generator: called, with `args` as numpy arrays, for each pass; returns an iterable.
            output_types: the dtypes of an element, the older way of `output_signature`.
            output_shapes: its shapes, with `output_types`.
            args: tensors for the generator.
            output_signature: the structure of an element, of tf.TypeSpec objects.

        Raises:
            TypeError: the generator cannot be called, or no signature was given.
        """
        if not callable(generator):
            raise TypeError(f"`generator` must be a Python callable that returns an iterable; got {generator!r}")
        spec = generated_spec(output_signature, output_types, output_shapes)
        arguments = [part for value in args or () for part in take_apart(value)[1]]
        return Dataset(Generated(generator, spec, arguments))

    @staticmethod
    def from_grain(source: Any, output_signature: Any = None, name: str | None = None) -> Dataset:
        """A dataset over one of Grain, which works in several processes; a name of Headrace's, not TensorFlow's.

        Args:
            source: a grain.MapDataset, grain.IterDataset or grain.DataLoader; its elements are structures of numpy arrays.
            output_signature: the structure of an element, of tf.TypeSpec objects; by default that of the first element, which is
                then made twice. Needed where shapes differ between elements.

        Raises:
            UnimplementedError: Grain is not installed.
            TypeError: `source` is nothing of Grain's.
            ValueError: `output_signature` is missing, and there is no first element.
            InvalidArgumentError: the first element cannot be made tensors.
        """
        return Dataset(Grain(source, output_signature))

    @staticmethod
    def range(*args: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Dataset:
        """A dataset of numbers.

        Args:
            args: stop; start and stop; or start, stop and step.
            output_type: their dtype.

        Raises:
            ValueError: there are no, or more than three, numbers.
            InvalidArgumentError: the step is 0.
        """
        limits = [number(value, "a limit of range") for value in args]
        if not 1 <= len(limits) <= 3:
            raise ValueError(f"Dataset.range takes one to three numbers (start, stop, step); got {len(limits)}")
        if len(limits) == 1:
            limits.insert(0, 0)
        start, stop, step = (*limits, 1)[:3]
        return Dataset(Range(start, stop, step, dtypes.as_dtype(output_type)))

    @staticmethod
    def counter(start: Any = 0, step: Any = 1, dtype: Any = dtypes.int64, name: str | None = None) -> Dataset:
        """A dataset of the numbers from `start` by `step`, without end."""
        return Dataset(Numbers(number(start, "start"), number(step, "step"), dtypes.as_dtype(dtype)))

    @staticmethod
    def random(seed: Any = None, rerandomize_each_iteration: bool | None = None, name: str | None = None) -> Dataset:
        """A dataset of random int64 numbers in [0, 2**32), without end.

        Args:
            seed: makes them repeatable.
            rerandomize_each_iteration: each pass gets other numbers.
        """
        return Dataset(RandomNumbers(Seeds(seed, bool(rerandomize_each_iteration))))

    @staticmethod
    def list_files(file_pattern: Any, shuffle: Any = None, seed: Any = None, name: str | None = None) -> Dataset:
        """A dataset of the names of files, which are looked up now.

        Args:
            file_pattern: a pattern with `*`, `?` and `[...]`, or several.
            shuffle: gives them in another random order each pass; True by default, else they are sorted.
            seed: of that order.

        Raises:
            InvalidArgumentError: no file fits (inside a tf.function there is then no element).
        """
        return Dataset(listed(file_pattern, shuffle, seed))

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements of several datasets side by side, until the shortest ends.

        Args:
            args: datasets, or one structure of them.
            datasets: the structure, by name.

        Raises:
            ValueError: no dataset was given.
            TypeError: something in the structure is no dataset.
        """
        if args and datasets is not None:
            raise ValueError("Dataset.zip takes datasets by position or as `datasets`, not both")
        structure = datasets if not args else args[0] if len(args) == 1 else tuple(args)
        if isinstance(structure, list):
            raise TypeError("Dataset.zip takes datasets, or a tuple, dict or named tuple of them; got a list")
        leaves = nest.flatten(structure)
        if structure is None or not leaves:
            raise ValueError("Dataset.zip needs at least one dataset")
        for leaf in leaves:
            if not isinstance(leaf, Dataset):
                raise TypeError(f"Dataset.zip takes datasets; got {leaf!r} ({type(leaf).__name__})")
        specs = nest.pack_sequence_as(structure, [leaf.element_spec for leaf in leaves])
        return Dataset(Zip([leaf.stage for leaf in leaves], specs))

    @staticmethod
    def sample_from_datasets(
        datasets: Sequence[Dataset],
        weights: Any = None,
        seed: Any = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Elements of several datasets, each time of one drawn at random.

        Args:
            datasets: of elements of one structure.
            weights: how often each is drawn: floating [datasets], or a dataset of such vectors; equally often by default.
            seed: makes the draws repeatable.
            stop_on_empty_dataset: ends where a dataset that was drawn has ended; otherwise the others go on.
            rerandomize_each_iteration: each pass has other draws.

        Raises:
            ValueError: there are no datasets, or not as many weights as datasets.
            TypeError: the elements differ in structure or dtype.
        """
        stages = _stages(datasets, "sample_from_datasets")
        if isinstance(weights, Dataset):
            seeds = Seeds(seed, True)
            numbers = Drawn(weights.stage, len(stages), seeds)
            return Dataset(Choose(stages, numbers, stop_on_empty_dataset))
        given = np.ones(len(stages)) if weights is None else np.asarray(weights, np.float64)
        if given.shape != (len(stages),):
            raise ValueError(f"sample_from_datasets got {len(stages)} datasets and weights of shape {list(given.shape)}")
        if (given < 0).any() or not (given > 0).any():
            raise ValueError(f"the weights of sample_from_datasets must not be negative, and not all 0; got {given.tolist()}")
        kept = [(stage, weight) for stage, weight in zip(stages, given.tolist(), strict=True) if weight > 0]
        if len(kept) == 1:
            return Dataset(kept[0][0])
        fresh = rerandomize_each_iteration is not False
        return Dataset(Sample([s for s, _ in kept], [w for _, w in kept], Seeds(seed, fresh), stop_on_empty_dataset))

    @staticmethod
    def choose_from_datasets(datasets: Sequence[Dataset], choice_dataset: Dataset, stop_on_empty_dataset: bool = True) -> Dataset:
        """Elements of several datasets, each time of the one that a dataset of int64 scalars names.

        Args:
            datasets: of elements of one structure.
            choice_dataset: of their positions.
            stop_on_empty_dataset: ends where a dataset that was chosen has ended; otherwise that choice is passed over.

        Raises:
            ValueError: there are no datasets.
            TypeError: the elements differ in structure or dtype, or the choices are no int64 scalars.
        """
        stages = _stages(datasets, "choose_from_datasets")
        if not specs_equal(choice_dataset.element_spec, TensorSpec((), dtypes.int64)):
            raise TypeError(f"choice_dataset must have int64 scalars as elements; got {choice_dataset.element_spec!r}")
        return Dataset(Choose(stages, choice_dataset.stage, stop_on_empty_dataset))

    @staticmethod
    def load(
        path: Any,
        element_spec: Any = None,
        compression: str | None = None,
        reader_func: Callable[..., Any] | None = None,
        wait: bool = False,
    ) -> Dataset:
        """The dataset that `save` wrote.

        Args:
            path: the directory.
            element_spec: the structure of its elements, checked when given.
            compression: accepted for TensorFlow's sake; the directory says how it is compressed.
            reader_func: makes one dataset of a dataset of those of the data files.
            wait: not supported.

        Raises:
            NotFoundError: there is none.
            UnimplementedError: `wait` was asked for.
        """
        if wait:
            raise UnimplementedError("Dataset.load does not wait for a dataset that is being written; load it when it is complete")
        store = Store(Path(as_text(path)) / INDEX)
        spec = store.element_spec()
        if element_spec is not None and not are_subtypes(spec, element_spec):
            raise InvalidArgumentError(f"the dataset at {store.index.parent} has elements of {spec!r}; asked for {element_spec!r}")
        return Dataset(loaded(store, spec, None if reader_func is None else _stage_reader(reader_func, spec)))

    def __iter__(self) -> OwnedIterator:
        if not context.executing_eagerly():
            return OwnedIterator(dataset_iterator(self.variant()), self.element_spec)
        return OwnedIterator.over(self._stage)

    def as_numpy_iterator(self) -> NumpyIterator:
        """An iterator over the elements as numpy arrays.

        Raises:
            RuntimeError: inside a tf.function.
        """
        if not context.executing_eagerly():
            raise RuntimeError("as_numpy_iterator() is not supported while tracing functions: arrays exist when a program runs")
        return NumpyIterator(self._stage)

    def __len__(self) -> int:
        if not context.executing_eagerly():
            raise TypeError("len() of a dataset works eagerly only; use dataset.cardinality() inside a tf.function")
        size = self._stage.cardinality()
        if size < 0:
            raise TypeError(f"the dataset {'is infinite' if size == INFINITE else 'length is unknown'}; see dataset.cardinality()")
        return size

    def __bool__(self) -> bool:
        return True

    __nonzero__ = __bool__

    def cardinality(self, name: str | None = None) -> Tensor:
        """The number of elements, a scalar int64: INFINITE_CARDINALITY or UNKNOWN_CARDINALITY where there is none."""
        if not context.executing_eagerly():
            return dataset_cardinality(self.variant())
        return convert_to_tensor(self._stage.cardinality(), dtypes.int64)

    def profile(self, count: int | None = None) -> Profile:
        """Where the time of a pass goes, stage by stage: a table when printed.

        Args:
            count: how many elements are made; by default all, which a dataset without end does not have.

        Raises:
            ValueError: the dataset has no end, and `count` is missing.
        """
        if count is None and self._stage.cardinality() == INFINITE:
            raise ValueError("profile() of a dataset without end needs the number of elements to make")
        return profile(self._stage, count)

    def options(self) -> Options:
        """The options that are in force."""
        return self._stage.options()

    def apply(self, transformation_func: Callable[[Any], Any]) -> Any:
        """What a function of datasets makes of this one.

        Raises:
            TypeError: it makes no dataset.
        """
        result = transformation_func(self)
        if not isinstance(result, Dataset):
            raise TypeError(f"`transformation_func` must return a Dataset; got {result!r}")
        return result

    def variant(self) -> Tensor:
        """This dataset as a variant tensor: one at hand, or inside a graph a symbolic one."""
        stage = self._stage
        if isinstance(stage, _Given):
            held: Tensor = stage.tensor
            return held
        if context.executing_eagerly():
            return ListTensor(dataset_value(stage))
        parts = symbols(stage)

        def make(arrays: Sequence[Any]) -> DatasetValue:
            on_host = [np.asarray(array) if isinstance(array, jax.Array) else array for array in arrays]
            return dataset_value(bound(stage, dict(zip(map(id, parts), on_host, strict=True))))

        return dataset_op(parts, recipe=Recipe.of(make, stage))

    def loop_in_graph(self) -> tuple[Callable[[], Tensor], Callable[[], Any]]:
        """See OwnedIterator.loop_in_graph."""
        return iter(self).loop_in_graph()

    def __repr__(self) -> str:
        return f"<_{type(self._stage).__name__}Dataset element_spec={self.element_spec!r}>"


def _stage_reader(function: Callable[..., Any], element_spec: Any) -> Callable[[Sequence[Stage]], Stage]:
    """A function of a dataset of datasets, as one of stages."""

    def read(stages: Sequence[Stage]) -> Stage:
        datasets = Dataset(Listed(DatasetSpec(element_spec), [(dataset_value(stage),) for stage in stages]))
        result: Dataset = function(datasets)
        return result.stage

    return read


def _stages(datasets: Sequence[Dataset], name: str) -> list[Stage]:
    if not datasets:
        raise ValueError(f"{name} needs at least one dataset")
    return [dataset.stage for dataset in datasets]


class _Given(Stage):
    """A dataset that a graph gets as a tensor."""

    kind = "dataset"

    def __init__(self, tensor: Tensor, element_spec: Any) -> None:
        super().__init__((), element_spec)
        self.tensor: Any = tensor

    def cardinality(self) -> int:
        """That of the dataset, once it is at hand."""
        return self.tensor.stage.cardinality() if isinstance(self.tensor, DatasetValue) else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return run.open(self.tensor.stage)

    def options(self) -> Options:
        """See Stage.options."""
        return self.tensor.stage.options() if isinstance(self.tensor, DatasetValue) else Options()


class DatasetSpec(CompositeSpec):
    """The spec of a dataset as an element (a window), or as an argument of a function.

    Args:
        element_spec: the structure of its elements.
        dataset_shape: of a tensor of datasets; only a scalar is there.
    """

    __slots__ = ("_element_spec", "_shape")

    def __init__(self, element_spec: Any, dataset_shape: Any = ()) -> None:
        self._element_spec = element_spec
        self._shape = TensorSpec(dataset_shape, dtypes.variant).shape

    @property
    def element_spec(self) -> Any:
        """The structure of the elements."""
        return self._element_spec

    @property
    def component_specs(self) -> tuple[TensorSpec, ...]:
        """One variant."""
        return (TensorSpec((), dtypes.variant),)

    def components(self, value: Any) -> list[Any]:
        """The dataset as a variant."""
        return [value.variant()]

    def from_components(self, components: list[Any]) -> Any:
        """The dataset in a variant."""
        (tensor,) = components
        held = tensor.array if isinstance(tensor, EagerTensor) else tensor
        if isinstance(held, DatasetValue):
            return Dataset(held.stage)
        if not isinstance(held, GraphTensor):
            raise InvalidArgumentError(f"expected a dataset in a variant tensor; got {held!r}")
        return Dataset(_Given(held, self._element_spec))

    def is_compatible_with(self, value: Any) -> bool:
        """True for datasets of such elements."""
        spec = value.type_spec if isinstance(value, CompositeTensor) else value
        return isinstance(spec, DatasetSpec) and are_subtypes(spec.element_spec, self._element_spec)

    def is_subtype_of(self, other: Any) -> bool:
        """True when all such elements are also those of `other`."""
        return isinstance(other, DatasetSpec) and are_subtypes(self._element_spec, other.element_spec)

    def most_general(self, other: Any) -> CompositeSpec | None:
        """The narrowest spec of both."""
        spec = most_general(self._element_spec, other.element_spec) if isinstance(other, DatasetSpec) else None
        return None if spec is None else DatasetSpec(spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatasetSpec) and self.is_subtype_of(other) and other.is_subtype_of(self)

    def __hash__(self) -> int:
        return hash((DatasetSpec, tuple(flat_specs(self._element_spec))))

    def __repr__(self) -> str:
        return f"DatasetSpec({self._element_spec!r}, {self._shape!r})"
