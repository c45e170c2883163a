"""Models that fail, wait and answer on demand, and clients that make every metric of the server move."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

import headrace as tf
from headrace.data.tfrecord import TFRecordWriter
from headrace.proto.serving import PredictionLog
from headrace.proto.tensors import to_proto
from headrace.serving.warmup_requests import FILE
from tests.serving.process import Asking

BATCHING = """
max_batch_size { value: 4 }
allowed_batch_sizes: 4
batch_timeout_micros { value: 20000 }
max_enqueued_batches { value: 1 }
num_batch_threads { value: 1 }
"""
"""One batch of four rows runs and one may wait, which the clients more than fill, whatever the cores; smaller ones are padded."""
FLAGS = ("--enable_batching", "--response_cacheable=m/kept", "--model_config_file_poll_wait_seconds=0.1")
TRAFFIC = """
[models.varied]
variants = [
    { name = "stable", version = 1, weight = 1 },
    { name = "canary", version = 2, weight = 1 },
    { name = "missing", version = 9, weight = 1 },
]
shadow = { variant = "canary", percent = 100 }
rollback = { variant = "canary", baseline = "stable", min_requests = 10, max_nonfinite_rate = 0.01 }
"""
TOKEN = "of-a-caller-that-may-ask-seldom"
METRICS_TOKEN = "of-prometheus"
ACCESS = f"""
[callers.seldom]
token_sha256 = ["{hashlib.sha256(TOKEN.encode()).hexdigest()}"]
roles = ["predict"]
models = ["*"]
requests_per_second = 1

[callers.prometheus]
token_sha256 = ["{hashlib.sha256(METRICS_TOKEN.encode()).hexdigest()}"]
roles = ["metrics"]

[anonymous]
roles = ["predict"]
models = ["*"]
"""
_MORE = {
    "m": 'logging_config { log_collector_config { type: "file" filename_prefix: "m" } sampling_config { sampling_rate: 1 } }',
    "varied": "model_version_policy { all {} }",
}


def export(path: Path, factor: float = 1.0) -> None:
    """Writes a version with a warm-up file.

    `serving_default` works for a while, multiplies with `factor`, and fails where the input is negative.
    """
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def work(x: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_non_negative(x)]):
            made = tf.ones([256, 256])
        for _ in tf.range(20):
            made = tf.linalg.matmul(made, made) / 256.0
        return {"y": x * made[0, 0] * factor}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def kept(x: Any) -> Any:
        return {"y": x + 1.0}

    hidden = path.with_name(f"tmp-{path.name}")
    tf.saved_model.save(module, str(hidden), signatures={"serving_default": work, "kept": kept})
    log = PredictionLog()
    log.predict_log.request.inputs["x"].CopyFrom(to_proto(np.ones((1, 2), np.float32)))
    (hidden / FILE).parent.mkdir(exist_ok=True)
    with TFRecordWriter(hidden / FILE) as writer:
        writer.write(log.SerializeToString())
    hidden.rename(path)


def configuration(**models: Path) -> str:
    """The text of a list of models."""
    each = (
        f'config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" {_MORE.get(name, "")} }}'
        for name, path in models.items()
    )
    return f"model_config_list {{ {' '.join(each)} }}"


class Clients(Asking):
    """Threads that ask a server without a pause."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.statuses: set[int] = set()
        bodies = [{"instances": [[1.0, 2.0]]}] * 12 + [{"instances": [[-1.0, 0.0]]}] * 2
        self._threads = [threading.Thread(target=self._ask, args=("/v1/models/m:predict", [body])) for body in bodies]
        kept = [{"signature_name": "kept", "instances": [float(number)]} for number in range(8)]
        self._threads.append(threading.Thread(target=self._ask, args=("/v1/models/m:predict", kept)))
        self._threads.append(threading.Thread(target=self._ask, args=("/v1/models/varied:predict", [{"instances": [[1.0, 2.0]]}])))
        self._threads.append(threading.Thread(target=self._ask, args=("/v1/models/nobody:predict", [{"instances": []}])))

        for token in (TOKEN, "a-wrong-one"):
            self._threads.append(threading.Thread(target=self._ask, args=("/v1/models/m:predict", bodies[:1], token)))

    def _ask(self, path: str, bodies: Sequence[Any], token: str = "") -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(base_url=self._url, timeout=60, headers=headers) as client:
            while not self._stop.is_set():
                for body in bodies:
                    self.statuses.add(client.post(path, json=body).status_code)
                self._stop.wait(0.01)


def missing(queries: Sequence[str], values: Callable[[str], list[float]]) -> list[str]:
    """The queries that give no number."""
    return [query for query in queries if not values(query)]
