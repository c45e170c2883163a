"""Runs programs in one process, one after another, under whatever `tensorflow` is, and keeps what they print.

    run_programs.py RESULTS PROGRAM [ARGUMENT ...] [-- PROGRAM [ARGUMENT ...]] ...

It is started twice with the same arguments: by the Python of real TensorFlow, and by `headrace run`. The programs are not changed.
That both sides start from equal weights and see equal noise comes from three things done here before each program:

- `keras.utils.set_random_seed` seeds Python's, numpy's and TensorFlow's generators. Keras draws weights, dropout and augmentation
  with `tf.random.stateless_...`, whose numbers Headrace shares with TensorFlow, so these need nothing more.
- `tf.random.normal` and its like, whose numbers depend on TensorFlow's insides, draw from one `tf.random.Generator` instead, whose
  numbers are shared too (docs/limitations.md, `stateful-random-stream`).
- `Dataset.shuffle` draws the positions in its buffer from numpy.

A line of JSON is added to RESULTS after each program: its name, the lines it printed, its seconds, and the error that ended it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import io
import itertools
import json
import os
import runpy
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

SEED = 20
SECONDS = 300
"""The most that one program may take."""


class Noise:
    """Stands for the random functions of TensorFlow whose numbers the two sides do not share."""

    def __init__(self) -> None:
        self.draws = tf.random.Generator.from_seed(SEED)
        # Datasets draw ahead of the training step, from threads: they must not take its numbers.
        self.orders = tf.random.Generator.from_seed(SEED + 1)
        self.datasets = itertools.count()

    def install(self) -> None:
        """Puts the shared numbers in place."""
        for name in ("normal", "uniform", "truncated_normal"):
            setattr(tf.random, name, functools.partial(self._draw, name))
        tf.random.shuffle = self._shuffle
        tf.data.Dataset.shuffle = functools.partialmethod(_shuffle_dataset, self.datasets)

    def restart(self) -> None:
        """From the beginning, for another program."""
        self.draws.reset_from_seed(SEED)
        self.orders.reset_from_seed(SEED + 1)
        self.datasets = itertools.count()
        self.install()

    def _draw(self, kind: str, shape: Any, *args: Any, seed: Any = None, name: Any = None, **options: Any) -> Any:
        return getattr(self.draws, kind)(shape, *args, **options)

    def _shuffle(self, value: Any, seed: Any = None, name: Any = None) -> Any:
        value = tf.convert_to_tensor(value)
        return tf.gather(value, tf.argsort(self.orders.uniform([tf.shape(value)[0]])))


def _shuffle_dataset(
    dataset: Any, count: Iterator[int], buffer_size: int, seed: Any = None, reshuffle_each_iteration: Any = None, name: Any = None
) -> Any:
    """Dataset.shuffle with numpy's numbers: a full buffer gives one element at random, and the next one takes its place."""
    which, passes = next(count), itertools.count()

    def generate() -> Iterator[Any]:
        again = 0 if reshuffle_each_iteration is False else next(passes)
        numbers = np.random.default_rng([SEED, which, again])
        buffer: list[Any] = []
        for element in dataset:
            buffer.append(element)
            if len(buffer) >= buffer_size:
                yield buffer.pop(int(numbers.integers(len(buffer))))
        while buffer:
            yield buffer.pop(int(numbers.integers(len(buffer))))

    shuffled = tf.data.Dataset.from_generator(generate, output_signature=dataset.element_spec)
    size = int(dataset.cardinality())
    return shuffled.apply(tf.data.experimental.assert_cardinality(size)) if size >= 0 else shuffled


def run(path: str, arguments: list[str]) -> dict[str, Any]:
    """Runs one program in an empty folder."""
    printed = io.StringIO()
    started, error, here = time.monotonic(), "", Path.cwd()
    keras.utils.set_random_seed(SEED)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        sys.argv = [path, *arguments]
        try:
            # Ends the process, with what its threads were at: the other programs are run in another one.
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            with contextlib.redirect_stdout(printed):
                runpy.run_path(path, run_name="__main__")
        except (Exception, SystemExit):  # noqa: BLE001 - whatever ends a program is what is asked for
            error = traceback.format_exc(limit=-8)
        finally:
            faulthandler.cancel_dump_traceback_later()
            os.chdir(here)
    _forget()
    seconds = round(time.monotonic() - started, 1)
    return {
        "program": "/".join(Path(path).parts[-2:]),
        "lines": printed.getvalue().splitlines(),
        "seconds": seconds,
        "error": error,
    }


def _forget() -> None:
    """Takes back what a program may have set for the whole process."""
    keras.backend.clear_session()
    keras.mixed_precision.set_global_policy("float32")
    gc.collect()


def main(results: str, *words: str) -> None:
    """Runs the programs named on the command line."""
    gc.set_threshold(100_000, 50, 100)  # as the tests themselves: tracing makes objects by the million
    noise = Noise()
    groups: list[list[str]] = [[]]
    for word in words:
        if word == "--":
            groups.append([])
        else:
            groups[-1].append(word)
    for path, *arguments in groups:
        noise.restart()
        row = run(path, arguments)
        with Path(results).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
