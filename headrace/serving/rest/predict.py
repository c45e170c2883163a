"""Predict requests over REST."""

from __future__ import annotations

from headrace.core.errors import InvalidArgumentError
from headrace.native import library
from headrace.serving.dataplane import Dataplane, Prediction
from headrace.serving.engines.base import DEFAULT_SIGNATURE
from headrace.serving.rest import decode, encode
from headrace.serving.rest.runner import Begun, RunCall, Runner
from headrace.serving.servable import Handle
from headrace.serving.workers import Workers


class Predictor(Runner[decode.Document, bytes]):
    """Answers predict requests, with JSON."""

    def __init__(self, dataplane: Dataplane, workers: Workers, max_body_bytes: int) -> None:
        super().__init__(dataplane, workers, max_body_bytes)
        library.load()  # on a new machine it is compiled first: not under the first request

    def _parse(self, call: RunCall, body: bytes) -> decode.Document:
        return decode.parse(body)

    def _first_value(self, request: decode.Document, name: str) -> object:
        return decode.first_value(request, name)

    def _begin(self, call: RunCall, request: decode.Document, handle: Handle) -> Begun[bytes]:
        name = request.signature or DEFAULT_SIGNATURE
        signature = handle.signatures.get(name)
        if signature is None:
            raise InvalidArgumentError(f'Serving signature name: "{name}" not found in signature def')
        inputs, layout = decode.to_arrays(request, signature)

        def write(prediction: Prediction) -> bytes:
            return encode.from_arrays(prediction.outputs, layout)

        return self._dataplane.start(handle, name, inputs, (), "Predict", call.context), write
