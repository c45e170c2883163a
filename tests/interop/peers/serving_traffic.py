"""The unmodified client of tensorflow-serving-api against a server with traffic rules.

serving_traffic.py ADDRESS USERS REQUESTS     asks the model `m` as USERS users, twice each, and then REQUESTS times as nobody
"""

from __future__ import annotations

import json
import sys
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

request = predict_pb2.PredictRequest()
request.model_spec.name = "m"
request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.ones((1, 2), np.float32)))


def ask(stub: Any, **metadata: str) -> dict[str, Any]:
    """What came back: the status, what the answer was led by, and the version that it names."""
    told = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
    call = stub.Predict.future(request, timeout=60, metadata=told, wait_for_ready=True)
    found: dict[str, Any] = {key: value for key, value in call.initial_metadata() if key.startswith("x-headrace-")}
    found["code"] = call.code().name
    if call.code() is grpc.StatusCode.OK:
        found["version"] = call.result().model_spec.version.value
        found["y"] = tf.make_ndarray(call.result().outputs["y"]).tolist()
    return found


def main(address: str, users: int, requests: int) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        found = {
            "users": [[ask(stub, x_user=f"user-{number}") for _ in range(2)] for number in range(users)],
            "nobody": [ask(stub) for _ in range(requests)],
            "override": ask(stub, x_headrace_variant="canary", x_headrace_request_id="my-id"),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
