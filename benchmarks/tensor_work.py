"""Tensors of gRPC messages: a 224x224x3 image read and written, beside TensorFlow's own C++ code for TensorProtos.

`python -m benchmarks.tensor_work` runs both by turns and prints a table; with `headrace` or `tensorflow` and a folder behind it, it
prints one peer's times as JSON. TensorFlow's side are the ops ParseTensor and SerializeTensor; its server calls the same.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

ROUNDS = 5
RUNS = 200
SHAPE = (1, 224, 224, 3)
LISTS = {"float32": "float_val", "int64": "int64_val"}


def arrays() -> dict[str, Any]:
    """The tensors, by dtype."""
    rng = np.random.default_rng(0)
    return {"float32": rng.standard_normal(SHAPE).astype(np.float32), "int64": rng.integers(0, 256, SHAPE)}


def write(folder: Path) -> None:
    """Writes each tensor's messages, with the values in the typed list and in `tensor_content`."""
    tensors = importlib.import_module("headrace.proto.tensors")
    for name, array in arrays().items():
        (folder / f"{name}-list").write_bytes(tensors.to_listed_proto(array).SerializeToString())
        (folder / f"{name}-content").write_bytes(tensors.to_content_proto(array).SerializeToString())


def ours(folder: Path) -> dict[str, Callable[[], Any]]:
    """What the server does with a tensor."""
    tensors, messages = importlib.import_module("headrace.proto.tensors"), importlib.import_module("headrace.proto.messages")
    found: dict[str, Callable[[], Any]] = {}
    for name, array in arrays().items():
        for form in ("list", "content"):
            data = (folder / f"{name}-{form}").read_bytes()
            found[f"read {name}, {form}"] = lambda data=data: tensors.from_proto(
                messages.TensorProto.FromString(data), writable=False
            )
        found[f"write {name}, content"] = lambda array=array: b"".join(tensors.to_wire(array))
        found[f"write {name}, list"] = lambda array=array: b"".join(tensors.to_wire(array, content=False))
    return found


def theirs(folder: Path) -> dict[str, Callable[[], Any]]:
    """The same by TensorFlow's ops, where it has one."""
    tf = importlib.import_module("tensorflow")
    found: dict[str, Callable[[], Any]] = {}
    for name, array in arrays().items():
        for form in ("list", "content"):
            data = tf.constant((folder / f"{name}-{form}").read_bytes())
            found[f"read {name}, {form}"] = lambda data=data, name=name: tf.io.parse_tensor(data, name)
        tensor = tf.constant(array)
        found[f"write {name}, content"] = lambda tensor=tensor: tf.io.serialize_tensor(tensor)
    return found


def measure(module: str, folder: Path) -> None:
    """Prints the least time of each piece of work, in milliseconds."""
    best = {}
    for name, work in (ours if module == "headrace" else theirs)(folder).items():
        times = []
        for _ in range(RUNS):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        best[name] = min(times) * 1e3
    print(json.dumps(best))


def compare(folder: Path) -> None:
    """Runs both peers and prints the table."""
    environments = importlib.import_module("tests.interop.environments")
    write(folder)
    peers = {"headrace": sys.executable, "tensorflow": str(environments.ensure("tensorflow"))}
    best: dict[str, dict[str, float]] = {}
    for _ in range(ROUNDS):
        for module, python in peers.items():
            environment = environments.clean_environment() if module == "tensorflow" else dict(os.environ)
            command = [python, "-m", "benchmarks.tensor_work", module, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True, env=environment, cwd=ROOT)
            found = json.loads(done.stdout.strip().splitlines()[-1])
            before = best.setdefault(module, found)
            best[module] = {name: min(found[name], before[name]) for name in found}
    columns = ("work", "Headrace, ms", "TensorFlow, ms", "ratio")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name, mine in best["headrace"].items():
        other = best["tensorflow"].get(name)
        print(f"| {name} | {mine:.3f} | " + (f"{other:.3f} | {mine / other:.2f} |" if other else "| |"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            compare(Path(temporary))
