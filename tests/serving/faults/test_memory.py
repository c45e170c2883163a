"""A run of a real model that wants more memory than there is, in a process whose memory is limited."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import headrace as tf
from tests.serving.process import ROOT, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit a process's addresses")


def save(path: Path) -> None:
    module = tf.Module()
    module.scale = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def twice(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * module.scale}

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])
    def outer(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": module.scale * tf.matmul(x, x, transpose_b=True)}

    module.twice, module.outer = twice, outer
    tf.saved_model.save(module, str(path), signatures={"serving_default": twice, "outer": outer})


@pytest.mark.parametrize(
    ("engine", "error"),
    [
        ("xla", "RESOURCE_EXHAUSTED: Out of memory allocating 160000000000 bytes."),
        ("openvino", "OpenVINO ran out of memory: "),
    ],
)
def test_a_run_that_takes_too_much_memory_fails_alone(tmp_path: Path, engine: str, error: str) -> None:
    save(tmp_path / "1")
    with (
        serving(tmp_path, f"--engine={engine}", module="tests.serving.faults.starved") as server,
        httpx.Client(timeout=60) as client,
    ):
        server.ready()
        predict = f"{server.url}/v1/models/m:predict"
        small = client.post(predict, json={"signature_name": "outer", "inputs": [[1.0]] * 2})
        assert small.json() == {"outputs": [[2.0, 2.0], [2.0, 2.0]]}
        large = client.post(predict, json={"signature_name": "outer", "inputs": [[1.0]] * 200_000})
        assert (large.status_code, large.json()["error"][: len(error)]) == (429, error)
        again = client.post(predict, json={"inputs": [1.0, 2.0]})
        assert (again.status_code, again.json()) == (200, {"outputs": [2.0, 4.0]})
        assert server.end() == 0


def test_a_tensor_that_could_not_be_computed_raises_when_it_is_read() -> None:
    program = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
import numpy as np
import headrace as tf
x = tf.ones([200_000, 1])
product = tf.matmul(x, x, transpose_b=True)
for read in (product.numpy, lambda: np.asarray(product), lambda: tf.strings.as_string(product)):
    try:
        read()
    except tf.errors.ResourceExhaustedError as error:
        print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "RESOURCE_EXHAUSTED: Out of memory allocating 160000000000 bytes.\n" * 3
