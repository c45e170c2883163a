"""Finding anomalies: a convolutional autoencoder of normal series, and a threshold on how badly it restores them."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Sequential, layers, optimizers

STEPS = 32
generator = np.random.default_rng(8)
phase = generator.uniform(0, 2 * np.pi, (160, 1))
normal = (np.sin(np.arange(STEPS) * 0.4 + phase) + 0.05 * generator.normal(size=(160, STEPS))).astype("float32")
odd = normal[:20].copy()
odd[:, 10:14] += 2.0

model = Sequential(
    [
        layers.Input((STEPS, 1)),
        layers.Conv1D(16, 7, strides=2, padding="same", activation="relu"),
        layers.Dropout(0.1),
        layers.Conv1D(8, 7, strides=2, padding="same", activation="relu"),
        layers.Conv1DTranspose(8, 7, strides=2, padding="same", activation="relu"),
        layers.UpSampling1D(2),
        layers.Conv1D(1, 7, padding="same"),
    ]
)
model.compile(optimizers.Adam(0.01), "mse")
train = normal[20:, :, np.newaxis]
print("shapes =", [tuple(layer.output.shape) for layer in model.layers])
print(f"first loss = {model.evaluate(train, train, verbose=0):.6f}")
history = model.fit(train, train, batch_size=35, epochs=12, validation_split=0.25, verbose=0).history
print(f"first epoch = {history['loss'][0]:.6f}")
print(f"last epoch = {history['loss'][-1]:.5f}")


def errors(series):
    restored = model.predict(series[..., np.newaxis], verbose=0)[..., 0]
    return np.mean(np.abs(restored - series), axis=1)


threshold = float(np.max(errors(normal[20:])))
print(f"threshold ~ {threshold:.4f}")
print("found =", int(np.sum(errors(odd) > threshold)) >= 18, int(np.sum(errors(normal[:20]) > 1.2 * threshold)) <= 2)
moving = tf.nn.conv1d(normal[:2, :, np.newaxis], tf.ones([5, 1, 1]) / 5.0, stride=1, padding="VALID")
print("moving average =", [round(float(v), 5) for v in moving[0, :4, 0]])
