"""Elements in files: save, load, snapshot, and cache with a file name.

An index, a JSON text, names the data files and says what the elements are. Data files are TFRecord files with new names each
time; the index is renamed into its place when they are complete, so a reader never finds half of a dataset.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from headrace.core.errors import DataLossError, InvalidArgumentError, NotFoundError
from headrace.data.compression import compression_type
from headrace.data.pipeline.elements import Element, are_subtypes
from headrace.data.pipeline.functions import TracedFunction, called
from headrace.data.pipeline.packing import check_fits, pack, unpack
from headrace.data.pipeline.stage import Cursor, Exhausted, Run, Stage, State
from headrace.data.tfrecord import TFRecordWriter, read
from headrace.proto.messages import StructuredValue, parse
from headrace.saved_model import structure

INDEX = "dataset.index"
"""The index of a dataset in a directory of its own."""

_LARGEST_INDEX = 64 << 20


class Store:
    """A dataset in files.

    Args:
        index: the path of its index.
    """

    def __init__(self, index: Path) -> None:
        self.index = index

    def exists(self) -> bool:
        """Whether a complete dataset is there."""
        return self.index.exists()

    def _contents(self) -> dict[str, Any]:
        try:
            if self.index.stat().st_size > _LARGEST_INDEX:
                raise DataLossError(f"{self.index} is too large for an index of a dataset")
            found = json.loads(self.index.read_bytes())
            names = found["files"]
            if not all(isinstance(n, str) and Path(n).name == n for n in names) or not isinstance(found["counts"], list):
                raise DataLossError(f"{self.index} names files outside of its directory")
        except FileNotFoundError:
            raise NotFoundError(f"there is no saved dataset at {self.index}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise DataLossError(f"{self.index} is no index of a dataset: {error}") from None
        contents: dict[str, Any] = found
        return contents

    def element_spec(self) -> Any:
        """What the elements are.

        Raises:
            NotFoundError: there is no dataset.
            DataLossError: the index is damaged.
        """
        try:
            blob = base64.b64decode(self._contents()["spec"], validate=True)
        except (binascii.Error, KeyError, TypeError) as error:
            raise DataLossError(f"{self.index} has no spec of its elements: {error}") from None
        return structure.decode(parse(StructuredValue, blob, str(self.index)), str(self.index))

    def shards(self) -> list[Shard]:
        """The data files."""
        found = self._contents()
        where = self.index.parent
        return [
            Shard(where / name, found["compression"], count) for name, count in zip(found["files"], found["counts"], strict=True)
        ]


class Shard:
    """One data file.

    Attributes:
        path, compression: where it is, and how it is compressed.
        count: how many elements it holds.
    """

    def __init__(self, path: Path, compression: str, count: int) -> None:
        self.path, self.compression, self.count = path, compression, count


class StoreWriter:
    """A dataset on its way into files; `commit` makes it visible.

    Args:
        store: where.
        element_spec: what the elements are.
        compression: None, "GZIP", or "AUTO", which is none.
    """

    def __init__(self, store: Store, element_spec: Any, compression: str | None) -> None:
        self._store = store
        self._spec = base64.b64encode(structure.encode(element_spec).SerializeToString()).decode()
        self._compression = compression_type("" if compression in (None, "AUTO", "NONE") else compression)
        self._token = uuid.uuid4().hex
        self._writers: dict[int, TFRecordWriter] = {}
        self._counts: dict[int, int] = {}
        store.index.parent.mkdir(parents=True, exist_ok=True)

    def _path(self, shard: int) -> Path:
        return self._store.index.with_name(f"{self._store.index.stem}.{self._token}-{shard:05d}")

    def write(self, element: Element, shard: int = 0) -> None:
        """Adds an element."""
        if shard not in self._writers:
            self._writers[shard] = TFRecordWriter(str(self._path(shard)), self._compression)
            self._counts[shard] = 0
        self._writers[shard].write(pack(list(element)))
        self._counts[shard] += 1

    def commit(self) -> None:
        """Closes the files and puts the index in its place; the files of an earlier one go."""
        self.close()
        before = self._store.shards() if self._store.exists() else []
        shards = sorted(self._counts)
        contents = {
            "spec": self._spec,
            "compression": self._compression,
            "files": [self._path(shard).name for shard in shards],
            "counts": [self._counts[shard] for shard in shards],
        }
        partial = self._store.index.with_name(f"{self._store.index.name}.{self._token}")
        partial.write_text(json.dumps(contents))
        os.replace(partial, self._store.index)
        for shard in before:
            shard.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()

    def abandon(self) -> None:
        """Removes what was written."""
        self.close()
        for shard in self._writers:
            with contextlib.suppress(FileNotFoundError):
                self._path(shard).unlink()


def save(run: Run, stage: Stage, path: str, compression: str | None, shard_of: TracedFunction | None) -> None:
    """Writes all elements of a stage into a directory.

    Raises:
        InvalidArgumentError: the shard of an element is no number from 0 on.
    """
    writer = StoreWriter(Store(Path(path) / INDEX), stage.element_spec, compression)
    cursor = run.open(stage)
    done = False
    try:
        for position, element in enumerate(_all(cursor)):
            shard = 0
            if shard_of is not None:
                (number,) = called(shard_of, element, position)
                shard = int(number)
                if shard < 0:
                    raise InvalidArgumentError(f"shard_func gave {shard}; expected a number from 0 on")
            writer.write(element, shard)
        writer.commit()
        done = True
    finally:
        cursor.close()
        if not done:
            writer.abandon()


def _all(cursor: Cursor) -> Iterator[Element]:
    while True:
        try:
            element = cursor.next()
        except Exhausted:
            return
        yield element


class Stored(Stage):
    """The elements of data files."""

    kind = "load"

    def __init__(self, shards: Sequence[Shard], element_spec: Any) -> None:
        super().__init__((), element_spec)
        self._shards = list(shards)

    def cardinality(self) -> int:
        """Their number."""
        return sum(shard.count for shard in self._shards)

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _StoredCursor(self._shards, self.specs)


class _StoredCursor(Cursor):
    __slots__ = ("_position", "_records", "_shards", "_specs")

    def __init__(self, shards: Sequence[Shard], specs: list[Any]) -> None:
        super().__init__()
        self._shards, self._specs = shards, specs
        self._position = 0
        self._records = self._read()

    def _read(self) -> Iterator[Element]:
        for shard in self._shards:
            for blob in read(shard.path, shard.compression):
                yield check_fits(unpack(blob, str(shard.path)), self._specs, str(shard.path))

    def next(self) -> Element:
        """See Cursor.next."""
        try:
            element = next(self._records)
        except StopIteration:
            raise Exhausted from None
        self._position += 1
        return element

    def state(self) -> State:
        """See Cursor.state."""
        return self._position

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        for _ in range(state):
            self.next()

    def close(self) -> None:
        """See Cursor.close."""
        self._records.close()  # type: ignore[attr-defined]


class StoredOnce(Stage):
    """The same elements: the first complete pass writes them into files, and later ones, in other programs too, read those.

    Args:
        source: the input.
        index: the path of the index.
        compression: see StoreWriter.
        kind: the method's name.
        reader: makes a stage of those of the data files; None reads one after the other.
        shard_of: gives the number of the data file for an element.
    """

    def __init__(
        self,
        source: Stage,
        index: str,
        compression: str | None,
        kind: str,
        reader: Callable[[Sequence[Stage]], Stage] | None = None,
        shard_of: TracedFunction | None = None,
    ) -> None:
        super().__init__((source,), source.element_spec)
        self._store = Store(Path(index))
        self._compression = compression
        self._name = kind
        self._reader = reader
        self.shard_of = shard_of

    @property
    def name(self) -> str:
        """See Stage.name."""
        return self._name

    def cardinality(self) -> int:
        """That of the input."""
        return self.inputs[0].cardinality()

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        if not self._store.exists():
            return _StoringCursor(run.open(self.inputs[0]), StoreWriter(self._store, self.element_spec, self._compression), self)
        found = self._store.element_spec()
        if not are_subtypes(found, self.element_spec):
            raise InvalidArgumentError(
                f"the files at {self._store.index} hold elements of {found!r}, this dataset has {self.element_spec!r}; remove the"
                " files, or give another name"
            )
        return run.open(loaded(self._store, self.element_spec, self._reader))


class _StoringCursor(Cursor):
    __slots__ = ("_done", "_stage", "_writer")

    def __init__(self, source: Cursor, writer: StoreWriter, stage: StoredOnce) -> None:
        super().__init__(source)
        self._writer: StoreWriter | None = writer
        self._stage = stage
        self._done = 0

    def next(self) -> Element:
        """See Cursor.next."""
        try:
            element = self.inputs[0].next()
        except Exhausted:
            if self._writer is not None:
                self._writer.commit()
                self._writer = None
            raise
        if self._writer is not None:
            shard = 0 if self._stage.shard_of is None else int(called(self._stage.shard_of, element, self._done)[0])
            self._writer.write(element, shard)
        self._done += 1
        return element

    def state(self) -> State:
        """See Cursor.state."""
        return self.inputs[0].state()

    def restore(self, state: State) -> None:
        """See Cursor.restore. What came before is not at hand, so this pass stores nothing."""
        self.inputs[0].restore(state)
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None

    def close(self) -> None:
        """See Cursor.close. An incomplete pass leaves no files."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
        super().close()


def loaded(store: Store, element_spec: Any, reader: Callable[[Sequence[Stage]], Stage] | None) -> Stage:
    """The stage that gives the elements of a store."""
    shards = store.shards()
    if reader is None:
        return Stored(shards, element_spec)
    return reader([Stored([shard], element_spec) for shard in shards])
