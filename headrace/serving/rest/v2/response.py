"""Inference answers: a JSON object, and after it the binary data of its outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headrace.serving.dataplane import Prediction
from headrace.serving.engines.base import Array
from headrace.serving.rest.v2 import tensors
from headrace.serving.rest.v2.request import JSON_LENGTH, JsonInferRequest
from headrace.serving.v2.infer import datatype_of
from headrace.serving.v2.tensors import Block, to_binary

_JOINED_BYTES = 64 << 10


class BinaryResponse(Response):
    """JSON and blocks of memory, which are sent without being put together first."""

    def __init__(self, json: bytes, blocks: list[Block]) -> None:
        sizes = [memoryview(block).nbytes for block in blocks]
        size = len(json) + sum(sizes)
        headers = {JSON_LENGTH: str(len(json)), "content-length": str(size)}
        super().__init__(None, headers=headers, media_type="application/octet-stream")
        self._blocks = [json, *blocks] if size > _JOINED_BYTES else [b"".join([json, *blocks])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it (ASGI)."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for block in self._blocks:
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def answer(model: str, request: JsonInferRequest, prediction: Prediction) -> Response:
    """The answer to a request.

    Raises:
        InvalidArgumentError: a string that is to be JSON is not UTF-8.
        UnimplementedError: the protocol has no name for an output's type.
    """
    blocks: list[Block] = []
    outputs = [_output(name, np.asarray(value), request, blocks) for name, value in prediction.outputs.items()]
    content: dict[str, Any] = {"model_name": model, "model_version": str(prediction.version)}
    if request.id is not None:
        content["id"] = request.id
    json = orjson.dumps(content | {"parameters": {"signature": prediction.signature}, "outputs": outputs})
    return BinaryResponse(json, blocks) if blocks else Response(json, media_type="application/json")


def _output(name: str, value: Array, request: JsonInferRequest, blocks: list[Block]) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "datatype": datatype_of(name, value), "shape": list(value.shape)}
    if not request.binary_outputs.get(name, request.binary_output):
        return described | {"data": tensors.to_json(name, value)}
    blocks.append(to_binary(value))
    return described | {"parameters": {"binary_data_size": memoryview(blocks[-1]).nbytes}}
