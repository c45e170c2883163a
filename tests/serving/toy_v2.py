"""A model that gives back what it gets, in every datatype of the V2 protocol, and what a client of that protocol sends."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import uvicorn

from headrace.core import dtypes
from headrace.core.spec import TensorSpec
from headrace.serving.engines.base import Array, Signature
from tests.serving.toy import SIGNATURES, Service, ToyEngine, ToyModel, wait_until, write_version

NUMPY: dict[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": object,
}
"""The protocol's datatypes, and numpy's that hold them."""

PATH = "/v2/models/m/infer"


def _echo(datatype: str) -> Signature:
    spec = TensorSpec(None, dtypes.from_numpy(np.dtype(NUMPY[datatype])))
    return Signature({"x": spec, "y": spec}, {"x": spec, "y": spec}, defaults={"y": np.zeros(0, NUMPY[datatype])})


class EchoModel(ToyModel):
    """Has a signature for each datatype, called as it, and `complex`, that gives its inputs back; and the toy model's."""

    signatures: Mapping[str, Signature] = {
        **SIGNATURES,
        **{name: _echo(name) for name in NUMPY},
        "complex": Signature({"x": TensorSpec([None], "float32")}, {"y": TensorSpec([None], "complex64")}),
    }

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if signature == "complex":
            return {"y": inputs["x"].astype(np.complex64)}
        self.seen = dict(inputs)
        return dict(inputs) if signature in NUMPY else super().run(signature, inputs)


class EchoEngine(ToyEngine):
    """Loads echo models."""

    model = EchoModel


@contextlib.contextmanager
def echoing(base_path: Path, **options: Any) -> Iterator[Service]:
    """A service with the echo model."""
    write_version(base_path, 7, 2.0)
    with Service(base_path, engine=EchoEngine(), **options) as service:
        wait_until(lambda: service.lifecycle.available)
        yield service


@contextlib.contextmanager
def listening(service: Service) -> Iterator[str]:
    """The address of a socket on which a service answers."""
    server = uvicorn.Server(uvicorn.Config(service.app, port=0, lifespan="off", ws="none", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


def to_bytes(values: Array) -> bytes:
    """The protocol's binary form, written from its text and not by our code."""
    if values.dtype != object:
        return values.astype(values.dtype.newbyteorder("<")).tobytes() if values.dtype.kind != "V" else values.tobytes()
    return b"".join(len(item).to_bytes(4, "little") + item for item in values.ravel())


def binary(content: dict[str, Any], *blocks: bytes) -> dict[str, Any]:
    """What to pass to `Service.ask` for a request with binary data."""
    text = json.dumps(content).encode()
    return {"content": text + b"".join(blocks), "headers": {"Inference-Header-Content-Length": str(len(text))}}


def split(response: httpx.Response) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The JSON of an answer, and the binary data of its outputs by name."""
    assert response.status_code == 200, response.text
    size = int(response.headers.get("inference-header-content-length", len(response.content)))
    content: dict[str, Any] = json.loads(response.content[:size])
    rest = response.content[size:]
    blocks: dict[str, bytes] = {}
    for output in content["outputs"]:
        length = output.get("parameters", {}).get("binary_data_size")
        if length is not None:
            blocks[output["name"]], rest = rest[:length], rest[length:]
    assert rest == b""
    return content, blocks
