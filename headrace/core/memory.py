"""Arrays that lie in memory where XLA can use them without a copy, and whose memory is used again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_ALIGNMENT = 64
"""Bytes; memory that begins at a multiple of it XLA uses without a copy."""

LARGE = 1 << 16
"""Bytes; what is smaller is copied as quickly, and its memory is found as quickly."""


class _Spare:
    """Memory that nothing uses, kept to be used again: to be given new pages costs as much as filling them twice.

    Threads change `pieces` by single calls of dict, which need no lock; a lock could be asked for by the garbage collector in the
    very thread that holds it.
    """

    def __init__(self) -> None:
        self.pieces: dict[int, Any] = {}
        self.most_bytes = 1 << 27
        self.most_pieces = 16

    def take(self, size: int) -> Any:
        """So many bytes."""
        for key, memory in list(self.pieces.items()):
            if memory.nbytes == size and self.pieces.pop(key, None) is not None:
                return memory
        return np.empty(size, np.uint8)

    def give(self, memory: Any) -> None:
        """Keeps memory; what was kept longest goes where that is too much."""
        self.pieces[id(memory)] = memory
        kept = list(self.pieces.items())
        total = sum(piece.nbytes for _, piece in kept)
        while kept and (total > self.most_bytes or len(kept) > self.most_pieces):
            key, piece = kept.pop(0)
            self.pieces.pop(key, None)
            total -= piece.nbytes


SPARE = _Spare()


class _Lent:
    """Memory for one array and its views, given back when the last of them is gone."""

    __slots__ = ("_give", "_memory")

    def __init__(self, size: int) -> None:
        self._memory = SPARE.take(size)
        self._give = SPARE.give  # at the end of a program names of this module may be gone

    @property
    def __array_interface__(self) -> dict[str, Any]:
        found: dict[str, Any] = self._memory.__array_interface__
        return found

    def __del__(self) -> None:
        self._give(self._memory)


def empty(shape: tuple[int, ...], dtype: Any) -> Any:
    """An array to be filled once; a large one lies where XLA can use it as it is.

    Args:
        shape: its shape.
        dtype: a numpy dtype.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE or dtype.kind == "O":
        return np.empty(shape, dtype)
    whole = np.asarray(_Lent(size + _ALIGNMENT))
    start = -whole.ctypes.data % _ALIGNMENT
    return whole[start : start + size].view(dtype).reshape(shape)


def is_aligned(array: Any) -> bool:
    """True for arrays that `empty` made, which nobody changes once they are filled."""
    base = array.base
    while type(base) is np.ndarray:
        base = base.base
    return type(base) is _Lent and bool(array.flags.c_contiguous) and array.ctypes.data % _ALIGNMENT == 0
