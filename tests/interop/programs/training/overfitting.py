"""Too large a model for too little data: weight decay, dropout, batch and layer normalization, noise and constraints."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Sequential, constraints, layers, regularizers

generator = np.random.default_rng(41)
x = generator.normal(size=(160, 16)).astype("float32")
y = (x[:, 0] + 0.5 * generator.normal(size=160) > 0).astype("float32")

MODELS = {
    "plain": [layers.Dense(32, activation="elu"), layers.Dense(32, activation="elu")],
    "l2": [layers.Dense(32, activation="elu", kernel_regularizer=regularizers.L2(0.01)) for _ in range(2)],
    "l1l2": [layers.Dense(32, activation="elu", kernel_regularizer=regularizers.L1L2(1e-3, 1e-3), bias_regularizer="l2")],
    "dropout": [layers.Dense(32, activation="elu"), layers.Dropout(0.5), layers.Dense(32, activation="elu"), layers.Dropout(0.3)],
    "batchnorm": [layers.Dense(32, use_bias=False), layers.BatchNormalization(momentum=0.9), layers.ReLU()],
    "layernorm": [layers.Dense(32), layers.LayerNormalization(), layers.LeakyReLU(negative_slope=0.2)],
    "groupnorm": [layers.Dense(32), layers.GroupNormalization(groups=4), layers.PReLU()],
    "noise": [
        layers.GaussianNoise(0.2),
        layers.Dense(32, activation="selu"),
        layers.AlphaDropout(0.1),
        layers.GaussianDropout(0.1),
    ],
    "constraint": [layers.Dense(32, activation="swish", kernel_constraint=constraints.MaxNorm(1.0)), layers.UnitNormalization()],
    "spectral": [layers.SpectralNormalization(layers.Dense(32, activation="softplus"), power_iterations=1)],
}
for name, hidden in MODELS.items():
    model = Sequential([layers.Input((16,)), *hidden, layers.Dense(1)], name=name)
    model.compile("adam", tf.keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    first = model.evaluate(x[120:], y[120:], verbose=0)[0]
    history = model.fit(x[:120], y[:120], batch_size=40, epochs=3, validation_data=(x[120:], y[120:]), verbose=0).history
    print(f"first {name} = {first:.6f}")
    print(f"{name} = {history['loss'][-1]:.5f} {history['val_loss'][-1]:.5f}")
    print(f"{name} losses =", len(model.losses), model.count_params())
