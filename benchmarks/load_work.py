"""Loading SavedModels: seconds, and the growth of peak memory.

`python benchmarks/load_work.py headrace|tensorflow FOLDER` prints them as JSON; `... write resnet50|gigabyte FOLDER` writes what is
loaded, with Headrace: ResNet-50 (102 MB), or 16 dense layers of 4096 units (1 GiB).
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def dense_layers(tf: Any) -> Any:
    """A module of 16 dense layers of 4096 units."""
    model = tf.Module()
    numbers = np.random.default_rng(0)
    model.weights = [tf.Variable(numbers.standard_normal((4096, 4096), np.float32)) for _ in range(16)]

    def serve(x: Any) -> Any:
        for weight in model.weights:
            x = tf.nn.relu(x @ weight)
        return x

    model.serve = tf.function(serve, input_signature=[tf.TensorSpec([None, 4096], tf.float32, "x")])
    return model


def resnet50(tf: Any) -> Any:
    """ResNet-50 as a module."""
    network = importlib.import_module("benchmarks.models").ResNet50(tf)
    model = tf.Module()
    model.variables_of_network = [*network.variables, *network.averages]
    images = tf.TensorSpec([None, 224, 224, 3], tf.float32, "x")
    model.serve = tf.function(lambda x: network(x), input_signature=[images])  # noqa: PLW0108 - a tf.function needs a function
    return model


def write(name: str, folder: str) -> None:
    """Writes one of the models."""
    tf = importlib.import_module("headrace")
    model = {"resnet50": resnet50, "gigabyte": dense_layers}[name](tf)
    tf.saved_model.save(model, folder, signatures=model.serve)


def load(module: str, folder: str) -> None:
    """Loads a model after the framework has run something, and prints what it took."""
    tf = importlib.import_module(module)
    tf.constant(1.0) + 1.0
    before = _peak_megabytes()
    start = time.perf_counter()
    model = tf.saved_model.load(folder)
    seconds = time.perf_counter() - start
    assert model.signatures
    print(json.dumps({"seconds": seconds, "megabytes": _peak_megabytes() - before}))


def _peak_megabytes() -> float:
    """The most memory that the process held so far, in MB; Linux counts it in KiB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(*sys.argv[2:])
    else:
        load(*sys.argv[1:])
