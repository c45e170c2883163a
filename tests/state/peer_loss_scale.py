"""Run by real TensorFlow's Python: prints the scale and the decision after each step of loss_scale_cases.py.

usage: python -m tests.state.peer_loss_scale
"""

from __future__ import annotations

import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import tensorflow as tf

from tests.state.loss_scale_cases import CASES


def main() -> None:
    """Prints {name: [[scale, apply], ...]}."""
    found = {}
    for name, (arguments, steps) in CASES.items():
        scale = tf.compat.v1.mixed_precision.DynamicLossScale(**arguments)
        rows = []
        for step in steps:
            _, apply = scale.update([None, tf.constant([1.0, 1.0 if step == "f" else float("inf")])])
            rows.append([float(scale()), bool(apply)])
        found[name] = rows
    print(json.dumps(found))


if __name__ == "__main__":
    main()
