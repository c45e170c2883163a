"""`hub.load` and `hub.KerasLayer`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace import hub
from headrace.core.errors import InvalidArgumentError
from headrace.hub.pushing import push
from headrace.hub.settings import Settings
from tests.hub.hostile_server import archive, serving
from tests.hub.setting import TOKEN, mirror

pytestmark = pytest.mark.usefixtures("tensorflow_is_headrace")


class Model(tf.__internal__.tracking.AutoTrackable):
    """Multiplies by a weight; twice as much in training."""

    def __init__(self) -> None:
        self.w = tf.Variable([[2.0], [3.0]], name="w")
        self.count = tf.Variable(5, trainable=False, name="count")
        self.trainable_variables = [self.w]
        self.variables = [self.w, self.count]

    @tf.function
    def __call__(self, x: Any, training: bool = False, scale: float = 1.0) -> Any:
        return (2.0 if training else 1.0) * scale * (x @ self.w)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(self, x: Any) -> Any:
        return {"y": x @ self.w, "count": self.count + 0}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("model"))
    model = Model()
    for training in (False, True):
        for scale in (1.0, 10.0):
            model.__call__.get_concrete_function(tf.TensorSpec([None, 2], tf.float32), training, scale)
    tf.saved_model.save(model, path, signatures=model.serve)
    return path


X = np.array([[1.0, 1.0], [2.0, 0.0]], np.float32)


def test_load(exported: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_HUB_CACHE", str(tmp_path / "cache"))
    np.testing.assert_array_equal(hub.load(exported)(X), [[5.0], [4.0]])
    files = {path.relative_to(exported).as_posix(): path.read_bytes() for path in Path(exported).rglob("*") if path.is_file()}
    with serving() as server:
        server.contents["/acme/m/1"] = archive(dict(files))
        np.testing.assert_array_equal(hub.load(f"{server.url}/acme/m/1")(X), [[5.0], [4.0]])
    with mirror(tmp_path / "mirror") as url:
        pushed = push(Path(exported), "acme/m", "1", url, TOKEN, tmp_path / "cache")
        monkeypatch.setenv("HEADRACE_HUB_URL", url)
        np.testing.assert_array_equal(hub.load(f"acme/m:1@sha256:{pushed.digest}")(X), [[5.0], [4.0]])
    with pytest.raises(ValueError, match="is no SavedModel"):
        hub.load(str(tmp_path))
    with pytest.raises(ValueError, match="a handle is a text"):
        hub.load(3)  # type: ignore[arg-type]


def test_a_layer_calls_the_model(exported: str) -> None:
    layer = hub.KerasLayer(exported)
    np.testing.assert_array_equal(layer(X), [[5.0], [4.0]])
    np.testing.assert_array_equal(layer(X, training=True), [[5.0], [4.0]], "not trainable: as for inference")
    np.testing.assert_array_equal(hub.KerasLayer(exported, arguments={"scale": 10.0})(X), [[50.0], [40.0]])
    trainable = hub.KerasLayer(exported, trainable=True)
    np.testing.assert_array_equal(trainable(X, training=True), [[10.0], [8.0]])
    assert [each.shape for each in trainable.trainable_weights] == [(2, 1)]
    assert len(trainable.non_trainable_weights) == 1
    assert hub.KerasLayer(exported).trainable_weights == []
    assert hub.KerasLayer(layer.resolved_object).resolved_object is layer.resolved_object


def test_signatures(exported: str) -> None:
    layer = hub.KerasLayer(exported, signature="serving_default", output_key="y")
    np.testing.assert_array_equal(layer(X), [[5.0], [4.0]])
    both = hub.KerasLayer(exported, signature="serving_default", signature_outputs_as_dict=True)({"x": X})
    assert sorted(both) == ["count", "y"]
    for options, mistake in (
        ({"signature": "serving_default"}, "either output_key or signature_outputs_as_dict"),
        ({"signature": "other", "output_key": "y"}, "has no signature 'other'"),
        ({"signature_outputs_as_dict": True}, "of use with a signature only"),
        ({"signature": "serving_default", "output_key": "y", "trainable": True}, "not possible with a signature"),
    ):
        with pytest.raises(ValueError, match=mistake):
            hub.KerasLayer(exported, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no output 'z'"):
        hub.KerasLayer(exported, signature="serving_default", output_key="z")(X)
    with pytest.raises(ValueError, match="not a dict"):
        hub.KerasLayer(exported, output_key="y")(X)


def test_training_changes_the_loaded_variables(exported: str) -> None:
    import headrace.keras as keras

    layer = hub.KerasLayer(exported, trainable=True)
    model = keras.Sequential([keras.Input([2]), layer])
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    before = layer.resolved_object(X).numpy()
    model.fit(X, np.zeros([2, 1], np.float32), epochs=2, verbose=0)
    after = layer.resolved_object(X).numpy()
    assert np.all(np.abs(after) < np.abs(before))
    np.testing.assert_allclose(model.predict(X, verbose=0), after, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # Keras' variables
def test_a_layer_in_a_saved_model_of_keras(exported: str, tmp_path: Path) -> None:
    import headrace.keras as keras

    inputs = keras.Input([2])
    outputs = hub.KerasLayer(exported, arguments={"scale": 10.0}, output_shape=[1])(inputs)
    model = keras.Model(inputs, outputs)
    assert model.output_shape == (None, 1)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(X), [[50.0], [40.0]])
    with pytest.raises(NotImplementedError, match="when its handle is a text"):
        hub.KerasLayer(hub.load(exported)).get_config()
    with pytest.raises(InvalidArgumentError, match="cannot be saved as a configuration"):
        hub.KerasLayer(exported, arguments={"scale": object()}).get_config()


def test_what_else_can_be_called() -> None:
    np.testing.assert_array_equal(hub.KerasLayer(lambda x: x * 2.0)(X), X * 2.0)
    with pytest.raises(ValueError, match="cannot be called"):
        hub.KerasLayer(object())  # type: ignore[arg-type]


def test_losses(exported: str) -> None:
    loaded = hub.load(exported)
    loaded.regularization_losses = [lambda: tf.constant(7.0)]
    assert [float(each) for each in hub.KerasLayer(loaded, trainable=True).losses] == [7.0]
    assert hub.KerasLayer(loaded).losses == []
    loaded.regularization_losses = [3.0]
    with pytest.raises(ValueError, match="callables"):
        hub.KerasLayer(loaded)


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="it has load, resolve and KerasLayer"):
        hub.no_such_name  # noqa: B018


def test_settings_are_read_at_each_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HEADRACE_HUB_OFFLINE", "1")
    with pytest.raises(tf.errors.FailedPreconditionError, match="HEADRACE_HUB_OFFLINE"):
        hub.resolve("https://models.example/acme/m/1")
    assert hub.resolve(str(tmp_path), Settings(tmp_path)) == str(tmp_path)
