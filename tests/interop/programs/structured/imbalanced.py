"""Rare events: class weights, an output bias to begin with, precision, recall and AUC, and early stopping."""

import keras
import numpy as np
from keras import layers

generator = np.random.default_rng(4)
rows = 1200
x = generator.normal(size=(rows, 6)).astype("float32")
score = x[:, 0] * 1.5 - x[:, 1] + 0.5 * x[:, 2] * x[:, 3] + generator.normal(0, 0.5, rows)
y = (score > np.quantile(score, 0.94)).astype("float32")
negative, positive = np.bincount(y.astype(int))
print("counts =", int(negative), int(positive))


def build(output_bias=None):
    bias = None if output_bias is None else keras.initializers.Constant(output_bias)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(12, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid", bias_initializer=bias if bias is not None else "zeros"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-2),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=[
            keras.metrics.BinaryAccuracy(name="binary_accuracy"),
            keras.metrics.Precision(name="precision"),
            keras.metrics.Recall(name="recall"),
            keras.metrics.AUC(name="auc"),
        ],
    )
    return model


plain = build()
start = plain.get_weights()
biased = build(np.log(positive / negative))
biased.set_weights([*start[:3], biased.get_weights()[3]])
for name, model in (("plain", plain), ("biased", biased)):
    print(f"first {name} loss = {model.evaluate(x, y, verbose=0, return_dict=True)['loss']:.6f}")

weights = {0: rows / (2.0 * negative), 1: rows / (2.0 * positive)}
stop = keras.callbacks.EarlyStopping(monitor="val_auc", mode="max", patience=3, restore_best_weights=True, verbose=0)
history = biased.fit(
    x[:900],
    y[:900],
    batch_size=128,
    epochs=12,
    validation_data=(x[900:], y[900:]),
    class_weight=weights,
    callbacks=[stop],
    verbose=0,
)
print(f"first epoch = {history.history['loss'][0]:.6f}")
results = biased.evaluate(x[900:], y[900:], verbose=0, return_dict=True)
print("names =", sorted(results))
print("auc is good =", results["auc"] > 0.85)
print(f"recall ~ {results['recall']:.3f}")
sample = np.where(y == 1, 5.0, 1.0).astype("float32")
print(f"weighted step ~ {biased.train_on_batch(x[:200], y[:200], sample_weight=sample[:200], return_dict=True)['loss']:.5f}")
