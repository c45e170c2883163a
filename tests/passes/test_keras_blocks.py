"""Layers of real Keras, saved by real TensorFlow: their graphs hold the blocks that fusions look for."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import headrace as tf
from headrace.passes.pipeline import optimize
from tests.interop import environments
from tests.ops.harness import ROOT


@pytest.mark.interop
def test_a_transformer_block_of_keras_is_fused(tmp_path: Path) -> None:
    command = [str(environments.ensure("tensorflow")), "-m", "tests.passes.peer_keras", str(tmp_path)]
    environment = environments.clean_environment()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    serve = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    after = optimize(serve.graph)
    fused = Counter(" ".join([n.op, *n.attrs.get("fused_ops", ())]) for n in after.nodes if n.op.startswith("_Fused"))
    assert fused == {
        "_FusedLayerNorm": 2,
        "_FusedAttention": 1,
        "_FusedMatMul BiasAdd GeluExact": 1,
        "_FusedMatMul BiasAdd": 1,
    }
    (found,) = serve(tf.constant(np.load(tmp_path / "x.npy"))).values()
    np.testing.assert_allclose(found.numpy(), np.load(tmp_path / "y.npy"), rtol=1e-4, atol=1e-5)
