"""Gradients given by tf.custom_gradient in SavedModels: left out when asked or when they must be, and damaged ones named."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import HeadraceError, InvalidArgumentError, UnimplementedError
from headrace.proto.messages import SavedModel, parse, serialize

X = np.float32([1.0, 2.0])


class Model(tf.Module):
    def __init__(self, rule: Callable[[Any, Any], Any] | None = None) -> None:
        super().__init__()
        self.factor = tf.Variable(3.0)
        self.rule = rule or (lambda up, y: up * y + self.factor)

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32)])
    def f(self, x):
        @tf.custom_gradient
        def squared(x):
            y = x * x
            return y, lambda up: self.rule(up, y)

        return squared(x)


def slope(model):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model.f(x)
    return np.asarray(tape.gradient(y, x)).tolist()


def test_the_gradient_is_saved_with_the_variable_that_it_alone_reads(tmp_path: Path) -> None:
    model = Model()
    tf.saved_model.save(model, tmp_path / "m")
    loaded = tf.saved_model.load(tmp_path / "m")
    assert slope(loaded) == slope(model) == [4.0, 7.0]
    loaded.factor.assign(10.0)
    assert slope(loaded) == [11.0, 14.0]


def test_it_is_left_out_when_asked(tmp_path: Path) -> None:
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(Model(), tmp_path / "m", options=options)
    assert slope(tf.saved_model.load(tmp_path / "m")) == [2.0, 4.0]


def test_a_loaded_function_with_a_gradient_works_in_a_new_function(tmp_path: Path) -> None:
    tf.saved_model.save(Model(), tmp_path / "m")
    loaded, outer = tf.saved_model.load(tmp_path / "m"), tf.Module()
    outer.inner = loaded
    outer.f = tf.function(lambda x: loaded.f(x) * 2.0, input_signature=[tf.TensorSpec([2], tf.float32)])
    assert slope(outer) == [5.0, 11.0]


class Branching(tf.Module):
    """A step with a gradient of its own, which refers to a value that nothing else needs, between branches."""

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32)])
    def f(self, x):
        @tf.custom_gradient
        def squared(x):
            slopes = tf.exp(x)
            return x * x, lambda up: up * slopes

        x = tf.cond(tf.reduce_sum(x) > 0.0, lambda: tf.tanh(x) + x, lambda: -x)
        return tf.cond(tf.reduce_sum(x) > 0.0, lambda: tf.tanh(squared(x)), lambda: x) + squared(x)


def test_a_function_with_branches_is_saved_after_its_gradient_was_taken(tmp_path: Path) -> None:
    model = Branching()
    expected = slope(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tf.saved_model.save(model, tmp_path / "m")
    loaded = tf.saved_model.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.f(X), model.f(X))
    # The step inside the branch has the gradient of its operations after a load: see docs/limitations.md.
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        inner = tf.cond(tf.reduce_sum(x) > 0.0, lambda: tf.tanh(x) + x, lambda: -x)
    through = np.asarray(tape.gradient(inner, x))
    inner = np.asarray(inner)
    outside = np.exp(inner) * through
    inside = (1 - np.tanh(inner**2) ** 2) * through
    np.testing.assert_allclose(expected, outside + inside * np.exp(inner), rtol=1e-5)
    np.testing.assert_allclose(slope(loaded), outside + inside * 2 * inner, rtol=1e-5)


def test_what_tensorflow_has_no_op_for_leaves_the_gradient_out(tmp_path: Path) -> None:
    def through_a_tape(up, y):
        with tf.GradientTape() as tape:
            tape.watch(y)
            z = tf.nn.conv2d(tf.reshape(y, [1, 1, 2, 1]), tf.ones([1, 1, 1, 1]), 1, "SAME", dilations=[1, 1]) ** 2
            z = tf.math.cumulative_logsumexp(tf.reshape(z, [2]))
        return up * tape.gradient(z, y)

    with pytest.warns(UserWarning, match=r"custom gradients of 'f' are left out of the SavedModel: .*_VJP"):
        tf.saved_model.save(Model(through_a_tape), tmp_path / "m")
    assert slope(tf.saved_model.load(tmp_path / "m")) == [2.0, 4.0]


def test_a_variable_outside_the_model_leaves_the_gradient_out(tmp_path: Path) -> None:
    elsewhere = tf.Variable(2.0, name="elsewhere")
    with pytest.warns(UserWarning, match="uses the variable 'elsewhere'"):
        tf.saved_model.save(Model(lambda up, _: up * elsewhere), tmp_path / "m")
    assert slope(tf.saved_model.load(tmp_path / "m")) == [2.0, 4.0]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda up, _: [up, up], "gives 2 gradients for 1 inputs"),
        (lambda up, y: tf.raw_ops.MatMul(a=up, b=y), "MatMul"),
    ],
)
def test_a_rule_that_does_not_suit_leaves_the_gradient_out(tmp_path: Path, rule: Callable[[Any, Any], Any], message: str) -> None:
    with pytest.warns(UserWarning, match=f"custom gradients of 'f' are left out of the SavedModel: .*{message}"):
        tf.saved_model.save(Model(rule), tmp_path / "m")
    assert slope(tf.saved_model.load(tmp_path / "m")) == [2.0, 4.0]


def test_an_error_of_the_users_rule_says_how_to_save_without_it(tmp_path: Path) -> None:
    model = Model(lambda up, _: up.numpy())
    with pytest.raises(AttributeError, match="only available when executing eagerly") as caught:
        tf.saved_model.save(model, tmp_path / "m")
    assert "experimental_custom_gradients=False" in caught.value.__notes__[0]
    assert not (tmp_path / "m").exists()
    tf.saved_model.save(model, tmp_path / "m", options=tf.saved_model.SaveOptions(experimental_custom_gradients=False))


def _named_twice(meta: Any) -> None:
    meta.graph_def.library.registered_gradients.append(meta.graph_def.library.registered_gradients[0])


def _unknown_function(meta: Any) -> None:
    meta.graph_def.library.registered_gradients[0].gradient_func = "nothing"


def _too_few_results(meta: Any) -> None:
    name = meta.graph_def.library.registered_gradients[0].gradient_func
    del meta.object_graph_def.concrete_functions[name].output_signature.list_value.values[0]


def _capture_that_is_not_there(meta: Any) -> None:
    name = meta.graph_def.library.registered_gradients[0].gradient_func
    meta.object_graph_def.concrete_functions[name].bound_inputs[0] = 99


def _kept(meta: Any) -> Any:
    return next(node.captured_tensor for node in meta.object_graph_def.nodes if node.WhichOneof("kind") == "captured_tensor")


def _tensor_that_is_not_there(meta: Any) -> None:
    _kept(meta).name = "nothing:0"


def _output_that_is_not_there(meta: Any) -> None:
    _kept(meta).name = _kept(meta).name.replace(":0", ":7")


def _tensor_of_another_function(meta: Any) -> None:
    _kept(meta).concrete_function = "another"


def _gradient_of_its_own(meta: Any) -> None:
    library = meta.graph_def.library
    name = library.registered_gradients[0].gradient_func
    function = next(f for f in library.function if f.signature.name == name)
    function.ret[function.signature.output_arg[0].name] = "nothing:output:0"


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (_named_twice, InvalidArgumentError, "twice or not at all"),
        (_unknown_function, InvalidArgumentError, "twice or not at all"),
        (_too_few_results, InvalidArgumentError, "has 2 inputs; its gradient .* gives 1 results"),
        (_capture_that_is_not_there, InvalidArgumentError, "captures an object that does not exist"),
        (_tensor_that_is_not_there, UnimplementedError, "needs the tensor 'nothing:0' of .* cannot be reached"),
        (_output_that_is_not_there, UnimplementedError, "cannot be reached"),
        (_tensor_of_another_function, UnimplementedError, "of 'another', which cannot be reached"),
        (_gradient_of_its_own, InvalidArgumentError, "reads 'nothing:output:0', which does not exist"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[Any], None], kind: type[HeadraceError], message: str) -> None:
    folder = tmp_path / "m"
    tf.saved_model.save(Model(), folder)
    path = folder / "saved_model.pb"
    model = parse(SavedModel, path.read_bytes(), "the model")
    damage(model.meta_graphs[0])
    path.write_bytes(serialize(model))
    for name in ("fingerprint.pb", "headrace.digest"):
        (folder / name).unlink()
    with pytest.raises(kind, match=message):
        slope(tf.saved_model.load(folder))
