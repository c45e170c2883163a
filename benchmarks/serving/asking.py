"""What the clients of a model server send, and how many of them ask at once: h2load, of Debian's package nghttp2-client, in C.

A form is `rest` or `grpc` (TensorFlow Serving's API), `rest-v2` or `grpc-v2` (the Open Inference Protocol), or `rest-plain`
(`POST /predict`). Every request has one row of 784 numbers, of four digits in JSON. Each client sends its next request as soon as
it has the answer to its last. REST clients have a connection each; up to sixteen gRPC clients share one.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np

from headrace.proto.serving import PredictRequest
from headrace.proto.tensors import to_proto
from headrace.serving.grpc.v2.messages import ModelInferRequest
from tests.interop.debian import ensure

ROOT = Path(__file__).resolve().parents[2]
MODEL = "mlp"
WARM_UP_SECONDS = 1
"""In which the clients ask already, but do not count."""
_TIMEOUT_SECONDS = 60


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


@dataclass(frozen=True)
class Clients:
    """Clients that ask: their process, the folder of what they send and saw, and the bytes of a good answer over gRPC."""

    process: subprocess.Popen[str]
    folder: tempfile.TemporaryDirectory[str]
    answer_bytes: int | None


def start(form: str, address: str, clients: int, seconds: float, rate: int = 0) -> Clients:
    """Clients that ask for so long, begun in a process of their own; `told` waits for what they saw. One is answered before.

    `rate` is of all of them together, in requests a second; 0 has each of them ask again as soon as it is answered.
    """
    folder = tempfile.TemporaryDirectory()
    if form.startswith("grpc"):
        path, data = grpc_request(form)
        with grpc.insecure_channel(address) as channel:
            answer_bytes = 5 + len(channel.unary_unary(path)(data, timeout=_TIMEOUT_SECONDS))
        data = b"\0" + len(data).to_bytes(4, "big") + data
        connections = -(-clients // 16)
        kind = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    else:
        path, data = http_request(form)
        asked = urllib.request.Request(f"http://{address}{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=_TIMEOUT_SECONDS) as answer:
            answer.read()
        answer_bytes = None
        connections = clients
        kind = ["--h1", "-H", "content-type: application/json"]
    body = Path(folder.name) / "body"
    body.write_bytes(data)
    times = [f"--duration={seconds:.0f}", f"--warm-up-time={WARM_UP_SECONDS}", f"--log-file={folder.name}/times"]
    load = [f"--clients={connections}", f"--max-concurrent-streams={clients // connections}", f"--data={body}", *times, *kind]
    if rate:
        load.append(f"--rps={rate / connections}")
    command = [ensure("nghttp2-client", "h2load"), *load, f"http://{address}{path}"]
    return Clients(subprocess.Popen(command, stdout=subprocess.PIPE, text=True), folder, answer_bytes)


def told(clients: Clients) -> dict[str, float]:
    """What the clients saw: requests a second, failures, and the median and 99th percentile of the time to an answer in ms.

    h2load does not look at gRPC's own status: there, answers that lack the bytes of a good one count as failures.
    """
    output = clients.process.communicate()[0]
    answers = [line.split() for line in (Path(clients.folder.name) / "times").read_text().splitlines()]
    clients.folder.cleanup()
    seconds, rate = (float(each) for each in re.findall(r"finished in ([\d.]+)s, ([\d.]+) req/s", output)[0])
    times = np.array([int(microseconds) for _, status, microseconds in answers if status[0] == "2"]) / 1e3
    if not len(times):
        raise RuntimeError(f"no request was answered in {seconds} s:\n{output}")
    failures = sum(int(each) for each in re.findall(r"(\d+) (?:failed|errored|timeout|[345]xx)", output))
    if clients.answer_bytes is not None:
        whole = round(int(re.findall(r"\((\d+)\) data", output)[0]) / clients.answer_bytes)  # those of the warm-up too
        failures += max(0, len(times) - whole)
    median, late = np.percentile(times, [50, 99]).tolist()
    return {"rate": rate, "failures": float(failures), "p50_ms": median, "p99_ms": late}
