"""Grouped convolutions in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace import saved_model
from headrace.proto.messages import SavedModel


@pytest.mark.parametrize(("channels", "apart"), [(4, 0), (2, 1)])
def test_a_grouped_convolution_is_a_function_that_is_not_inlined(channels: int, apart: int, tmp_path: Path) -> None:
    filters = np.random.default_rng(0).normal(size=(3, 3, channels, 4)).astype(np.float32)

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 4], name="x")])
        def __call__(self, x: Any) -> Any:
            return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, filters, 1, "SAME"), tf.ones([4])))

    model = Model()
    saved_model.save(model, tmp_path / "model", signatures=model.__call__)
    meta = SavedModel.FromString((tmp_path / "model" / "saved_model.pb").read_bytes()).meta_graphs[0]
    held = [[node.op for node in f.node_def] for f in meta.graph_def.library.function if f.attr["_noinline"].b]
    assert held == [["Conv2D", "Identity"]] * apart
    loaded = saved_model.load(tmp_path / "model")
    x = tf.constant(np.random.default_rng(1).normal(size=(2, 8, 8, 4)).astype(np.float32))
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-6)
    saved_model.save(loaded, tmp_path / "again")
    np.testing.assert_allclose(saved_model.load(tmp_path / "again")(x), model(x), rtol=1e-6)
