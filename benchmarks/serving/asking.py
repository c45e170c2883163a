"""What the clients of `load` send, and how they are started.

A form is `rest` or `grpc` (TensorFlow Serving's API), `rest-v2` or `grpc-v2` (the Open Inference Protocol), or `rest-plain`
(`POST /predict`). Every request has one row of 784 numbers, of four digits in JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from headrace.proto.serving import PredictRequest
from headrace.proto.tensors import to_proto
from headrace.serving.grpc.v2.messages import ModelInferRequest

ROOT = Path(__file__).resolve().parents[2]
MODEL = "mlp"


def row() -> np.ndarray:
    """The one row that all clients send."""
    return np.random.default_rng(0).random((1, 784)).round(4).astype(np.float32)


def http_request(form: str) -> tuple[str, bytes]:
    """Path and body of a request."""
    values = [round(float(value), 4) for value in row()[0]]
    if form == "rest-v2":
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, len(values)], "data": values}
        return f"/v2/models/{MODEL}/infer", json.dumps({"inputs": [tensor]}).encode()
    path = "/predict" if form == "rest-plain" else f"/v1/models/{MODEL}:predict"
    return path, json.dumps({"instances": [values]}).encode()


def grpc_request(form: str) -> tuple[str, bytes]:
    """Method and message of a call."""
    if form == "grpc-v2":
        infer = ModelInferRequest(model_name=MODEL, raw_input_contents=[row().tobytes()])
        infer.inputs.add(name="x", datatype="FP32", shape=row().shape)
        return "/inference.GRPCInferenceService/ModelInfer", infer.SerializeToString()
    request = PredictRequest()
    request.model_spec.name = MODEL
    request.inputs["x"].CopyFrom(to_proto(row()))
    return "/tensorflow.serving.PredictionService/Predict", request.SerializeToString()


def start(form: str, address: str, clients: int, seconds: float) -> subprocess.Popen[str]:
    """Clients that ask for so long, begun in a process of their own; `told` waits for what they saw."""
    protocol = form.partition("-")[0]
    path, data = (grpc_request if protocol == "grpc" else http_request)(form)
    command = [sys.executable, "-m", "benchmarks.serving.load", protocol, address, path, str(clients), str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdin is not None
    process.stdin.buffer.write(data)
    process.stdin.close()
    process.stdin = None
    return process


def told(clients: subprocess.Popen[str]) -> dict[str, float]:
    """What the clients saw: see `load`."""
    found: dict[str, float] = json.loads(clients.communicate()[0])
    return found
