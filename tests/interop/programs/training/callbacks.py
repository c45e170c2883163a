"""Callbacks: early stopping, checkpoints, learning-rate schedules, logs to a file, stopping at NaN, and one's own."""

import csv
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import callbacks

generator = np.random.default_rng(6)
x = generator.normal(size=(240, 6)).astype("float32")
y = (x @ generator.normal(size=(6, 1)) > 0).astype("float32")


def build(rate=0.1):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


class Diary(callbacks.Callback):
    """Writes down what happened."""

    def __init__(self):
        super().__init__()
        self.events, self.batches, self.rates = [], 0, []

    def on_train_begin(self, logs=None):
        self.events.append("begin")

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(sorted(logs))
        self.rates.append(round(float(self.model.optimizer.learning_rate), 6))

    def on_train_end(self, logs=None):
        self.events.append("end")


def schedule(epoch, rate):
    return rate if epoch < 2 else rate * 0.5


diary = Diary()
saved = pathlib.Path("best.weights.h5")
history = build().fit(
    x,
    y,
    epochs=5,
    batch_size=60,
    validation_split=0.25,
    verbose=0,
    callbacks=[
        diary,
        callbacks.LearningRateScheduler(schedule),
        callbacks.ModelCheckpoint(str(saved), monitor="val_loss", save_best_only=True, save_weights_only=True),
        callbacks.CSVLogger("log.csv"),
        callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: diary.events.append(f"epoch {epoch}")),
    ],
)
print(f"first epoch = {history.history['loss'][0]:.6f}")
print("events =", diary.events)
print("batches =", diary.batches)
print("rates =", diary.rates)
print("recorded =", [round(rate, 6) for rate in history.history["learning_rate"]])
with open("log.csv") as file:
    rows = list(csv.DictReader(file))
print("log =", len(rows), sorted(rows[0]))
best = build()
best.load_weights(str(saved))
print(f"best = {best.evaluate(x[180:], y[180:], verbose=0)[0]:.5f} {min(history.history['val_loss']):.5f}")

stop = callbacks.EarlyStopping(monitor="loss", min_delta=1.0, patience=2, restore_best_weights=True)
plateau = callbacks.ReduceLROnPlateau(monitor="loss", min_delta=1.0, patience=1, factor=0.1, min_lr=1e-4)
model = build()
history = model.fit(x, y, epochs=20, verbose=0, callbacks=[stop, plateau])
print("stopped after =", len(history.epoch), stop.stopped_epoch)
print(f"rate at the end = {float(model.optimizer.learning_rate):.6f}")

poisoned = y.copy()
poisoned[70, 0] = np.nan  # one unknown label is enough
model = build()
history = model.fit(x, poisoned, epochs=5, batch_size=60, shuffle=False, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
print("epochs until nan =", len(history.epoch), bool(np.isnan(history.history["loss"][-1])))


class Interrupt(callbacks.Callback):
    """Stops the first run after its second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise RuntimeError("power cut")


backup = callbacks.BackupAndRestore("backup")
try:
    build().fit(x, y, epochs=4, verbose=0, callbacks=[backup, Interrupt()])
except RuntimeError as error:
    print("interrupted =", error)
resumed = build()
history = resumed.fit(x, y, epochs=4, verbose=0, callbacks=[callbacks.BackupAndRestore("backup")])
print("resumed at =", history.epoch)
print("backup is gone =", not tf.io.gfile.exists("backup"))
