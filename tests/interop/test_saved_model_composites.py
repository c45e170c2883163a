"""Models with sparse and ragged arguments and results come from TensorFlow and go to it."""

from __future__ import annotations

from pathlib import Path

import headrace as tf
from headrace import saved_model
from tests.interop.peer_runs import run_peer
from tests.interop.peers import composites


def test_sparse_and_ragged_tensors_go_both_ways(tmp_path: Path, tensorflow_python: Path) -> None:
    wanted = run_peer(tensorflow_python, "composites.py", "write", tmp_path / "theirs")
    loaded = saved_model.load(tmp_path / "theirs")
    assert composites.results(tf, loaded) == wanted["functions"]
    assert composites.signature_results(tf, loaded.signatures) == wanted["signatures"]
    saved_model.save(loaded, tmp_path / "again", signatures=loaded.signatures)
    assert run_peer(tensorflow_python, "composites.py", "read", tmp_path / "again") == wanted

    model = composites.build(tf)
    assert composites.results(tf, model) == wanted["functions"]
    saved_model.save(model, tmp_path / "ours", signatures={"sparse": model.sparse, "ragged": model.ragged})
    assert run_peer(tensorflow_python, "composites.py", "read", tmp_path / "ours") == wanted
