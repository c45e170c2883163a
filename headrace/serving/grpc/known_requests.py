"""Forms of requests: what two PredictRequests that differ only in their numbers have in common.

The requests of one client mostly do. Where the numbers stand in one block for each input, all other bytes and the length of the
message say what it means: a message with the same length and the same bytes around its blocks is read without a parser.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import OpError
from headrace.serving.engines.base import Array, first_of
from headrace.serving.grpc.predict_request import ParsedRequest, Request, find_blocks, parse
from headrace.serving.models import ModelSpec

MAX_LENGTHS = 256
"""Lengths of messages whose forms are kept; all are let go where there are more."""
FORMS_EACH = 4
"""Of one length; the latest are kept."""
MAX_FRAME_BYTES = 4 << 10
"""Of a form that is kept: its bytes around the numbers."""
MAX_FIELDS = 64
"""Of a message that has a form, and of each of its inputs."""
_FLOATS = (dtypes.float32.enum, dtypes.float64.enum)
"""The types whose typed lists are blocks."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where the values of an input stand, and what they are."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    at: int

    def array(self, data: bytes) -> Array:
        """The values: a view of the message, or a copy where it is not aligned."""
        array: Array = np.ndarray(self.shape, self.dtype, data, self.at)
        return array if array.flags.aligned else array.copy()


@dataclass(frozen=True, slots=True)
class Form:
    """All of a request but its numbers.

    Attributes:
        frame: the bytes around the numbers, in pieces.
        offsets: where the pieces stand.
        spec: the model that it names.
        output_filter: the outputs that it wants.
        slots: the inputs.
    """

    frame: tuple[bytes, ...]
    offsets: tuple[int, ...]
    spec: ModelSpec
    output_filter: tuple[str, ...]
    slots: tuple[_Slot, ...]

    def fits(self, data: bytes) -> bool:
        """True when a message of the same length has this form."""
        return all(map(data.startswith, self.frame, self.offsets))


@dataclass(slots=True, eq=False)
class KnownRequest(Request):
    """A request of a form that is known."""

    form: Form
    data: bytes

    @property
    def spec(self) -> ModelSpec:
        return self.form.spec

    @property
    def output_filter(self) -> Sequence[str]:
        return self.form.output_filter

    def inputs(self, max_bytes: int) -> dict[str, Array]:
        data = self.data
        return {slot.name: slot.array(data) for slot in self.form.slots}

    def first_value(self, max_bytes: int, name: str) -> object:
        return next((first_of(slot.array(self.data)) for slot in self.form.slots if slot.name == name), None)


class Forms:
    """The forms of the requests that came last. Any thread may read and learn."""

    def __init__(self) -> None:
        self._forms: dict[int, tuple[Form, ...]] = {}
        self._lock = threading.Lock()

    def read(self, data: bytes) -> Request:
        """A request; its form is remembered.

        Raises:
            InvalidArgumentError: the bytes are no PredictRequest.
        """
        for form in self._forms.get(len(data), ()):
            if form.fits(data):
                return KnownRequest(form, data)
        request = parse(data)
        form_ = form_of(data, request)
        if form_ is not None:
            with self._lock:
                if len(self._forms) >= MAX_LENGTHS and len(data) not in self._forms:
                    self._forms.clear()
                self._forms[len(data)] = (form_, *self._forms.get(len(data), ())[: FORMS_EACH - 1])
        return request

    def __len__(self) -> int:
        return sum(map(len, self._forms.values()))


def form_of(data: bytes, request: ParsedRequest) -> Form | None:
    """The form of a message that was read; None where it has none that says all.

    Args:
        data: the message.
        request: what the parser made of it.
    """
    listed = (proto for name, proto in request.proto.inputs.items() if name not in request.blocks)
    if any(proto.dtype not in _FLOATS and not proto.tensor_content for proto in listed):
        return None
    try:
        found = find_blocks(data, 1, MAX_FIELDS, whole=True)
        if found is None or not found.blocks:
            return None
        slots = [_slot(found, name) for name in found.blocks]
        spec = request.spec
    except OpError:  # whoever answers the request says so
        return None
    frame = _frame(data, sorted((block.at, len(block.data)) for block in found.blocks.values()))
    if None in slots or sum(map(len, frame.values())) > MAX_FRAME_BYTES:
        return None
    return Form(
        tuple(frame.values()), tuple(frame), spec, tuple(request.output_filter), tuple(slot for slot in slots if slot is not None)
    )


def _slot(found: ParsedRequest, name: str) -> _Slot | None:
    """Where an input stands; None where its values are not those of memory: flags are 0 or 1 there and any byte in a message."""
    block = found.blocks[name]
    array = block.array(found.proto.inputs[name], name)
    return None if array is None or array.dtype == np.bool_ else _Slot(name, array.shape, array.dtype, block.at)


def _frame(data: bytes, blocks: list[tuple[int, int]]) -> dict[int, bytes]:
    """What stands around blocks, by where it does; the blocks are given as offset and size in rising order."""
    begin = 0
    pieces: dict[int, bytes] = {}
    for at, size in [*blocks, (len(data), 0)]:
        if at > begin:
            pieces[begin] = data[begin:at]
        begin = at + size
    return pieces
