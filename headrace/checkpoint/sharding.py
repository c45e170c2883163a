"""tf.train.experimental: how the tensors of a checkpoint are spread over several data files."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.checkpoint.bundle import MAX_SHARDS, Piece
from headrace.checkpoint.slices import parse_spec, spec_of
from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.tensor import EagerTensor
from headrace.proto.tensors import as_bytes

Shard = dict[str, dict[str, Any]]
"""What one data file holds: the key of a tensor, then the slice ("" for the whole) to the elements."""
Window = tuple[tuple[int, int], ...]
"""The (start, length) of each dimension."""


@dataclass(frozen=True, eq=False)
class ShardableTensor:
    """A tensor that is to be saved.

    Attributes:
        tensor: the elements.
        dtype: their type.
        device: the device that holds them, in TensorFlow's notation.
        name: the same as `checkpoint_key`.
        shape: of `tensor`.
        slice_spec: the part of a whole tensor that this one is; "" for a whole one.
        checkpoint_key: under which it is stored.
        trackable: the variable or table that it belongs to, None for the object graph.
    """

    tensor: Any
    dtype: DType
    device: str
    name: str
    shape: TensorShape
    slice_spec: str
    checkpoint_key: str
    trackable: Any = None


class ShardingCallback(abc.ABC):
    """Spreads tensors over data files; for `CheckpointOptions(experimental_sharding_callback=...)`."""

    @property
    @abc.abstractmethod
    def description(self) -> str:
        """What it does, for people."""

    @abc.abstractmethod
    def __call__(self, shardable_tensors: Sequence[ShardableTensor]) -> Sequence[Shard]:
        """One dict a data file: the key of each tensor in it, then its slices to their elements.

        A slice is written as the whole's shape, then start and length of each dimension: "10 4 0,5:0,4".
        """


class ShardByTaskPolicy(ShardingCallback):
    """One data file a process, so one."""

    @property
    def description(self) -> str:
        """What it does, for people."""
        return "Split tensors into shards based on their device spec task."

    def __call__(self, shardable_tensors: Sequence[ShardableTensor]) -> Sequence[Shard]:
        """All tensors in one data file."""
        shard: Shard = {}
        for item in shardable_tensors:
            shard.setdefault(item.checkpoint_key, {})[item.slice_spec] = item.tensor
        return [shard]


class MaxShardSizePolicy(ShardingCallback):
    """Data files of at most so many bytes: tensors are cut into slices where they end.

    A scalar or a tensor of strings is never cut; one that is larger gets a file of its own.

    Args:
        max_shard_size: bytes.

    Raises:
        ValueError: it is not positive.
    """

    def __init__(self, max_shard_size: int) -> None:
        if max_shard_size <= 0:
            raise ValueError(f"max_shard_size must be a positive number of bytes; got {max_shard_size}")
        self.max_shard_size = max_shard_size

    @property
    def description(self) -> str:
        """What it does, for people."""
        return "Split tensors into shards with a max shard size."

    def __call__(self, shardable_tensors: Sequence[ShardableTensor]) -> Sequence[Shard]:
        """Fills one data file after the other.

        Raises:
            InvalidArgumentError: that would take more files than the format has numbers for.
        """
        filling = _Filling(self.max_shard_size)
        for item in shardable_tensors:
            filling.add(item)
        return [shard for shard in (*filling.shards, *filling.large) if shard]


class _Filling:
    """Data files that are filled one after the other."""

    def __init__(self, limit: int) -> None:
        self.shards: list[Shard] = [{}]
        self.large: list[Shard] = []
        """Files of what is larger than the limit, each by itself."""
        self._limit = limit
        self._room = limit

    def add(self, item: ShardableTensor) -> None:
        """Puts a tensor where there is room, in pieces where there is too little."""
        shape = tuple(item.shape.concrete())
        whole, parent = tuple((0, size) for size in shape), shape
        origin: tuple[int, ...] = (0,) * len(shape)
        if item.slice_spec:
            parent, given = parse_spec(item.slice_spec)
            origin = tuple(start for start, _ in given)
        array = np.asarray(item.tensor.array)
        strings = item.dtype is dtypes.string
        unit = 0 if strings else item.dtype.size
        pending: list[Window] = [whole]
        while pending:
            window = pending.pop()
            count = math.prod(length for _, length in window)
            size = sum(len(as_bytes(text)) for text in array.ravel().tolist()) if strings else count * unit
            moved = tuple((start + at, length) for (start, length), at in zip(window, origin, strict=True))
            complete = len(moved) == len(parent) and all(pair == (0, n) for pair, n in zip(moved, parent, strict=True))
            spec = "" if complete else spec_of(parent, moved)
            axis, fitting = (0, 0) if strings else _largest_slab(window, unit, self._room)
            if size <= self._room:
                self._put(item.checkpoint_key, spec, array, window, size)
            elif fitting:
                pending += reversed(_cut(window, axis, fitting))
            elif self._room < self._limit:
                self._next()
                pending.append(window)
            elif strings or count == 1:
                self.large.append({item.checkpoint_key: {spec: _part(array, window)}})
                self._check_number()
            else:
                longest = max(range(len(window)), key=lambda at: window[at][1])
                pending += reversed(_cut(window, longest, 1))

    def _put(self, key: str, spec: str, array: Any, window: Window, size: int) -> None:
        self.shards[-1].setdefault(key, {})[spec] = _part(array, window)
        self._room -= size

    def _next(self) -> None:
        self.shards.append({})
        self._room = self._limit
        self._check_number()

    def _check_number(self) -> None:
        if len(self.shards) + len(self.large) > MAX_SHARDS:
            raise InvalidArgumentError(
                f"data files of at most {self._limit} bytes would be more than {MAX_SHARDS}; give a larger max_shard_size"
            )


def _largest_slab(window: Window, unit: int, room: int) -> tuple[int, int]:
    """The axis along which the largest piece fits into the room, and how many indices of it; (0, 0) where none does."""
    best, chosen = 0, (0, 0)
    count = math.prod(length for _, length in window)
    for axis, (_, length) in enumerate(window):
        slab = count // length * unit if length else 0
        fitting = room // slab if slab else 0
        if fitting * slab > best:
            best, chosen = fitting * slab, (axis, fitting)
    return chosen


def _cut(window: Window, axis: int, at: int) -> list[Window]:
    start, length = window[axis]
    first, rest = (start, at), (start + at, length - at)
    return [(*window[:axis], part, *window[axis + 1 :]) for part in (first, rest)]


def _part(array: Any, window: Window) -> EagerTensor:
    """A view of a part of a host array, as a tensor."""
    return EagerTensor(array[(..., *(slice(start, start + length) for start, length in window))])


def planned(
    callback: ShardingCallback | None, tensors: Mapping[str, Any], kinds: Mapping[str, DType], owners: Mapping[str, Any]
) -> list[list[Piece]]:
    """What goes into which data file.

    Args:
        callback: decides; None puts all into one.
        tensors: the arrays by key.
        kinds: the dtype by key where numpy's is not enough.
        owners: the variable or table of a key, where there is one.

    Raises:
        InvalidArgumentError: what the callback returns is not what it was given.
    """
    if callback is None:
        return [[Piece(key, array, array.shape, None) for key, array in tensors.items()]]
    given = []
    for key, array in tensors.items():
        tensor = EagerTensor(array)
        dtype = kinds.get(key) or tensor.dtype
        given.append(ShardableTensor(tensor, dtype, tensor.device, key, tensor.shape, "", key, owners.get(key)))
    shards = callback(given)
    pieces = [[_piece(key, spec, tensor) for key, parts in shard.items() for spec, tensor in parts.items()] for shard in shards]
    _check_complete(callback, {item.checkpoint_key: item for item in given}, [piece for shard in pieces for piece in shard])
    return pieces


def _piece(key: str, spec: str, tensor: Any) -> Piece:
    array = tensor.array if isinstance(tensor, EagerTensor) else np.asarray(tensor)
    if not spec.strip():
        return Piece(key, array, array.shape, None)
    shape, window = parse_spec(spec)
    if tuple(length for _, length in window) != array.shape:
        raise InvalidArgumentError(f"the slice {spec!r} of {key!r} was given a tensor of shape {list(array.shape)}")
    whole = array.shape == shape
    return Piece(key, array, shape, None if whole else tuple(start for start, _ in window))


def _check_complete(callback: ShardingCallback, given: Mapping[str, ShardableTensor], pieces: Sequence[Piece]) -> None:
    """Checks that every tensor is there once, with its dtype and shape, and nothing else."""
    said = f"the sharding callback {type(callback).__name__}"
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        if piece.key not in given:
            raise InvalidArgumentError(f"{said} returned {piece.key!r}, which it was not given")
        item = given[piece.key]
        if dtypes.from_numpy(piece.array.dtype) is not dtypes.from_numpy(item.tensor.array.dtype):
            raise InvalidArgumentError(f"{said} returned {piece.key!r} as {piece.array.dtype}; it was given as {item.dtype.name}")
        if tuple(piece.shape) != item.tensor.array.shape:
            raise InvalidArgumentError(
                f"{said} returned {piece.key!r} with shape {list(piece.shape)}; it was given with {list(item.tensor.array.shape)}"
            )
        found.setdefault(piece.key, []).append(piece)
    missing = [key for key in given if key not in found]
    if missing:
        raise InvalidArgumentError(f"{said} left out {len(missing)} tensors: {', '.join(missing[:10])}")
    for key, parts in found.items():
        whole = sum(math.prod(part.array.shape) for part in parts) == math.prod(parts[0].shape)
        if not whole or (len(parts) > 1 and not _covered(parts)):
            raise InvalidArgumentError(f"{said} returned slices of {key!r} that overlap or leave elements out")


def _covered(parts: Sequence[Piece]) -> bool:
    seen = np.zeros(parts[0].shape, bool)
    for part in parts:
        start = part.start or (0,) * seen.ndim
        seen[tuple(slice(at, at + length) for at, length in zip(start, part.array.shape, strict=True))] = True
    return bool(seen.all())
