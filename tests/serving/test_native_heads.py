"""Heads of a model saved by Headrace, on Headrace's runtime."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import InvalidArgumentError
from headrace.ir.graph import Graph
from headrace.passes.pipeline import optimize
from headrace.serving.engines import native
from headrace.serving.engines.native import NativeEngine, NativeModel
from headrace.serving.examples import batch_of
from tests.serving.toy_heads import example

SPEC = [tf.TensorSpec([None], tf.string, name="inputs")]
BATCH = batch_of([example(x=[1.0, 2.0]), example(x=[3.0, -4.0])])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NativeModel:
    """Two heads on one layer."""
    module = tf.Module()
    module.weight = tf.Variable([[0.5], [0.25]])

    def layer(inputs: tf.Tensor) -> tf.Tensor:
        return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([2], tf.float32)})["x"] @ module.weight

    @tf.function(input_signature=SPEC)
    def classify(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": tf.nn.sigmoid(layer(inputs))}

    @tf.function(input_signature=SPEC)
    def regress(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": layer(inputs)}

    module.classify, module.regress = classify, regress
    path = tmp_path_factory.mktemp("heads") / "1"
    tf.saved_model.save(module, str(path), signatures={"serving_default": classify, "regress": regress})
    return NativeEngine().load(path)


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)


def test_together_and_alone_are_the_same(model: NativeModel) -> None:
    together = model.run_together(["regress", "serving_default"], {"inputs": BATCH})
    for name in ("regress", "serving_default"):
        same(together[name], model.run(name, {"inputs": BATCH}))
    same(together["regress"], {"outputs": np.float32([[1.0], [0.5]])})
    one = model.run_together(["serving_default", "regress"], {"inputs": BATCH[:1]})
    same(one["regress"], {"outputs": np.float32([[1.0]])})


def test_examples_are_parsed_once(model: NativeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = native.function

    def noted(body: Any) -> Any:
        made.append(real(body))
        return made[-1]

    monkeypatch.setattr(native, "function", noted)
    model._programs.clear()
    model.run_together(["regress", "serving_default"], {"inputs": BATCH})
    graph: Graph = made[0].get_concrete_function(inputs=SPEC[0]).graph
    ops = [node.op for node in optimize(graph).nodes]
    assert ops.count("ParseExampleV2") == 1
    assert ops.count("MatMul") == 1


def test_one_program_serves_every_order_and_thread(model: NativeModel) -> None:
    model._programs.clear()
    orders = [["regress", "serving_default"], ["serving_default", "regress"]] * 4
    threads = [threading.Thread(target=model.run_together, args=(names, {"inputs": BATCH})) for names in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert list(model._programs) == [("regress", "serving_default")]


def test_programs_are_not_kept_without_bound(model: NativeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_MAX_PROGRAMS", 2)
    model._programs.clear()
    for names in (["regress"], ["serving_default"], ["regress", "serving_default"]):
        model.run_together(names, {"inputs": BATCH})
    assert list(model._programs) == [("serving_default",), ("regress", "serving_default")]


def test_an_example_without_the_feature_is_refused(model: NativeModel) -> None:
    with pytest.raises(InvalidArgumentError, match="x"):
        model.run_together(["regress", "serving_default"], {"inputs": batch_of([example(y=[1.0])])})
