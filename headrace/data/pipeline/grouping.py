"""The methods of Dataset that put elements together: padded and ragged batches, windows, groups, buckets."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape, as_shape
from headrace.core.spec import TensorSpec
from headrace.data.pipeline.batching import Batch, PaddedBatch, RaggedBatch, Rebatch, SparseBatch
from headrace.data.pipeline.batching import padded_shapes as shapes_to_pad
from headrace.data.pipeline.batching import padding_values as values_to_pad
from headrace.data.pipeline.choosing import IgnoreErrors, Resample, Unique
from headrace.data.pipeline.elements import Element, map_leaves, to_user
from headrace.data.pipeline.functions import TracedFunction, arguments_of, called
from headrace.data.pipeline.iterators import dataset_value
from headrace.data.pipeline.per_element import dataset_spec_of
from headrace.data.pipeline.seeds import Seeds
from headrace.data.pipeline.sources import Listed
from headrace.data.pipeline.stage import Exhausted, Run, Stage, number
from headrace.data.pipeline.windows import GroupByWindow, Window
from headrace.dispatch import context
from headrace.ops.math.functions import cast

if TYPE_CHECKING:
    from headrace.data.pipeline.dataset import Dataset


class Grouping:
    """What makes elements of several elements, or datasets of them."""

    @property
    def stage(self) -> Stage:
        """The pipeline behind the dataset."""
        raise NotImplementedError

    def _then(self, stage: Stage) -> Dataset:
        raise NotImplementedError

    def _spec_of(self, element_spec: Any) -> Any:
        raise NotImplementedError

    def padded_batch(
        self,
        batch_size: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Several elements padded to one shape and stacked.

        Args:
            batch_size: how many.
            padded_shapes: a shape for each component; an unknown dimension (None or -1) becomes the largest of the batch.
                By default the shapes of the elements.
            padding_values: a scalar for each component, or one for all; 0 or the empty string by default.
            drop_remainder: leaves out the last elements where they are fewer.

        Raises:
            ValueError: a shape does not fit the elements.
            TypeError: a value has another dtype than what it pads.
        """
        structure = self.stage.element_spec
        shapes, values = shapes_to_pad(structure, padded_shapes), values_to_pad(structure, padding_values)
        return self._then(PaddedBatch(self.stage, number(batch_size, "batch_size"), shapes, values, bool(drop_remainder)))

    def ragged_batch(
        self, batch_size: Any, drop_remainder: bool = False, row_splits_dtype: Any = dtypes.int64, name: str | None = None
    ) -> Dataset:
        """Several elements as one ragged tensor; components of known shape are stacked.

        Args:
            batch_size: how many.
            drop_remainder: leaves out the last ones where they are fewer.
            row_splits_dtype: of the ragged tensors.
        """
        splits = dtypes.as_dtype(row_splits_dtype)
        return self._then(RaggedBatch(self.stage, number(batch_size, "batch_size"), bool(drop_remainder), splits))

    def sparse_batch(self, batch_size: Any, row_shape: Any, name: str | None = None) -> Dataset:
        """Several elements as one sparse tensor.

        Args:
            batch_size: how many.
            row_shape: the shape of a row; an unknown dimension becomes the largest of the batch.
        """
        shape = TensorShape([None if d in (None, -1) else int(d) for d in as_shape_list(row_shape)])
        return self._then(SparseBatch(self.stage, number(batch_size, "batch_size"), shape))

    def rebatch(self, batch_size: Any, drop_remainder: bool = False, name: str | None = None) -> Dataset:
        """Batches taken apart and made anew.

        Args:
            batch_size: a number, or several that are taken in turn.
            drop_remainder: leaves out the last elements where they are fewer.
        """
        sizes = [int(size) for size in np.asarray(batch_size).reshape(-1)]
        return self._then(Rebatch(self.stage, sizes, bool(drop_remainder)))

    def window(
        self, size: Any, shift: Any = None, stride: Any = 1, drop_remainder: bool = False, name: str | None = None
    ) -> Dataset:
        """Runs of elements, each a dataset; in a structure each component becomes one.

        Args:
            size: how many elements a window has.
            shift: how many elements lie between the beginnings of two windows; `size` by default.
            stride: how many lie between two elements of a window.
            drop_remainder: leaves out windows with fewer elements.

        Raises:
            InvalidArgumentError: a number is less than 1.
        """
        numbers = number(size, "size"), number(size if shift is None else shift, "shift"), number(stride, "stride")
        spec = map_leaves(self._spec_of, self.stage.element_spec)
        return self._then(Window(self.stage, spec, numbers, bool(drop_remainder), dataset_value))

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[..., Any],
        window_size: Any = None,
        window_size_func: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Elements collected by key; the elements of the dataset that a function makes of each full group.

        Args:
            key_func: gives the key of an element, a scalar integer.
            reduce_func: `(key, dataset of the group) -> dataset`.
            window_size: how many elements a group has.
            window_size_func: gives that number for a key, in place of `window_size`.

        Raises:
            ValueError: both sizes were given, or none.
            TypeError: `reduce_func` gives no dataset.
        """
        if (window_size is None) == (window_size_func is None):
            raise ValueError("group_by_window needs window_size or window_size_func, and not both")
        spec = self.stage.element_spec
        scalar = TensorSpec((), dtypes.int64)
        key = TracedFunction(_as_int64(key_func), arguments_of(spec), "group_by_window")
        reduce = TracedFunction(reduce_func, (scalar, self._spec_of(spec)), "group_by_window")
        size = TracedFunction(_as_int64(window_size_func or (lambda _: window_size)), (scalar,), "group_by_window")
        return self._then(GroupByWindow(self.stage, key, reduce, size, dataset_spec_of(reduce), dataset_value))

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Elements of similar length in padded batches.

        Args:
            element_length_func: gives the length of an element.
            bucket_boundaries: the lengths where a new bucket begins, ascending.
            bucket_batch_sizes: the batch size of each bucket: one more than there are boundaries.
            padded_shapes, padding_values: see `padded_batch`.
            pad_to_bucket_boundary: pads to one less than the bucket's upper boundary, not to the longest of the batch.
            no_padding: the elements have one shape, and are batched as they are.
            drop_remainder: leaves out batches with fewer elements.

        Raises:
            ValueError: the numbers of sizes and boundaries do not fit.
        """
        if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
            raise ValueError(
                "bucket_by_sequence_length needs one batch size more than boundaries; got"
                f" {len(bucket_batch_sizes)} and {len(bucket_boundaries)}"
            )
        structure = self.stage.element_spec
        length = TracedFunction(element_length_func, arguments_of(structure), "bucket_by_sequence_length")
        padding = None
        if not no_padding:
            padding = shapes_to_pad(structure, padded_shapes), values_to_pad(structure, padding_values)
        sizes = [int(size) for size in bucket_batch_sizes]
        boundaries = [int(boundary) for boundary in bucket_boundaries]
        return self._then(_Buckets(self.stage, length, boundaries, sizes, padding, pad_to_bucket_boundary, drop_remainder))

    def rejection_resample(
        self, class_func: Callable[..., Any], target_dist: Any, initial_dist: Any = None, seed: Any = None, name: str | None = None
    ) -> Dataset:
        """Elements dropped by chance, so that their classes come as often as is wanted: pairs of class and element.

        Args:
            class_func: gives the class of an element, a scalar integer.
            target_dist: how often each class shall come, floating [classes].
            initial_dist: how often it comes in the input; counted while going on when None.
            seed: makes the draws repeatable.
        """
        function = TracedFunction(class_func, arguments_of(self.stage.element_spec), "rejection_resample")
        target = np.asarray(target_dist, np.float64)
        initial = None if initial_dist is None else np.asarray(initial_dist, np.float64)
        spec = (function.output_spec, self.stage.element_spec)
        return self._then(Resample(self.stage, function, target, initial, Seeds(seed), spec))

    def unique(self, name: str | None = None) -> Dataset:
        """The elements that did not come before; all of them are kept in memory."""
        return self._then(Unique(self.stage))

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Dataset:
        """The elements that are made without an error.

        Args:
            log_warning: writes a line to the log for each that is left out.
        """
        return self._then(IgnoreErrors(self.stage, log_warning))

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element.

        Raises:
            InvalidArgumentError: there is none, or there are several.
        """
        if not context.executing_eagerly():
            return next(iter(self))  # type: ignore[call-overload]
        cursor = Run(self.stage.options()).open(self.stage)
        try:
            element = _next_or_none(cursor.next)
            if element is None:
                raise InvalidArgumentError("Dataset was empty. get_single_element needs a dataset of one element")
            if _next_or_none(cursor.next) is not None:
                raise InvalidArgumentError(
                    "Dataset had more than one element. get_single_element needs a dataset of one; use take(1)"
                )
        finally:
            cursor.close()
        return to_user(element, self.stage.element_spec)


def _next_or_none(following: Callable[[], Element]) -> Element | None:
    try:
        return following()
    except Exhausted:
        return None


def as_shape_list(shape: Any) -> list[Any]:
    """A shape given as TensorShape, list or vector, as a list of dimensions."""
    if isinstance(shape, TensorShape):
        return shape.as_list()
    if isinstance(shape, list | tuple):
        return list(shape)
    return as_shape(np.asarray(shape).reshape(-1).tolist()).as_list()


def _as_int64(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: cast(function(*arguments), dtypes.int64)


class _Buckets(GroupByWindow):
    """Groups by length, each batched."""

    kind = "bucket_by_sequence_length"

    def __init__(
        self,
        source: Stage,
        length: TracedFunction,
        boundaries: list[int],
        sizes: list[int],
        padding: tuple[list[TensorShape], list[Any]] | None,
        to_boundary: bool,
        drop_remainder: bool,
    ) -> None:
        self._length = length
        self._boundaries, self._sizes = boundaries, sizes
        self._padding = padding
        self._to_boundary, self._drop = to_boundary, drop_remainder
        shape = self._batch(source, 1, None).element_spec
        super().__init__(source, length, length, length, shape, dataset_value)

    def _batch(self, source: Stage, size: int, boundary: int | None) -> Stage:
        if self._padding is None:
            return Batch(source, size, False)
        shapes, values = self._padding
        if boundary is not None:
            shapes = [TensorShape([boundary if d is None else d for d in shape]) for shape in shapes]
        return PaddedBatch(source, size, shapes, values, False)

    def key_of(self, element: Element, position: int) -> int:
        """See GroupByWindow.key_of: the number of the bucket."""
        (length,) = called(self._length, element, position)
        bucket = bisect.bisect_right(self._boundaries, int(length))
        if self._to_boundary and bucket == len(self._boundaries):
            raise InvalidArgumentError(
                f"with pad_to_bucket_boundary elements must be shorter than the last boundary, {self._boundaries[-1:]};"
                f" got one of length {int(length)}"
            )
        return bucket

    def size_of(self, key: int) -> int:
        """See GroupByWindow.size_of."""
        return self._sizes[key]

    def made_of(self, key: int, elements: list[Element]) -> Stage:
        """See GroupByWindow.made_of."""
        group = Listed(self.inputs[0].element_spec, elements)
        if self._drop and len(elements) < self._sizes[key]:
            return Listed(self.element_spec, [])
        boundary = self._boundaries[key] - 1 if self._to_boundary else None
        return self._batch(group, self._sizes[key], boundary)
