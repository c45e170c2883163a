"""Run by real TensorFlow's Python: calls public functions by name. Reads a list of calls, writes their results, both JSON.

usage: python -m tests.ops.peer_public REQUEST ANSWER
"""

from __future__ import annotations

import json
import os
import sys
from functools import reduce
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf

from tests.ops.exchange import decode, encode


def _value(item: Any) -> Any:
    if isinstance(item, dict):
        array = decode(item)
        return tf.constant(array.tolist(), tf.string, array.shape) if array.dtype.kind == "O" else tf.constant(array)
    return [_value(part) for part in item] if isinstance(item, list) else item


def main() -> None:
    """Answers one request."""
    answers = {}
    for key, call in json.loads(Path(sys.argv[1]).read_text()).items():
        function = reduce(getattr, call["function"].split("."), tf)
        try:
            result = function(*map(_value, call["args"]), **{k: _value(v) for k, v in call["kwargs"].items()})
            answers[key] = {"outputs": [encode(tf.convert_to_tensor(item).numpy()) for item in tf.nest.flatten(result)]}
        except (tf.errors.OpError, TypeError, ValueError) as error:
            answers[key] = {"error": f"{type(error).__name__}: {error}"[:1000]}
    Path(sys.argv[2]).write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
