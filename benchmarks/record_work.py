"""Records and JPEG images through tf.data: images a second and processor time, Headrace's beside real TensorFlow's in one run.

`python -m benchmarks.record_work` writes the files, runs both by turns, and prints a table; with `headrace` or `tensorflow` and the
folder behind it, it prints one peer's figures as JSON.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

ROUNDS = 3
RECORDS = 100_000
PIXELS = 784
JPEGS = 600
SIDES = (300, 500)
PASSES = 4


def write(folder: Path) -> None:
    """Writes the files that both frameworks read."""
    tf, pillow = importlib.import_module("headrace"), importlib.import_module("PIL.Image")
    rng = np.random.default_rng(0)
    feature, example = tf.train.Feature, tf.train.Example
    with tf.io.TFRecordWriter(str(folder / "records")) as writer:
        for number in range(RECORDS):
            image = feature(bytes_list=tf.train.BytesList(value=[rng.bytes(PIXELS)]))
            label = feature(int64_list=tf.train.Int64List(value=[number % 10]))
            writer.write(example(features=tf.train.Features(feature={"image": image, "label": label})).SerializeToString())
    with tf.io.TFRecordWriter(str(folder / "jpegs")) as writer:
        for _ in range(JPEGS):
            height, width = rng.integers(*SIDES, 2).tolist()
            coarse = rng.integers(0, 256, (height // 16, width // 16, 3)).astype(np.uint8)
            smooth = np.asarray(pillow.fromarray(coarse).resize((width, height), pillow.Resampling.BICUBIC), np.int16)
            noisy = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
            stream = io.BytesIO()
            pillow.fromarray(noisy).save(stream, "JPEG", quality=90)
            writer.write(stream.getvalue())


def pipelines(tf: Any, folder: Path) -> dict[str, tuple[Any, int]]:
    """Datasets, and how many images each gives."""
    features = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}

    def parsed(serialized: Any) -> Any:
        found = tf.io.parse_example(serialized, features)
        return tf.io.decode_raw(found["image"], tf.uint8), found["label"]

    def resized(data: Any) -> Any:
        return tf.image.resize(tf.io.decode_jpeg(data, channels=3), [224, 224])

    auto = tf.data.AUTOTUNE
    records, jpegs = (tf.data.TFRecordDataset(str(folder / name)) for name in ("records", "jpegs"))
    return {
        "records": (records.batch(128).map(parsed, num_parallel_calls=auto).prefetch(auto), RECORDS),
        "jpegs": (jpegs.map(resized, num_parallel_calls=auto).batch(32).prefetch(auto), JPEGS),
    }


def figures(dataset: Any) -> list[float]:
    """Seconds, and seconds of the processors, of the best of several passes after one that is not counted."""
    found = []
    for _ in range(PASSES + 1):
        began, busy = time.perf_counter(), time.process_time()
        for _ in dataset:
            pass
        found.append([time.perf_counter() - began, time.process_time() - busy])
    return [min(column) for column in zip(*found[1:], strict=True)]


def measure(module: str, folder: Path) -> None:
    """Prints the figures of each pipeline as JSON."""
    made = pipelines(importlib.import_module(module), folder)
    print(json.dumps({name: figures(dataset) for name, (dataset, _) in made.items()}))


def compare(folder: Path) -> None:
    """Runs both peers and prints the table."""
    environments = importlib.import_module("tests.interop.environments")
    write(folder)
    peers = {"headrace": sys.executable, "tensorflow": str(environments.ensure("tensorflow"))}
    best: dict[str, dict[str, list[float]]] = {}
    for _ in range(ROUNDS):
        for module, python in peers.items():
            environment = environments.clean_environment() if module == "tensorflow" else dict(os.environ)
            environment.pop("TF_ENABLE_ONEDNN_OPTS", None)  # what is measured is TensorFlow as it comes
            command = [python, "-m", "benchmarks.record_work", module, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True, env=environment, cwd=ROOT)
            found = json.loads(done.stdout.strip().splitlines()[-1])
            before = best.setdefault(module, found)
            best[module] = {name: [*map(min, found[name], before[name])] for name in found}
    columns = ("pipeline", "Headrace, images/s", "TensorFlow, images/s", "ratio of times", "ratio of processor times")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name, count in {"records": RECORDS, "jpegs": JPEGS}.items():
        ours, theirs = best["headrace"][name], best["tensorflow"][name]
        speeds = f"{count / ours[0]:,.0f} | {count / theirs[0]:,.0f}"
        print(f"| {name} | {speeds} | {ours[0] / theirs[0]:.2f} | {ours[1] / theirs[1]:.2f} |")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            compare(Path(temporary))
