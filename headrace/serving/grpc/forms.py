"""Forms of messages: what those have in common that differ only in their numbers, which stand in blocks.

All other bytes of a request, and its length, say what it means: a request with the same length and the same bytes around its blocks
is read without a parser. All of an answer but its numbers is written once, and joined with the numbers of each answer from then on.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from headrace.serving.engines.base import Array

MAX_LENGTHS = 256
"""Lengths of requests whose forms are kept; all are let go where there are more."""
FORMS_EACH = 4
"""Of one length; the latest are kept."""
MAX_FRAME_BYTES = 4 << 10
"""Of a form that is kept: its bytes around the numbers."""
MAX_ANSWERS = 256
"""Forms of answers that are kept; all are let go where there are more."""
_IN_ORDER = sys.byteorder == "little"


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the values of an input stand in a request, and what they are."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    at: int

    def array(self, data: bytes) -> Array:
        """The values: a view of the message, or a copy where it is not aligned."""
        array: Array = np.ndarray(self.shape, self.dtype, data, self.at)
        return array if array.flags.aligned else array.copy()


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes of a request around its numbers.

    Attributes:
        pieces: the bytes.
        offsets: where they stand.
    """

    pieces: tuple[bytes, ...]
    offsets: tuple[int, ...]

    def fits(self, data: bytes) -> bool:
        """True when a message of the same length has these bytes at these places."""
        return all(map(data.startswith, self.pieces, self.offsets))


def frame_of(data: bytes, blocks: Iterable[tuple[int, int]]) -> Frame | None:
    """What stands around the blocks of a message, given as offset and size; None where that is more than is kept."""
    begin = 0
    pieces: dict[int, bytes] = {}
    for at, size in [*sorted(blocks), (len(data), 0)]:
        if at > begin:
            pieces[begin] = data[begin:at]
        begin = at + size
    if sum(map(len, pieces.values())) > MAX_FRAME_BYTES:
        return None
    return Frame(tuple(pieces.values()), tuple(pieces))


class Framed(Protocol):
    """A form of requests."""

    @property
    def frame(self) -> Frame:
        """The bytes that such requests have in common."""


F = TypeVar("F", bound=Framed)


class Forms(Generic[F]):
    """The forms of the requests that came last. Any thread may find and keep."""

    def __init__(self) -> None:
        self._forms: dict[int, tuple[F, ...]] = {}
        self._lock = threading.Lock()

    def find(self, data: bytes) -> F | None:
        """The form of a message; None where none is known."""
        for form in self._forms.get(len(data), ()):
            if form.frame.fits(data):
                return form
        return None

    def keep(self, data: bytes, form: F) -> None:
        """Remembers the form of a message."""
        with self._lock:
            if len(self._forms) >= MAX_LENGTHS and len(data) not in self._forms:
                self._forms.clear()
            self._forms[len(data)] = (form, *self._forms.get(len(data), ())[: FORMS_EACH - 1])

    def __len__(self) -> int:
        return sum(map(len, self._forms.values()))


class Answers:
    """The forms of answers, by all that decides one but the numbers. Any thread may fill in and keep."""

    def __init__(self) -> None:
        self._frames: dict[Hashable, tuple[tuple[bytes | None, ...], tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def filled(self, key: Hashable, outputs: Mapping[str, Array]) -> bytes | None:
        """The answer; None where its form is not known."""
        found = self._frames.get(key)
        if found is None:
            return None
        for value in outputs.values():
            if not value.flags.c_contiguous:
                return None
        pieces, names = found
        values = iter(names)
        return b"".join([outputs[next(values)].data if piece is None else piece for piece in pieces])

    def keep(self, key: Hashable, outputs: Mapping[str, Array], pieces: Sequence[bytes | memoryview]) -> None:
        """Remembers the form of an answer, if all numbers are blocks that stand in memory as they do in the answer.

        Args:
            key: with the same one all pieces are the same but the numbers.
            outputs: the numbers.
            pieces: what was joined to the answer; memoryviews are those of the outputs, in order.
        """
        names = tuple(name for name, value in outputs.items() if value.size)
        plain = _IN_ORDER and all(value.dtype.isbuiltin == 1 for value in outputs.values())
        frame = _merged(pieces)
        size = sum(len(piece) for piece in frame if piece is not None)
        if not plain or len(names) != sum(not isinstance(piece, bytes) for piece in pieces) or size > MAX_FRAME_BYTES:
            return
        with self._lock:
            if len(self._frames) >= MAX_ANSWERS:
                self._frames.clear()
            self._frames[key] = frame, names

    def __len__(self) -> int:
        return len(self._frames)


def _merged(pieces: Sequence[bytes | memoryview]) -> tuple[bytes | None, ...]:
    """The bytes, put together where they are neighbours; None for each block of numbers."""
    frame: list[bytes | None] = []
    for piece in pieces:
        if not isinstance(piece, bytes):
            frame.append(None)
        elif frame and frame[-1] is not None:
            frame[-1] += piece
        else:
            frame.append(piece)
    return tuple(frame)
