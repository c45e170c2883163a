"""Input pipelines: elements a second, Headrace's beside real TensorFlow's in one run.

`python -m benchmarks.pipelines` runs both, by turns, and prints a table; with `headrace` or `tensorflow` behind it, it prints
one peer's seconds as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

ROUNDS = 3
"""Passes that are timed, after one that is not; the least counts."""

IMAGES = np.random.default_rng(0).integers(0, 255, (20_000, 784), np.uint8)
FLOATS = IMAGES.astype(np.float32)
LABELS = np.arange(len(IMAGES)) % 10
PICTURES = np.random.default_rng(1).integers(0, 255, (4_000, 32, 32, 3), np.uint8)


def arrays(tf: Any) -> Any:
    """Slices of arrays, shuffled and batched."""
    return tf.data.Dataset.from_tensor_slices((FLOATS, LABELS)).shuffle(len(FLOATS)).batch(128)


def arrays_mapped(tf: Any) -> Any:
    """The same, each image scaled."""

    def scaled(image: Any, label: Any) -> Any:
        return tf.cast(image, tf.float32) / 255.0, label

    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).shuffle(len(IMAGES))
    return dataset.map(scaled, num_parallel_calls=tf.data.AUTOTUNE).batch(128).prefetch(tf.data.AUTOTUNE)


def augmented(tf: Any) -> Any:
    """Pictures flipped at random and cropped, one by one."""

    def augment(picture: Any) -> Any:
        flipped = tf.image.random_flip_left_right(picture)
        padded = tf.pad(flipped, [[4, 4], [4, 4], [0, 0]])
        return tf.cast(tf.image.random_crop(padded, [32, 32, 3]), tf.float32) / 255.0

    dataset = tf.data.Dataset.from_tensor_slices(PICTURES).shuffle(1000)
    return dataset.map(augment, num_parallel_calls=tf.data.AUTOTUNE).batch(64).prefetch(tf.data.AUTOTUNE)


def resized(tf: Any) -> Any:
    """Pictures made larger."""
    dataset = tf.data.Dataset.from_tensor_slices(PICTURES)
    larger = dataset.map(lambda picture: tf.image.resize(picture, [96, 96]) / 255.0, num_parallel_calls=tf.data.AUTOTUNE)
    return larger.batch(32).prefetch(tf.data.AUTOTUNE)


def generator(tf: Any) -> Any:
    """A Python generator of images, batched."""

    def images() -> Iterator[tuple[NDArray[np.float32], int]]:
        for i in range(5_000):
            yield FLOATS[i], i

    signature = tf.TensorSpec([784], tf.float32), tf.TensorSpec([], tf.int64)
    return tf.data.Dataset.from_generator(images, output_signature=signature).batch(64).prefetch(tf.data.AUTOTUNE)


def scalars(tf: Any) -> Any:
    """Numbers through a function and a filter, one by one."""
    tripled = tf.data.Dataset.range(10_000).map(lambda x: x * 3)
    return tripled.filter(lambda number: number % 2 == 0)


def strings(tf: Any) -> Any:
    """Lines split into numbers."""
    lines = tf.data.Dataset.from_tensor_slices([f"{i},{i + 1},{i + 2}" for i in range(5_000)])
    return lines.map(lambda line: tf.strings.to_number(tf.strings.split(line, ","))).batch(50)


def windows(tf: Any) -> Any:
    """A series cut into overlapping windows."""
    series = tf.data.Dataset.from_tensor_slices(np.arange(3_000, dtype=np.float32))
    return series.window(20, shift=5, drop_remainder=True).flat_map(lambda w: w.batch(20)).batch(32)


def python_function(tf: Any) -> Any:
    """A Python function on each element."""
    return tf.data.Dataset.range(5_000).map(lambda x: tf.numpy_function(lambda a: a + 1, [x], tf.int64)).batch(100)


WORK: dict[str, tuple[Callable[[Any], Any], int]] = {
    "slices of arrays, shuffle, batch": (arrays, len(FLOATS)),
    "slices, shuffle, map, batch, prefetch": (arrays_mapped, len(IMAGES)),
    "random flip and crop, batch, prefetch": (augmented, len(PICTURES)),
    "resize to 96x96, batch, prefetch": (resized, len(PICTURES)),
    "Python generator of images, batch": (generator, 5_000),
    "numbers through map and filter": (scalars, 10_000),
    "strings split into numbers, batch": (strings, 5_000),
    "windows of a series": (windows, 3_000),
    "numpy_function, batch": (python_function, 5_000),
}
"""Pipelines, and how many elements of the source a pass goes through."""


def measure(module: str) -> None:
    """Prints the seconds of a pass for each pipeline, as JSON."""
    tf = importlib.import_module(module)
    seconds = {}
    for name, (make, _) in WORK.items():
        dataset = make(tf)
        times = []
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            for _ in dataset:
                pass
            times.append(time.perf_counter() - start)
        seconds[name] = min(times[1:])
    print(json.dumps(seconds))


def compare() -> None:
    """Runs both peers and prints the table."""
    environments = importlib.import_module("tests.interop.environments")
    peers = {"headrace": sys.executable, "tensorflow": str(environments.ensure("tensorflow"))}
    found: dict[str, dict[str, float]] = {}
    for _ in range(2):
        for module, python in peers.items():
            environment = environments.clean_environment() if module == "tensorflow" else dict(os.environ)
            environment.pop("TF_ENABLE_ONEDNN_OPTS", None)  # what is measured is TensorFlow as it comes
            command = [python, "-m", "benchmarks.pipelines", module]
            done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True, env=environment, cwd=ROOT)
            seconds = json.loads(done.stdout.strip().splitlines()[-1])
            before = found.setdefault(module, seconds)
            found[module] = {name: min(s, before[name]) for name, s in seconds.items()}
    print("| pipeline | Headrace, elements/s | TensorFlow, elements/s | ratio of times |\n|---|---|---|---|")
    for name, (_, count) in WORK.items():
        ours, theirs = found["headrace"][name], found["tensorflow"][name]
        print(f"| {name} | {count / ours:,.0f} | {count / theirs:,.0f} | {ours / theirs:.2f} |")


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else compare()
