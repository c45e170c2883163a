"""The unmodified client of tensorflow-serving-api against a server of ours that wants to know who asks.

serving_callers.py ADDRESS AUTHORITY TOKEN...    asks for the model `m` over TLS, without a token and with each as call
                                                 credentials; prints the statuses and the last call's trailing metadata
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def ask(address: str, credentials: Any) -> tuple[str, Any]:
    """The status and the trailing metadata of a predict call."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0, 2.0]]))
    with grpc.secure_channel(address, credentials) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            response = stub.Predict(request, timeout=60, wait_for_ready=True)
        except grpc.RpcError as error:
            return error.code().name, dict(error.trailing_metadata())
    return str(tf.make_ndarray(response.outputs["y"]).tolist()), {}


def main() -> None:
    """Does what the arguments say."""
    address, authority, *tokens = sys.argv[1:]
    channel = grpc.ssl_channel_credentials(Path(authority).read_bytes())
    found = [ask(address, channel)]
    for token in tokens:
        found.append(ask(address, grpc.composite_channel_credentials(channel, grpc.access_token_call_credentials(token))))
    print()
    print(json.dumps({"statuses": [status for status, _ in found], "trailers": found[-1][1]}))


if __name__ == "__main__":
    main()
