"""The eager measurements. Runs under Headrace and, unchanged, under real TensorFlow: `python eager_work.py headrace|tensorflow`."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from timing import microseconds


def measure(module: str) -> dict[str, float]:
    """Microseconds of a 2x2 addition, and of a tape over four small ops with its gradient."""
    tf = importlib.import_module(module)
    a, b = tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([[0.5, 0.25], [1.0, 2.0]])

    def tape() -> object:
        with tf.GradientTape() as recorder:
            recorder.watch(a)
            y = tf.reduce_sum(tf.tanh(tf.matmul(a, b) + b))
        return recorder.gradient(y, a)

    return {"add_us": microseconds(lambda: a + b), "tape_us": microseconds(tape, calls=200)}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
