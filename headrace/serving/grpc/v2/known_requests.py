"""ModelInferRequests of a form that is known; see grpc/forms.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headrace.serving.grpc.forms import Forms, Frame, Slot, frame_of
from headrace.serving.grpc.v2.request import Named, ParsedNames, read_names
from headrace.serving.models import ModelSpec
from headrace.serving.v2.infer import InferRequest


@dataclass(frozen=True, slots=True)
class Form:
    """All of a request but its numbers, which are raw contents.

    Attributes:
        frame: the bytes around the numbers.
        spec: the model that it names.
        asked: what it says, without inputs.
        slots: the inputs.
    """

    frame: Frame
    spec: ModelSpec
    asked: InferRequest
    slots: tuple[Slot, ...]

    @property
    def raw(self) -> bool:
        return True

    def request(self, data: bytes) -> InferRequest:
        asked = self.asked
        inputs = {slot.name: slot.array(data) for slot in self.slots}
        return InferRequest(asked.id, asked.signature, asked.priority, asked.timeout_seconds, inputs, asked.outputs)


class Requests:
    """Reads ModelInferRequests, and remembers their forms. Any thread may."""

    def __init__(self) -> None:
        self._forms: Forms[Form] = Forms()

    def read_names(self, data: bytes) -> Named:
        """Reads a request but for its tensors; see `request.read_names`."""
        return self._forms.find(data) or read_names(data)

    def request(self, data: bytes, named: Named) -> InferRequest:
        """The request in full, whose form is remembered; see `request.parse`."""
        request = named.request(data)
        if isinstance(named, ParsedNames):
            form = form_of(data, named, request)
            if form is not None:
                self._forms.keep(data, form)
        return request

    def __len__(self) -> int:
        return len(self._forms)


def form_of(data: bytes, named: ParsedNames, request: InferRequest) -> Form | None:
    """The form of a message; None where it has none that says all: with an id, which each request has its own of."""
    if request.id is not None or not named.blocks:
        return None
    slots = []
    for (name, array), (at, size) in zip(request.inputs.items(), named.blocks, strict=True):
        if array.dtype == np.bool_ or array.dtype == object or not size:
            return None
        slots.append(Slot(name, array.shape, array.dtype, at))
    frame = frame_of(data, named.blocks)
    if frame is None:
        return None
    asked = InferRequest(None, request.signature, request.priority, request.timeout_seconds, {}, request.outputs)
    return Form(frame, named.spec, asked, tuple(slots))
