"""Saving and loading: .keras and .h5 files, weights only, configurations, JSON, checkpoints, and objects of one's own."""

import pathlib

import numpy as np
import tensorflow as tf
from tensorflow import keras

x = np.random.default_rng(27).normal(size=(64, 5)).astype("float32")
y = np.tanh(x[:, :1] - x[:, 1:2])


@keras.utils.register_keras_serializable(package="programs", name="Scaled")
class Scaled(keras.layers.Layer):
    def __init__(self, factor=1.0, **options):
        super().__init__(**options)
        self.factor = factor

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")

    def call(self, inputs):
        return inputs * self.gain * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.utils.register_keras_serializable(package="programs")
def bump(value):
    return tf.exp(-tf.square(value))


def build():
    inputs = keras.Input((5,), name="features")
    x = keras.layers.Dense(8, activation=bump, name="hidden")(inputs)
    x = Scaled(0.5, name="scaled")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(x), name="saved")
    model.compile(
        keras.optimizers.Adam(0.05), keras.losses.MeanSquaredError(), metrics=[keras.metrics.MeanAbsoluteError(name="mae")]
    )
    return model


model = build()
print(f"first loss = {model.evaluate(x, y, verbose=0)[0]:.6f}")
model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0)
wanted = model.predict(x, verbose=0)
print(f"trained = {model.evaluate(x, y, verbose=0)[0]:.5f}")


def same(other):
    return bool(np.allclose(other.predict(x, verbose=0), wanted, atol=1e-5))


for name in ("model.keras", "model.h5"):
    model.save(name)
    loaded = keras.models.load_model(name)
    print(name, "=", same(loaded), loaded.optimizer.iterations.numpy() == model.optimizer.iterations.numpy(), loaded.name)

one, two = (float(m.train_on_batch(x[:16], y[:16])[0]) for m in (model, keras.models.load_model("model.keras")))
print("goes on equally =", abs(one - two) < 1e-6, f"{one:.4f}")
model = keras.models.load_model("model.keras")

model.save_weights("only.weights.h5")
fresh = build()
fresh.load_weights("only.weights.h5")
print("only weights =", same(fresh))
config = model.get_config()
again = keras.Model.from_config(config)
again.set_weights(model.get_weights())
print("config =", same(again), [type(layer).__name__ for layer in again.layers])
text = keras.models.model_from_json(model.to_json())
text.set_weights(model.get_weights())
print("json =", same(text))
print("clone =", keras.models.clone_model(model).count_params() == model.count_params())

checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
path = checkpoint.save("training/ckpt")
other = build()
other.optimizer.build(other.trainable_variables)
tf.train.Checkpoint(model=other, optimizer=other.optimizer).restore(path).assert_existing_objects_matched()
print("checkpoint =", same(other), int(other.optimizer.iterations))
names = sorted(name.split("/.ATTRIBUTES")[0] for name, _ in tf.train.list_variables(path))
print("variables in it =", len(names), "save_counter" in names)
try:
    keras.models.load_model("nowhere.keras")
except ValueError as error:
    print("missing =", type(error).__name__)
print("files =", sorted(p.name for p in pathlib.Path().glob("*.*5")) + sorted(p.name for p in pathlib.Path().glob("*.keras")))
sizes = {layer.name: layer.count_params() for layer in model.layers}
print("sizes =", sizes)
