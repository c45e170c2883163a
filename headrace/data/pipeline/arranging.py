"""The methods of Dataset that choose, order, group and keep elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from headrace.core.errors import UnimplementedError
from headrace.data.pipeline import storing
from headrace.data.pipeline.batching import Batch, Unbatch
from headrace.data.pipeline.buffering import CacheInMemory, Prefetch
from headrace.data.pipeline.counting import Concatenate, Repeat, Shard, Skip, Take, WithOptions
from headrace.data.pipeline.functions import TracedFunction, arguments_of
from headrace.data.pipeline.options import Options
from headrace.data.pipeline.seeds import Seeds
from headrace.data.pipeline.shuffling import Shuffle
from headrace.data.pipeline.stage import Run, Stage, number
from headrace.data.pipeline.storing import StoredOnce

if TYPE_CHECKING:
    from headrace.data.pipeline.dataset import Dataset


def as_text(path: Any) -> str:
    """A path given as text, as a path, or as a string tensor."""
    found = path.numpy() if hasattr(path, "numpy") else path
    return found.decode() if isinstance(found, bytes) else str(found)


class Arranging:
    """What leaves the elements as they are."""

    @property
    def stage(self) -> Stage:
        """The pipeline behind the dataset."""
        raise NotImplementedError

    def _then(self, stage: Stage) -> Dataset:
        raise NotImplementedError

    def batch(
        self,
        batch_size: Any,
        drop_remainder: bool = False,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Several elements stacked into one.

        Args:
            batch_size: how many.
            drop_remainder: leaves out the last ones where they are fewer.
            num_parallel_calls, deterministic: accepted for TensorFlow's sake; a batch is one copy.

        Raises:
            InvalidArgumentError: `batch_size` is less than 1.
        """
        return self._then(Batch(self.stage, number(batch_size, "batch_size"), bool(drop_remainder)))

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of each element as elements.

        Raises:
            ValueError: an element has scalars.
        """
        return self._then(Unbatch(self.stage))

    def shuffle(
        self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: bool | None = True, name: str | None = None
    ) -> Dataset:
        """The elements in random order: each is drawn from a buffer, which the next element of the input then fills up.

        Args:
            buffer_size: how many elements the buffer holds; UNKNOWN_CARDINALITY for all.
            seed: makes the order repeatable.
            reshuffle_each_iteration: each pass has another order.

        Raises:
            InvalidArgumentError: `buffer_size` is less than 1.
        """
        fresh = True if reshuffle_each_iteration is None else bool(reshuffle_each_iteration)
        return self._then(Shuffle(self.stage, number(buffer_size, "buffer_size"), Seeds(seed, fresh)))

    def repeat(self, count: Any = None, name: str | None = None) -> Dataset:
        """The elements `count` times over; without end when it is None or negative."""
        return self._then(Repeat(self.stage, None if count is None else number(count, "count")))

    def take(self, count: Any, name: str | None = None) -> Dataset:
        """The first `count` elements; all when it is negative."""
        return self._then(Take(self.stage, number(count, "count")))

    def skip(self, count: Any, name: str | None = None) -> Dataset:
        """All but the first `count` elements; none when it is negative."""
        return self._then(Skip(self.stage, number(count, "count")))

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Dataset:
        """Every `num_shards`-th element from number `index` on.

        Raises:
            InvalidArgumentError: `index` is not in [0, num_shards).
        """
        return self._then(Shard(self.stage, number(num_shards, "num_shards"), number(index, "index")))

    def shard_by_host(self, name: str | None = None) -> Dataset:
        """The share of this host among those that `jax.distributed` joined; a name of Headrace's, not TensorFlow's.

        A host may get one element more than another, which hangs a step that they take together: `repeat()` behind it, and a fixed
        number of steps, keep them in step.
        """
        return self.shard(jax.process_count(), jax.process_index())

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """These elements, then those of another dataset.

        Raises:
            TypeError: the elements differ in structure or dtype.
        """
        return self._then(Concatenate(self.stage, dataset.stage))

    def prefetch(self, buffer_size: Any, name: str | None = None) -> Dataset:
        """The elements, made ahead of time by a thread.

        Args:
            buffer_size: how many are made ahead, or AUTOTUNE.
        """
        return self._then(Prefetch(self.stage, number(-1 if buffer_size is None else buffer_size, "buffer_size")))

    def cache(self, filename: Any = "", name: str | None = None) -> Dataset:
        """The elements, kept in the first complete pass.

        Args:
            filename: where the names of the files begin that keep them, for other programs too; in memory when empty.
        """
        place = as_text(filename)
        return self._then(StoredOnce(self.stage, f"{place}.index", None, "cache") if place else CacheInMemory(self.stage))

    def save(
        self, path: Any, compression: str | None = None, shard_func: Callable[..., Any] | None = None, checkpoint_args: Any = None
    ) -> None:
        """Writes the elements into a directory, for `Dataset.load`.

        Args:
            path: the directory.
            compression: None or "GZIP".
            shard_func: gives the number of the data file for an element.
            checkpoint_args: not supported.

        Raises:
            UnimplementedError: `checkpoint_args` was given.
        """
        if checkpoint_args is not None:
            raise UnimplementedError("Dataset.save starts over when it was interrupted; checkpoint_args is not supported")
        storing.save(Run(self.stage.options()), self.stage, as_text(path), compression, self._shard_function(shard_func, "save"))

    def snapshot(
        self,
        path: Any,
        compression: str | None = "AUTO",
        reader_func: Callable[..., Any] | None = None,
        shard_func: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements: the first complete pass writes them into a directory, and later ones, in other programs too, read it.

        Args:
            path: the directory.
            compression: "AUTO" or None for none, or "GZIP".
            reader_func: makes one dataset of a dataset of those of the data files.
            shard_func: gives the number of the data file for an element.
        """
        shard_of = self._shard_function(shard_func, "snapshot")
        reader = None if reader_func is None else self._reader(reader_func)
        index = str(Path(as_text(path)) / storing.INDEX)
        return self._then(StoredOnce(self.stage, index, compression, "snapshot", reader, shard_of))

    def _shard_function(self, function: Callable[..., Any] | None, kind: str) -> TracedFunction | None:
        return None if function is None else TracedFunction(function, arguments_of(self.stage.element_spec), kind)

    def _reader(self, function: Callable[..., Any]) -> Callable[[Sequence[Stage]], Stage]:
        raise NotImplementedError

    def with_options(self, options: Options, name: str | None = None) -> Dataset:
        """The elements, under options, which add to those set before.

        Raises:
            TypeError: `options` is something else.
        """
        if not isinstance(options, Options):
            raise TypeError(f"with_options takes tf.data.Options; got {options!r}")
        return self._then(WithOptions(self.stage, options))
