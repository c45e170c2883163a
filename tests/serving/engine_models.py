"""SavedModels that the tests of engines try, written by Headrace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import headrace as tf
from headrace import saved_model
from headrace.serving.engines.chosen import ChoosingEngine, ChosenModel
from headrace.serving.engines.native import NativeEngine
from headrace.serving.engines.openvino import OpenVino
from headrace.serving.engines.options import EngineOptions

NUMBERS = np.random.default_rng(3)
FORCED = EngineOptions("openvino")


def normal(*shape: int) -> np.ndarray[Any, Any]:
    """Random float32 numbers."""
    return NUMBERS.standard_normal(shape, np.float32)


def save(path: Path, signatures: dict[str, Callable[..., Any]], **tracked: Any) -> Path:
    """Saves functions that have an input signature; `tracked` is what they use."""
    module = tf.Module()
    for name, value in {**tracked, **{f"signature_{name}": function for name, function in signatures.items()}}.items():
        setattr(module, name, value)
    saved_model.save(module, str(path), signatures=signatures)
    return path


def specs(**inputs: tf.TensorSpec) -> list[tf.TensorSpec]:
    """An input signature with these names."""
    return [tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in inputs.items()]


def save_network(path: Path) -> Path:
    """Convolution, batch normalization, pooling, a table of vectors and a product, with two signatures over shared variables."""
    kernel, scale, table = tf.Variable(normal(3, 3, 2, 4)), tf.Variable(normal(4)), tf.Variable(normal(11, 4))
    weight = tf.Variable(normal(4, 3))

    @tf.function(input_signature=specs(image=tf.TensorSpec([None, 8, 8, 2]), word=tf.TensorSpec([None], tf.int64)))
    def serve(image: tf.Tensor, word: tf.Tensor) -> dict[str, tf.Tensor]:
        x = tf.nn.conv2d(image, kernel, 1, "SAME")
        x, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=scale, offset=scale, mean=scale * 0.1, variance=tf.square(scale) + 1.0, is_training=False
        )
        pooled = tf.reduce_mean(tf.nn.relu(x), [1, 2]) + tf.gather(table, word)
        scores = tf.nn.softmax(pooled @ weight)
        return {"scores": scores, "best": tf.argmax(scores, 1), "word": word + 1}

    @tf.function(input_signature=specs(image=tf.TensorSpec([None, 8, 8, 2]), word=tf.TensorSpec([None], tf.int64)))
    def plain(image: tf.Tensor, word: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": tf.reduce_sum(image, [1, 2, 3]) * tf.cast(word, tf.float32)}

    return save(path, {"serving_default": serve, "plain": plain}, variables_=[kernel, scale, table, weight])


def network_inputs(batch: int) -> dict[str, np.ndarray[Any, Any]]:
    """Inputs of both signatures of `save_network`."""
    return {"image": normal(batch, 8, 8, 2), "word": NUMBERS.integers(0, 11, batch)}


def chosen(path: Path, options: EngineOptions = FORCED, *compilers: Any) -> ChosenModel:
    """The model at `path`, before it has chosen."""
    return ChoosingEngine(NativeEngine(), options, compilers or [OpenVino()]).load(path)
