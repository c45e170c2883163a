"""Models that take serialized tf.Examples come from TensorFlow and go to it."""

from __future__ import annotations

from pathlib import Path

import headrace as tf
from headrace import saved_model
from tests.interop.peer_runs import run_peer
from tests.interop.peers import parsing


def test_a_model_of_tensorflow_reads_examples_here(tmp_path: Path, tensorflow_python: Path) -> None:
    wanted = run_peer(tensorflow_python, "parsing.py", "write", tmp_path / "model")
    loaded = saved_model.load(tmp_path / "model")
    signature = loaded.signatures["serving_default"]
    assert parsing.results(tf, loaded.score) == wanted
    assert parsing.results(tf, lambda x: signature(examples=x)) == wanted
    assert parsing.results(tf, parsing.build(tf).score) == wanted


def test_our_model_reads_examples_in_tensorflow(tmp_path: Path, tensorflow_python: Path) -> None:
    model = parsing.build(tf)
    saved_model.save(model, tmp_path / "model", signatures=model.score)
    found = run_peer(tensorflow_python, "parsing.py", "read", tmp_path / "model")
    assert found["function"] == found["signature"] == parsing.results(tf, model.score)
