"""Reads a request log with real TensorFlow and TensorFlow Serving's messages.

request_log.py FILE        prints what its records hold
"""

from __future__ import annotations

import json
import sys
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2


def tensors(found: Any) -> dict[str, Any]:
    return {name: tf.make_ndarray(proto).tolist() for name, proto in found.items()}


def main(path: str) -> None:
    """Reads it."""
    told = []
    for record in tf.data.TFRecordDataset(path):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        spec, found = log.log_metadata.model_spec, log.predict_log
        told.append(
            {
                "kind": log.WhichOneof("log_type"),
                "spec": [spec.name, spec.version.value, spec.signature_name],
                "rate": log.log_metadata.sampling_config.sampling_rate,
                "inputs": tensors(found.request.inputs),
                "outputs": tensors(found.response.outputs),
            }
        )
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
