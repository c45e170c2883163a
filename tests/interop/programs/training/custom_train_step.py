"""Models with a train_step of their own under fit: one with a penalty on its gradients, one without a compiled loss."""

import keras
import numpy as np
import tensorflow as tf


class SmoothModel(keras.Model):
    """Adds the squared gradient of its output by its input to the loss."""

    def __init__(self, *args, smoothness=0.1, **options):
        super().__init__(*args, **options)
        self.smoothness = smoothness
        self.penalty = keras.metrics.Mean(name="penalty")

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            with tf.GradientTape() as inner:
                inner.watch(x)
                prediction = self(x, training=True)
            slope = inner.gradient(prediction, x)
            penalty = tf.reduce_mean(tf.square(slope))
            loss = self.compute_loss(y=y, y_pred=prediction) + self.smoothness * penalty
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables))
        self.penalty.update_state(penalty)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            elif metric.name != "penalty":
                metric.update_state(y, prediction)
        return {metric.name: metric.result() for metric in self.metrics}


class ByHand(keras.Model):
    """Has everything itself: the loss, the metrics and when they are reset."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.error = keras.metrics.MeanAbsoluteError(name="mae")

    @property
    def metrics(self):
        return [self.loss_tracker, self.error]

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            prediction = self(x, training=True)
            loss = tf.reduce_mean(keras.losses.mean_squared_error(y, prediction))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.loss_tracker.update_state(loss)
        self.error.update_state(y, prediction)
        return {"loss": self.loss_tracker.result(), "mae": self.error.result()}

    def test_step(self, data):
        x, y = data
        self.error.update_state(y, self(x, training=False))
        return {"mae": self.error.result()}


x = np.random.default_rng(1).uniform(-2, 2, (256, 2)).astype("float32")
y = np.sin(3 * x[:, :1]) * x[:, 1:]


def body(kind, **options):
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(24, activation="tanh")(inputs)
    return kind(inputs, keras.layers.Dense(1)(hidden), **options)


smooth = body(SmoothModel, smoothness=0.05)
smooth.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse", metrics=["mae"])
history = smooth.fit(x, y, batch_size=64, epochs=4, verbose=0).history
print("keys =", sorted(history))
print(f"first loss = {history['loss'][0]:.6f}")
print(f"first penalty = {history['penalty'][0]:.6f}")
print(f"last loss = {history['loss'][-1]:.5f}")

hand = body(ByHand)
hand.compile(optimizer=keras.optimizers.Nadam(0.02))
print(f"first mae = {hand.evaluate(x, y, verbose=0, return_dict=True)['mae']:.6f}")
history = hand.fit(x, y, batch_size=64, epochs=4, validation_data=(x, y), verbose=0).history
print("keys by hand =", sorted(history))
print(f"first loss by hand = {history['loss'][0]:.6f}")
print(f"last loss by hand = {history['loss'][-1]:.5f}")
print("went down =", history["loss"][-1] < history["loss"][0])
