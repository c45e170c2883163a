"""What the harness and the TensorFlow peer share: arrays as JSON, and the gradients that flow into outputs."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import ml_dtypes
import numpy as np

EXTENSION_TYPES = {
    np.dtype(t).name: np.dtype(t)
    for t in (ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn, ml_dtypes.int4, ml_dtypes.uint4)
}


def encode(array: Any) -> dict[str, Any]:
    """An array (object arrays hold bytes) as JSON."""
    # numpy's own strings drop zeros at their ends.
    array = np.asarray(array, object) if isinstance(array, bytes) else np.asarray(array)
    if array.dtype.kind in "OS":
        return {"shape": array.shape, "strings": [base64.b64encode(item).decode() for item in array.ravel().tolist()]}
    return {"dtype": array.dtype.name, "shape": array.shape, "data": base64.b64encode(array.tobytes()).decode()}


def decode(item: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The inverse of `encode`."""
    shape = tuple(item["shape"])
    if "strings" in item:
        strings = np.empty(len(item["strings"]), object)
        strings[:] = [base64.b64decode(s) for s in item["strings"]]
        return strings.reshape(shape)
    dtype = EXTENSION_TYPES.get(item["dtype"]) or np.dtype(item["dtype"])
    return np.frombuffer(base64.b64decode(item["data"]), dtype).reshape(shape)


def is_differentiable(array: Any) -> bool:
    """True for arrays that gradients flow through."""
    dtype = np.asarray(array).dtype
    return dtype.kind in "fc" or dtype.name in ("bfloat16", "float8_e5m2", "float8_e4m3fn")


def cotangent(output: np.ndarray[Any, Any], identity: str, index: int) -> np.ndarray[Any, Any]:
    """The fixed gradient that flows into output `index` of the sample `identity`."""
    source = np.random.RandomState(zlib.crc32(f"{identity}/{index}".encode()))
    values: Any = source.uniform(0.5, 1.5, output.shape) * source.choice([-1.0, 1.0], output.shape)
    if output.dtype.kind == "c":
        values = values + 1j * source.uniform(-1.0, 1.0, output.shape)
    return np.asarray(values).astype(output.dtype)
