"""A sweep over hyperparameters: a model a combination, compared by what it does on held-out data after as many steps."""

import itertools

import keras
import numpy as np

generator = np.random.default_rng(31)
x = generator.normal(size=(300, 5)).astype("float32")
y = np.where(x[:, 0] * x[:, 1] > 0, 1.0, 0.0).astype("float32")
GRID = {"units": [4, 16], "activation": ["relu", "tanh"], "rate": [0.03]}


def build(units, activation, rate):
    model = keras.Sequential(
        [
            keras.layers.Input((5,)),
            keras.layers.Dense(units, activation=activation),
            keras.layers.Dense(units, activation=activation, kernel_regularizer=keras.regularizers.l2(1e-4)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"], steps_per_execution=2)
    return model


results = []
for values in itertools.product(*GRID.values()):
    trial = dict(zip(GRID, values))
    keras.utils.set_random_seed(1)
    model = build(**trial)
    name = " ".join(str(v) for v in values[:2])
    print(f"first {name} = {model.evaluate(x, y, verbose=0)[0]:.6f}")
    history = model.fit(x[:200], y[:200], validation_data=(x[200:], y[200:]), epochs=6, batch_size=50, verbose=0)
    results.append((history.history["val_loss"][-1], name))
    print(f"{name} epoch = {history.history['loss'][0]:.6f}")
    print(f"{name} held out ~ {history.history['val_loss'][-1]:.4f}")
print("wide is better =", "16" in min(results)[1])
print("trials =", len(results))
