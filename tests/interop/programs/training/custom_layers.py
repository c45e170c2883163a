"""Layers of one's own: weights made in build, losses and metrics from inside, state without gradients, and their configuration."""

import numpy as np
import tensorflow as tf
from tensorflow import keras


class Linear(keras.layers.Layer):
    def __init__(self, units=8, **options):
        super().__init__(**options)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, inputs):
        return tf.matmul(inputs, self.w) + self.b

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class RunningMean(keras.layers.Layer):
    """Takes the mean of everything that it has seen off its input."""

    def build(self, input_shape):
        self.total = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="total")
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, inputs, training=False):
        if training:
            self.total.assign_add(tf.reduce_sum(inputs, axis=0))
            self.count.assign_add(tf.cast(tf.shape(inputs)[0], tf.float32))
        return inputs - self.total / tf.maximum(self.count, 1.0)


class Activity(keras.layers.Layer):
    """Passes its input on and asks for it to be small."""

    def __init__(self, rate=1e-2, **options):
        super().__init__(**options)
        self.rate = rate

    def call(self, inputs):
        self.add_loss(self.rate * tf.reduce_mean(tf.square(inputs)))
        return inputs


class Block(keras.layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.steps = [RunningMean(), Linear(16), Activity(0.1), Linear(1)]

    def call(self, inputs, training=False):
        centre, hidden, activity, last = self.steps
        return last(tf.nn.relu(activity(hidden(centre(inputs, training=training)))))


x = np.random.default_rng(0).normal(2.0, 1.0, (96, 5)).astype("float32")
y = np.sum(x[:, :2], axis=1, keepdims=True)
block = Block()
print("before =", len(block.weights))
first = block(x[:8])
print("after =", len(block.weights), len(block.trainable_weights), len(block.non_trainable_weights))
print(f"first loss = {float(tf.reduce_mean(tf.square(first - y[:8]))):.6f}")
print(f"first activity = {float(sum(block.losses)):.6f}")

model = keras.Sequential([keras.Input((5,)), block])
model.compile(optimizer=keras.optimizers.SGD(0.02), loss="mse")
history = model.fit(x, y, batch_size=32, epochs=5, verbose=0)
print(f"first epoch = {history.history['loss'][0]:.6f}")
print(f"last epoch = {history.history['loss'][-1]:.6f}")
print(f"seen = {float(block.steps[0].count)}")
config = Linear(3, name="three").get_config()
again = Linear.from_config(config)
print("config =", config["name"], config["units"], again.units, again.name)
print("names =", [w.name for w in block.trainable_weights])
frozen = block.steps[1]
frozen.trainable = False
print("frozen =", len(block.trainable_weights), len(block.weights))
