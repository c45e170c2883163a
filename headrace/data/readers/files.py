"""Stages that read the items of files, one file after the other or several by turns."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from headrace.core import dtypes, nest
from headrace.core.errors import InvalidArgumentError, OpError
from headrace.core.spec import TensorSpec
from headrace.data import compression
from headrace.data.pipeline.buffering import AUTOTUNE, THREADS
from headrace.data.pipeline.dataset import Dataset
from headrace.data.pipeline.elements import Element, take_apart
from headrace.data.pipeline.sources import Slices
from headrace.data.pipeline.stage import INFINITE, UNKNOWN, Block, Cursor, Exhausted, Run, Stage, State, known
from headrace.data.readers.blocks import Opener
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get

MOST_READERS = 16
"""The most files that are read at once where the number is left to us."""


class Files(Stage):
    """The items of the files that the input names: byte strings.

    Args:
        names: a stage of file names.
        kind: what messages call this stage.
        opener: opens a file.
        parallel: how many files are read by turns, an item of each; AUTOTUNE for as many as there are processors. None: one
            after the other, and by no thread of its own.
    """

    def __init__(self, names: Stage, kind: str, opener: Callable[[], Opener], parallel: Any) -> None:
        super().__init__((names,), TensorSpec((), dtypes.string))
        self._kind = kind
        self._opener = opener
        self._parallel = parallel
        self.check()

    @property
    def name(self) -> str:
        """See Stage.name."""
        return self._kind

    def check(self) -> None:
        """See Stage.check."""
        if known(self._parallel) and self._parallel is not None and self._parallel < 1 and self._parallel != AUTOTUNE:
            raise InvalidArgumentError(f"num_parallel_reads must be positive, AUTOTUNE or None; got {self._parallel}")

    def cardinality(self) -> int:
        """Unknown, but for inputs that are empty or endless."""
        size = self.inputs[0].cardinality()
        return size if size in (0, INFINITE) else UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        parallel = self._parallel
        if parallel == AUTOTUNE:
            parallel = min(MOST_READERS, os.cpu_count() or 1)
        return FilesCursor(run.open(self.inputs[0]), self._opener(), parallel)


class _OpenFile:
    """A file that is being read: a block at hand, and perhaps a thread that reads the next one."""

    def __init__(self, name: str, opener: Opener, pool: ThreadPoolExecutor | None, place: int = 0, skip: int = 0) -> None:
        self.name = name
        self._reader = opener(name, place)
        self._pool = pool
        self._place = place
        self._items: list[bytes] = []
        self._at = 0
        self._next: Future[tuple[int, list[bytes]]] | None = None
        while skip:
            skipped = self.take(skip)
            if not skipped:
                break
            skip -= len(skipped)

    def take(self, count: int) -> list[bytes]:
        """Some of the next items, `count` at most; none at the end."""
        if self._at >= len(self._items):
            self._place, self._items = self._read() if self._next is None else self._next.result()
            self._at = 0
            if self._pool is not None and self._items:
                self._next = self._pool.submit(self._read)
        taken = self._items[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def _read(self) -> tuple[int, list[bytes]]:
        return self._reader.offset, self._reader.read()

    def state(self) -> State:
        """Where to go on: the file, a place in it, and how many items from there were taken."""
        return [self.name, self._place, self._at]

    def close(self) -> None:
        """Closes the file, once its thread is done with it."""
        if self._next is not None and not self._next.cancel():
            self._next.exception()
        self._reader.close()


class FilesCursor(Cursor):
    """A pass over files. After an error the next element is that of the next file."""

    __slots__ = ("_open", "_opener", "_pool", "_turn")

    def __init__(self, names: Cursor, opener: Opener, parallel: int | None) -> None:
        super().__init__(names)
        self._opener = opener
        self._pool = None if parallel is None else ThreadPoolExecutor(parallel, f"{THREADS}files")
        self._open: list[_OpenFile | None] = [None] * (parallel or 1)
        self._turn = 0

    def _advance(self) -> None:
        self._turn = (self._turn + 1) % len(self._open)

    def _take(self, count: int) -> list[bytes]:
        """Up to `count` items, fewer at the end only."""
        alone = len(self._open) == 1
        taken: list[bytes] = []
        empty = 0
        while len(taken) < count and empty < len(self._open):
            file = self._open[self._turn]
            try:
                if file is None:
                    (name,) = self.inputs[0].next()
                    file = self._open[self._turn] = _OpenFile(os.fsdecode(name.item()), self._opener, self._pool)
                found = file.take(count - len(taken) if alone else 1)
            except Exhausted:
                empty += 1
                self._advance()
                continue
            except OpError:
                self._leave(file)
                raise
            empty = 0
            if found:
                taken += found
                self._advance()
            else:
                self._leave(file)
        return taken

    def _leave(self, file: _OpenFile | None) -> None:
        if file is not None:
            file.close()
        self._open[self._turn] = None
        self._advance()

    def next(self) -> Element:
        """See Cursor.next."""
        taken = self._take(1)
        if not taken:
            raise Exhausted
        element = np.empty((), object)
        element[()] = taken[0]
        return (element,)

    def next_block(self, count: int) -> Block:
        """See Cursor.next_block."""
        taken = self._take(count)
        if not taken:
            raise Exhausted
        items = np.empty(len(taken), object)
        items[:] = taken
        return Block(len(taken), (items,))

    def state(self) -> State:
        """See Cursor.state."""
        files = [None if file is None else file.state() for file in self._open]
        return [self._turn, files, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._turn, files, names = state
        self.inputs[0].restore(names)
        self._open = [None if file is None else _OpenFile(file[0], self._opener, self._pool, *file[1:]) for file in files]

    def close(self) -> None:
        """See Cursor.close."""
        for file in self._open:
            if file is not None:
                file.close()
        self._open = [None] * len(self._open)
        if self._pool is not None:
            # The garbage collector may call this in one of its threads.
            self._pool.shutdown(wait=not threading.current_thread().name.startswith(THREADS))
        super().close()


def names_of(filenames: Any) -> Stage:
    """File names as a stage.

    Args:
        filenames: strings, paths, a tensor of any shape, or a dataset of scalar strings.

    Raises:
        TypeError: they are something else.
    """
    if isinstance(filenames, Dataset):
        spec = filenames.element_spec
        if not isinstance(spec, TensorSpec) or spec.dtype is not dtypes.string or spec.shape.rank not in (0, None):
            raise TypeError(f"filenames must be a dataset of scalar strings; its elements are {spec!r}")
        return filenames.stage
    plain = nest.map_structure(lambda item: os.fspath(item) if isinstance(item, os.PathLike) else item, filenames)
    tensor = convert_to_tensor(np.empty(0, object) if isinstance(plain, list | tuple) and not plain else plain)
    if tensor.dtype is not dtypes.string:
        raise TypeError(f"filenames must be strings; got {tensor.dtype.name}")
    return Slices(*take_apart(get("Reshape")(tensor, [-1])))


def compression_of(value: Any) -> str:
    """A compression type that is given as text or as a tensor at hand.

    Raises:
        InvalidArgumentError: there is no such type.
        TypeError: it is symbolic.
    """
    if value is not None and not isinstance(value, str):
        if not hasattr(value, "numpy") and not isinstance(value, bytes):
            raise TypeError(f"compression_type must be text that is known when the dataset is made; got {value!r}")
        value = os.fsdecode(value if isinstance(value, bytes) else value.numpy())
    return compression.compression_type(value)
