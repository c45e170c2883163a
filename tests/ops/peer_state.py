"""Run by real TensorFlow's Python: raw ops that change variables. Reads a list of calls, writes the variables after them.

usage: python -m tests.ops.peer_state REQUEST ANSWER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf

from tests.ops.exchange import decode, encode


def main() -> None:
    """Answers one request."""
    answers = []
    for call in json.loads(Path(sys.argv[1]).read_text()):
        variables = {name: tf.Variable(decode(item)) for name, item in call["variables"].items()}
        values = {name: tf.constant(decode(item)) for name, item in call["values"].items()}
        handles = {name: v.handle for name, v in variables.items()}
        getattr(tf.raw_ops, call["op"])(**handles, **values, **call["attrs"])
        answers.append([encode(v.numpy()) for v in variables.values()])
    Path(sys.argv[2]).write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
