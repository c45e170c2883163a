"""A normalizing flow: coupling layers that can be inverted exactly, and the likelihood as the loss."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

source = np.random.default_rng(26)
base = source.normal(size=(300, 2))
data = np.stack([base[:, 0], 0.5 * base[:, 0] ** 2 + 0.3 * base[:, 1]], axis=1).astype("float32")
normalize = keras.layers.Normalization()
normalize.adapt(data)
points = normalize(data)


def coupling():
    inputs = keras.layers.Input((2,))
    outputs = []
    for activation in ("tanh", "linear"):
        x = keras.layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.l2(1e-3))(inputs)
        outputs.append(keras.layers.Dense(2, activation=activation)(x))
    return keras.Model(inputs, outputs)


class RealNVP(keras.Model):
    def __init__(self, layers):
        super().__init__()
        self.masks = tf.constant([[0.0, 1.0], [1.0, 0.0]] * (layers // 2))
        self.couplings = [coupling() for _ in range(layers)]
        self.tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, x, forward=False):
        log_det = tf.zeros([tf.shape(x)[0]])
        order = range(len(self.couplings)) if forward else reversed(range(len(self.couplings)))
        for i in order:
            mask = self.masks[i]
            held = x * mask
            scale, shift = self.couplings[i](held)
            scale, shift = scale * (1.0 - mask), shift * (1.0 - mask)
            if forward:
                x = held + (1.0 - mask) * (x * tf.exp(scale) + shift)
            else:
                x = held + (1.0 - mask) * (x - shift) * tf.exp(-scale)
                log_det -= tf.reduce_sum(scale, axis=1)
        return x, log_det

    def log_loss(self, x):
        y, log_det = self(x)
        likelihood = -0.5 * tf.reduce_sum(y**2, axis=1) - np.log(2 * np.pi) + log_det
        return -tf.reduce_mean(likelihood)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self.log_loss(data)
            whole = loss + tf.add_n(self.losses)
        gradients = tape.gradient(whole, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}

    def test_step(self, data):
        self.tracker.update_state(self.log_loss(data))
        return {"loss": self.tracker.result()}


model = RealNVP(4)
model.compile(optimizer=keras.optimizers.Adam(5e-3))
print(f"first loss = {model.evaluate(points, verbose=0, return_dict=True)['loss']:.6f}")
history = model.fit(points, batch_size=100, epochs=5, verbose=0).history
print(f"first epoch = {history['loss'][0]:.6f}")
print(f"last epoch = {history['loss'][-1]:.5f}")
z, log_det = model(points[:20])
back, _ = model(z, forward=True)
print("inverted =", bool(np.allclose(back, points[:20], atol=1e-4)))
print("volume =", [round(float(v), 4) for v in log_det[:2]])
print("parameters =", model.count_params(), len(model.losses))
