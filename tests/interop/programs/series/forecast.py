"""Forecasts of a made-up weather record: windows by timeseries_dataset_from_array; linear, convolutional and recurrent models."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

HISTORY, HORIZON = 24, 1
hours = np.arange(600)
generator = np.random.default_rng(1)
temperature = 10 + 8 * np.sin(hours * 2 * np.pi / 24) + 3 * np.sin(hours * 2 * np.pi / 168) + generator.normal(0, 0.5, 600)
pressure = 1000 + np.cumsum(generator.normal(0, 0.3, 600))
table = np.stack([temperature, pressure, np.sin(hours * np.pi / 12), np.cos(hours * np.pi / 12)], axis=1).astype("float32")
mean, deviation = table[:400].mean(axis=0), table[:400].std(axis=0)
table = (table - mean) / deviation


def windows(first, last):
    part = table[first:last]
    return keras.utils.timeseries_dataset_from_array(
        part[:-HORIZON], part[HISTORY + HORIZON - 1 :, 0], sequence_length=HISTORY, batch_size=64, shuffle=False
    )


train, test = windows(0, 400), windows(400, 600)
x, y = next(iter(train))
print("batch =", x.shape, y.shape)
print("first target =", round(float(y[0]), 6), round(float(table[HISTORY, 0]), 6))
print("last value as forecast =", round(float(tf.reduce_mean(tf.abs(x[:, -1, 0] - y))), 5))

MODELS = {
    "linear": [layers.Flatten(), layers.Dense(1)],
    "convolution": [layers.Conv1D(8, 5, activation="relu", padding="causal"), layers.GlobalAveragePooling1D(), layers.Dense(1)],
    "lstm": [layers.LSTM(8, dropout=0.1, recurrent_dropout=0.1), layers.Dense(1)],
    "gru": [layers.GRU(6, return_sequences=True), layers.GRU(4), layers.Dense(1)],
}
for name, stack in MODELS.items():
    model = keras.Sequential([keras.Input((HISTORY, 4)), *stack])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    print(f"first {name} = {model.evaluate(test, verbose=0)[0]:.6f}")
    history = model.fit(train, epochs=2, validation_data=test, verbose=0)
    print(f"first {name} epoch = {history.history['loss'][0]:.6f}")
    print(f"{name} = {history.history['loss'][-1]:.5f}")
    print(f"{name} forecast ~ {float(model.predict(x[:1], verbose=0)[0, 0]):.4f}")
