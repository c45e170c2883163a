"""Regression of fuel consumption from made-up cars: a Normalization layer, a linear and a deep model, fit and evaluate."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

generator = np.random.default_rng(0)
cars = 320
weight = generator.uniform(700, 2300, cars)
power = weight * generator.uniform(0.04, 0.09, cars)
year = generator.integers(70, 83, cars)
origin = generator.integers(0, 3, cars)
economy = 52 - 0.012 * weight - 0.03 * power + 0.5 * (year - 76) + 1.5 * (origin == 2) + generator.normal(0, 0.8, cars)
features = np.stack([weight, power, year, *(origin == i for i in range(3))], axis=1).astype("float32")
labels = economy.astype("float32")
train_x, test_x = features[:256], features[256:]
train_y, test_y = labels[:256], labels[256:]

normalizer = layers.Normalization(axis=-1)
normalizer.adapt(train_x)
print("mean =", [round(float(v), 3) for v in np.ravel(normalizer.mean)])


def build(hidden):
    model = keras.Sequential([normalizer, *(layers.Dense(units, activation="relu") for units in hidden), layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mean_absolute_error", metrics=["mse"])
    return model


for name, hidden in (("linear", []), ("deep", [16, 16])):
    model = build(hidden)
    first, _ = model.evaluate(train_x, train_y, verbose=0)
    history = model.fit(train_x, train_y, batch_size=64, epochs=8, validation_split=0.2, verbose=0)
    print(f"first {name} loss = {first:.6f}")
    print(f"first {name} epoch = {history.history['loss'][0]:.6f}")
    print(f"{name} keys =", sorted(history.history))
    print(f"{name} test ~ {model.evaluate(test_x, test_y, verbose=0)[0]:.5f}")
    print(f"{name} shape =", model.predict(test_x[:5], verbose=0).shape, model.count_params())
print("tensors =", tf.is_tensor(model(test_x[:2])))
