"""PredictRequests of a form that is known; see forms.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import OpError
from headrace.serving.engines.base import Array, first_of
from headrace.serving.grpc.forms import Forms, Frame, Slot, frame_of
from headrace.serving.grpc.predict_request import ParsedRequest, Request, find_blocks, parse
from headrace.serving.models import ModelSpec

MAX_FIELDS = 64
"""Of a message that has a form, and of each of its inputs."""
_FLOATS = (dtypes.float32.enum, dtypes.float64.enum)
"""The types whose typed lists are blocks."""


@dataclass(frozen=True, slots=True)
class Form:
    """All of a request but its numbers.

    Attributes:
        frame: the bytes around the numbers.
        spec: the model that it names.
        output_filter: the outputs that it wants.
        slots: the inputs.
    """

    frame: Frame
    spec: ModelSpec
    output_filter: tuple[str, ...]
    slots: tuple[Slot, ...]


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


class Requests:
    """Reads PredictRequests, and remembers their forms. Any thread may."""

    def __init__(self) -> None:
        self._forms: Forms[Form] = Forms()

    def read(self, data: bytes) -> Request:
        """A request.

        Raises:
            InvalidArgumentError: the bytes are no PredictRequest.
        """
        form = self._forms.find(data)
        if form is not None:
            return KnownRequest(form, data)
        request = parse(data)
        form = form_of(data, request)
        if form is not None:
            self._forms.keep(data, form)
        return request

    def __len__(self) -> int:
        return len(self._forms)


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
    frame = frame_of(data, ((block.at, len(block.data)) for block in found.blocks.values()))
    if frame is None or None in slots:
        return None
    return Form(frame, spec, tuple(request.output_filter), tuple(slot for slot in slots if slot is not None))


def _slot(found: ParsedRequest, name: str) -> Slot | None:
    """Where an input stands; None where its values are not those of memory: flags are 0 or 1 there and any byte in a message."""
    block = found.blocks[name]
    array = block.array(found.proto.inputs[name], name)
    return None if array is None or array.dtype == np.bool_ else Slot(name, array.shape, array.dtype, block.at)
