"""The server's OpenVINO engine against OpenVINO's own loop, and against XLA: seconds for a run.

`python -m benchmarks.serving.engines [ROUNDS]` saves ResNet-50 and an encoder of DistilBERT's size, gives both to both sides in one
process, and lets them take turns. OpenVINO's own loop is what its benchmark_app does: the SavedModel read by OpenVINO, its inputs
reshaped to the size that is asked, as many infer requests as streams, kept busy with the same number of requests.
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import headrace as tf
from benchmarks import models
from headrace.serving.engines.base import Array
from headrace.serving.engines.choice import difference_of
from headrace.serving.engines.chosen import ChoosingEngine
from headrace.serving.engines.cores import available
from headrace.serving.engines.native import NativeEngine
from headrace.serving.engines.openvino import OpenVino, library
from headrace.serving.engines.options import EngineOptions

MODELS: dict[str, tuple[Callable[[], Any], Any]] = {
    "ResNet-50": (lambda: models.ResNet50(tf), tf.TensorSpec([None, 224, 224, 3], tf.float32, "x")),
    "encoder": (lambda: models.Encoder(tf, layers=6, width=768, heads=12), tf.TensorSpec([None, 128], tf.int32, "x")),
}
REQUESTS = 4
"""Of a turn, for each stream."""
SIGNATURE = "serving_default"


def save(name: str, folder: Path) -> dict[str, Array]:
    """Saves a model as version 1, and returns one row of input."""
    build, spec = MODELS[name]
    model = build()
    module = tf.Module()
    module.weights = [*model.variables, *getattr(model, "averages", [])]
    module.serve = tf.function(lambda x: {"y": model(x)}, input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(folder / "1"), signatures={SIGNATURE: module.serve})
    return {"x": np.asarray(model.inputs(1)[0])}


def at_once(run: Callable[[], Any], streams: int) -> Callable[[], Any]:
    """A turn: threads, as the server's, that each make their share of the requests."""

    def requests() -> None:
        for _ in range(REQUESTS):
            run()

    def turn() -> None:
        threads = [threading.Thread(target=requests) for _ in range(streams - 1)]
        for thread in threads:
            thread.start()
        requests()
        for thread in threads:
            thread.join()

    return turn


def own_loop(path: Path, inputs: Mapping[str, Array], streams: int) -> tuple[Callable[[], Any], Array]:
    """A turn of OpenVINO alone, and what it computes."""
    openvino = library()
    core = openvino.Core()
    model = core.read_model(str(path))
    model.reshape({0: list(inputs["x"].shape)})
    settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": str(streams), "INFERENCE_NUM_THREADS": str(available())}
    compiled = core.compile_model(model, "CPU", settings)
    queue = openvino.AsyncInferQueue(compiled, streams)

    def turn() -> None:
        for _ in range(REQUESTS * streams):
            queue.start_async({0: inputs["x"]}, share_inputs=True)
        queue.wait_all()

    return turn, compiled(dict(inputs))[0]


def measure(turns: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float, float]]:
    """For each: the median and the least time of a turn, and the median of the processor time that it took, in seconds."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
    for number in range(rounds + 1):
        for name, turn in turns.items():
            wall, processor = time.perf_counter(), time.process_time()
            turn()
            if number:  # the first one compiles
                found[name].append((time.perf_counter() - wall, time.process_time() - processor))
    return {
        name: (statistics.median(w for w, _ in each), min(w for w, _ in each), statistics.median(p for _, p in each))
        for name, each in found.items()
    }


def compare(name: str, streams: int, rounds: int, table: Table) -> None:
    """Measures one model with so many requests at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1"
        inputs = save(name, Path(folder))
        own, expected = own_loop(path, inputs, streams)
        options = EngineOptions("openvino", streams=streams)
        served = ChoosingEngine(NativeEngine(), options, [OpenVino("f32", streams)]).load(path)
        served.decide({})
        assert served.engine == "openvino-f32", served.engine_reason
        assert difference_of(expected, served.run(SIGNATURE, inputs)["y"]) < 1e-4
        native = NativeEngine().load(path)
        turns = {
            "OpenVINO's own loop": own,
            "Headrace, openvino-f32": at_once(lambda: served.run(SIGNATURE, inputs), streams),
            "Headrace, xla": at_once(lambda: native.run(SIGNATURE, inputs), streams),
        }
        found = measure(turns, rounds)
    base = found["OpenVINO's own loop"]
    for who, times in found.items():
        milliseconds = [f"{1e3 * each / REQUESTS / streams:.1f}" for each in times]
        ratios = [f"{ours / own_time:.2f}" for ours, own_time in zip(times, base, strict=True)]
        table.add_row(name, str(streams), who, *(cell for pair in zip(milliseconds, ratios, strict=True) for cell in pair))


def main(rounds: int) -> None:
    """Prints a table for each model and number of requests at once."""
    logging.disable(logging.INFO)
    for streams in (1, 2):
        for name in MODELS:
            table = Table("model", "at once", "who", "median ms", "ratio", "least ms", "ratio", "processor ms", "ratio")
            compare(name, streams, rounds, table)
            Console(width=160).print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
