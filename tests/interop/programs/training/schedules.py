"""Every optimizer takes three steps from the same start; learning-rate schedules; clipping, decay and averaging of weights."""

import keras
import numpy as np

x = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
y = np.sin(2 * x).sum(axis=1, keepdims=True).astype("float32")

OPTIMIZERS = {
    "sgd": keras.optimizers.SGD(0.1, momentum=0.5),
    "rmsprop": keras.optimizers.RMSprop(0.01, centered=True),
    "adam": keras.optimizers.Adam(0.01, amsgrad=True),
    "adamw": keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "adadelta": keras.optimizers.Adadelta(1.0),
    "adagrad": keras.optimizers.Adagrad(0.1),
    "adamax": keras.optimizers.Adamax(0.01),
    "nadam": keras.optimizers.Nadam(0.01),
    "ftrl": keras.optimizers.Ftrl(0.1, l1_regularization_strength=0.01),
    "lion": keras.optimizers.Lion(0.01),
    "adafactor": keras.optimizers.Adafactor(0.01),
    "lamb": keras.optimizers.Lamb(0.01),
}


def build():
    start = keras.initializers.RandomUniform(-0.5, 0.5, seed=5)
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, activation="tanh", kernel_initializer=start),
            keras.layers.Dense(1, kernel_initializer=start),
        ]
    )


for name, optimizer in OPTIMIZERS.items():
    model = build()
    model.compile(optimizer=optimizer, loss="mse")
    losses = [float(model.train_on_batch(x, y)) for _ in range(4)]
    print(f"first {name} = {losses[0]:.6f}")
    print(f"{name} = {losses[3]:.6f}")

schedules = keras.optimizers.schedules
SCHEDULES = {
    "exponential": schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
    "cosine": schedules.CosineDecay(0.0, 20, alpha=0.1, warmup_target=0.1, warmup_steps=5),
    "restarts": schedules.CosineDecayRestarts(0.1, 5),
    "polynomial": schedules.PolynomialDecay(0.1, 20, 0.01, power=2.0),
    "inverse": schedules.InverseTimeDecay(0.1, 5, 0.5),
    "piecewise": schedules.PiecewiseConstantDecay([5, 15], [0.1, 0.05, 0.01]),
}
for name, schedule in SCHEDULES.items():
    print(f"{name} rates =", [round(float(schedule(step)), 6) for step in (0, 3, 7, 16, 25)])

model = build()
optimizer = keras.optimizers.SGD(SCHEDULES["cosine"], clipnorm=0.5, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3)
model.compile(optimizer=optimizer, loss="mse")
history = model.fit(x, y, batch_size=4, epochs=5, verbose=0, shuffle=False)
print(f"first averaged = {history.history['loss'][0]:.6f}")
print(f"last averaged = {history.history['loss'][-1]:.6f}")
print("iterations =", int(optimizer.iterations), round(float(optimizer.learning_rate), 6))
print("slots =", len(optimizer.variables))
