"""The unmodified HTTP client of Triton against a server of ours.

triton_client.py ADDRESS        asks the model `m` of tests/serving/toy_v2.py; prints what comes back
"""

from __future__ import annotations

import json
import sys
from typing import Any

import ml_dtypes
import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

BINARY_ONLY = ("FP16", "BF16")
VALUES: dict[str, Any] = {
    "BOOL": np.array([[True, False]]),
    "UINT8": np.array([[0, 255]], np.uint8),
    "UINT16": np.array([[0, 65535]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], np.uint64),
    "INT8": np.array([[-128, 127]], np.int8),
    "INT16": np.array([[-32768, 32767]], np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1]], np.int64),
    "FP16": np.array([[0.5, -2.0, 65504.0]], np.float16),
    "BF16": np.array([[0.5, -3e38]], ml_dtypes.bfloat16),
    "FP32": np.array([[0.1, -3e38]], np.float32),
    "FP64": np.array([[0.1, -1e300]], np.float64),
    "BYTES": np.array([[b"a", b"", "ü".encode()]], object),
}


def tensor(name: str, datatype: str, value: Any, binary: bool) -> Any:
    given = InferInput(name, list(value.shape), datatype)
    given.set_data_from_numpy(value, binary_data=binary)
    return given


def echo(client: Any, datatype: str, value: Any, binary: bool, **options: Any) -> bool:
    """Whether a tensor comes back as it was, both ways in binary or in JSON."""
    wanted = [InferRequestedOutput("x", binary_data=binary)]
    result = client.infer(
        "m", [tensor("x", datatype, value, binary)], outputs=wanted, parameters={"signature": datatype}, request_id="7", **options
    )
    found = result.as_numpy("x")
    if datatype == "BYTES" and not binary:
        value = np.array([item.decode() for item in value.ravel()], object).reshape(value.shape)
    same = found.dtype == value.dtype and found.shape == value.shape and found.tolist() == value.tolist()
    return bool(same and result.get_response()["id"] == "7")


def refused(ask: Any) -> list[str]:
    """The status and the message of an error."""
    try:
        ask()
    except InferenceServerException as error:
        return [str(error.status()), str(error.message())]
    return []


def main(address: str) -> None:
    """Asks everything."""
    client = InferenceServerClient(address)
    large = np.arange(1 << 20, dtype=np.float32).reshape(1024, 1024)
    x = np.array([[1, 2], [3, 4]], np.float32)
    default = client.infer("m", [tensor("x", "FP32", x, True)], model_version="7", priority=1, timeout=10_000_000)
    both = [tensor("a", "FP32", x[0], False), tensor("b", "INT64", np.array([3, 4]), True)]
    pair = client.infer("m", both, parameters={"signature": "pair"})
    wrong = tensor("x", "FP64", x.astype(np.float64), True)
    found = {
        "health": [client.is_server_live(), client.is_server_ready(), client.is_model_ready("m"), client.is_model_ready("m", "9")],
        "server": client.get_server_metadata(),
        "model": client.get_model_metadata("m"),
        "index": client.get_model_repository_index(),
        "binary": {name: echo(client, name, value, True) for name, value in VALUES.items()},
        "json": {name: echo(client, name, value, False) for name, value in VALUES.items() if name not in BINARY_ONLY},
        "large": echo(client, "FP32", large, True),
        "gzip": echo(client, "FP32", large[:8], True, request_compression_algorithm="gzip"),
        "default": [default.as_numpy("y").tolist(), default.get_response()["model_version"]],
        "pair": {name: pair.as_numpy(name).tolist() for name in ("sum", "product")},
        "errors": {
            "dtype": refused(lambda: client.infer("m", [wrong])),
            "model": refused(lambda: client.infer("nobody", [wrong])),
            "deflate": refused(lambda: client.infer("m", [wrong], request_compression_algorithm="deflate")),
        },
    }
    client.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
