"""Run by real TensorFlow's Python: answers every case of every module, as JSON.

usage: python -m tests.data.pipeline.peer_tensorflow ANSWER MODULE...
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf

from tests.data.pipeline.case import answer, load


def main(path: str, *modules: str) -> None:
    """Answers the cases of some modules."""
    answers = {module: {name: answer(tf, run) for name, run in load(module).items()} for module in modules}
    Path(path).write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
