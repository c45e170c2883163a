"""A subclassed model: state of its own, lists and dictionaries of layers, building, saving as .keras, and continuing to train."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("programs")
class Experts(keras.Model):
    """A mixture of small networks, weighed by a gate."""

    def __init__(self, experts=3, units=6, temperature=1.0, **options):
        super().__init__(**options)
        self.count, self.units, self.temperature = experts, units, temperature
        self.experts = [layers.Dense(units, activation="relu", name=f"expert_{i}") for i in range(experts)]
        self.heads = {"gate": layers.Dense(experts, name="gate"), "out": layers.Dense(1, name="out")}
        self.usage = self.add_weight(shape=(experts,), initializer="zeros", trainable=False, name="usage")

    def build(self, input_shape):
        for layer in (*self.experts, self.heads["gate"]):
            layer.build(input_shape)
        self.heads["out"].build((*input_shape[:-1], self.units))

    def call(self, inputs, training=False):
        weights = ops.softmax(self.heads["gate"](inputs) / self.temperature)
        answers = ops.stack([expert(inputs) for expert in self.experts], axis=1)
        if training:
            self.usage.assign(0.9 * self.usage + 0.1 * ops.mean(weights, axis=0))
        return self.heads["out"](ops.sum(answers * weights[..., None], axis=1))

    def get_config(self):
        return {**super().get_config(), "experts": self.count, "units": self.units, "temperature": self.temperature}


x = np.random.default_rng(29).uniform(-1, 1, (120, 3)).astype("float32")
y = np.where(x[:, :1] > 0, x[:, 1:2], -x[:, 2:])
model = Experts(temperature=0.5, name="mixture")
model.build((None, 3))
model.compile(keras.optimizers.Adam(0.02), "mse")
print("weights =", len(model.weights), len(model.trainable_weights), model.count_params())
print(f"first loss = {model.evaluate(x, y, verbose=0):.6f}")
history = model.fit(x, y, batch_size=30, epochs=4, shuffle=False, verbose=0).history
print(f"first epoch = {history['loss'][0]:.6f}")
print(f"last epoch = {history['loss'][-1]:.6f}")
print("usage =", [round(float(v), 4) for v in model.usage.numpy()])

model.save("experts.keras")
loaded = keras.saving.load_model("experts.keras")
print("loaded =", type(loaded).__name__, loaded.temperature, loaded.name)
print("same =", bool(np.allclose(loaded(x), model(x), atol=1e-6)), bool(np.allclose(loaded.usage.numpy(), model.usage.numpy())))
ours = model.fit(x, y, batch_size=30, epochs=1, shuffle=False, verbose=0).history["loss"][0]
theirs = loaded.fit(x, y, batch_size=30, epochs=1, shuffle=False, verbose=0).history["loss"][0]
print("goes on equally =", abs(ours - theirs) < 1e-5)
model.summary(print_fn=lambda line, **_: None)
names = [weight.path.split("/", 1)[1] for weight in model.weights]
print("paths =", names)
for layer in model.experts:
    layer.trainable = False
print("frozen =", len(model.trainable_weights))
