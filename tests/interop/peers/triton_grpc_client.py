"""The unmodified gRPC client of Triton against a server of ours.

triton_grpc_client.py ADDRESS        asks the model `m` of tests/serving/toy_v2.py; prints what comes back
"""

from __future__ import annotations

import json
import queue
import sys
from typing import Any

import numpy as np
from triton_client import VALUES, refused
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput


def tensor(name: str, datatype: str, value: Any) -> Any:
    given = InferInput(name, list(value.shape), datatype)
    given.set_data_from_numpy(value)
    return given


def echo(client: Any, datatype: str, value: Any, **options: Any) -> bool:
    """Whether a tensor comes back as it was."""
    wanted = [InferRequestedOutput("x")]
    parameters = {"signature": datatype}
    result = client.infer("m", [tensor("x", datatype, value)], outputs=wanted, parameters=parameters, request_id="7", **options)
    found = result.as_numpy("x")
    same = found.dtype == value.dtype and found.shape == value.shape and found.tolist() == value.tolist()
    return bool(same and result.get_response().id == "7")


def stream(client: Any, x: Any) -> list[Any]:
    """What comes of four requests over a stream, the second for a model that is not there."""
    told: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.start_stream(lambda result, error: told.put((result, error)))
    for index, model in enumerate(("m", "nobody", "m", "m")):
        client.async_stream_infer(model, [tensor("x", "FP32", x * index)], request_id=str(index))
    answers = [told.get(timeout=30) for _ in range(4)]
    client.stop_stream()
    return [str(error) if error else [result.get_response().id, result.as_numpy("y").tolist()] for result, error in answers]


def main(address: str) -> None:
    """Asks everything."""
    client = InferenceServerClient(address)
    large = np.arange(1 << 20, dtype=np.float32).reshape(1024, 1024)
    x = np.array([[1, 2], [3, 4]], np.float32)
    default = client.infer("m", [tensor("x", "FP32", x)], model_version="7", priority=1, timeout=10_000_000)
    both = [tensor("a", "FP32", x[0]), tensor("b", "INT64", np.array([3, 4]))]
    pair = client.infer("m", both, parameters={"signature": "pair"})
    wrong = tensor("x", "FP64", x.astype(np.float64))
    slow = tensor("seconds", "FP32", np.array([0.2], np.float32))
    told: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.async_infer("m", [tensor("x", "FP32", x)], callback=lambda result, error: told.put((result, error)))
    later, _ = told.get(timeout=30)
    found = {
        "health": [client.is_server_live(), client.is_server_ready()],
        "ready": [client.is_model_ready("m"), client.is_model_ready("m", "9"), client.is_model_ready("nobody")],
        "server": client.get_server_metadata(as_json=True),
        "model": client.get_model_metadata("m", as_json=True),
        "index": client.get_model_repository_index(as_json=True),
        "echo": {name: echo(client, name, value) for name, value in VALUES.items()},
        "large": echo(client, "FP32", large),
        "gzip": echo(client, "FP32", large[:8], compression_algorithm="gzip"),
        "default": [default.as_numpy("y").tolist(), default.get_response().model_version],
        "later": later.as_numpy("y").tolist(),
        "pair": {name: pair.as_numpy(name).tolist() for name in ("sum", "product")},
        "stream": stream(client, x[:1]),
        "errors": {
            "dtype": refused(lambda: client.infer("m", [wrong])),
            "model": refused(lambda: client.infer("nobody", [wrong])),
            "sequence": refused(lambda: client.infer("m", [wrong], sequence_id=3)),
            "timeout": refused(lambda: client.infer("m", [slow], parameters={"signature": "slow"}, timeout=1000)),
        },
    }
    client.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
