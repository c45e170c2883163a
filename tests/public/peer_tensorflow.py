"""Run by real TensorFlow's Python: evaluates the cases of a module and writes the answers as JSON.

usage: python -m tests.public.peer_tensorflow MODULE ANSWER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf

from tests.ops.exchange import encode
from tests.public.case import evaluate, load


def main(module: str, answer: str) -> None:
    """Answers every case: outputs and gradients, or the name of the error."""
    answers = {}
    for name, item in load(module).items():
        try:
            outputs, gradients = evaluate(tf, name, item)
        except (
            tf.errors.OpError,
            ArithmeticError,
            AttributeError,
            LookupError,
            NotImplementedError,
            TypeError,
            ValueError,
        ) as error:
            answers[name] = {"error": type(error).__name__, "text": str(error)[:500]}
        else:
            answers[name] = {
                "outputs": [encode(o) for o in outputs],
                "gradients": [None if g is None else encode(g) for g in gradients],
            }
    Path(answer).write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
