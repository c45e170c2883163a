"""Autoencoders on Fashion-MNIST: a dense one as a subclassed model, and a convolutional one that takes noise away."""

import os
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow.keras import Model, Sequential, layers, losses

HERE = pathlib.Path(__file__).resolve()
FOLDER = pathlib.Path(os.environ.get("FASHION_MNIST_DIR", HERE.parents[4] / "examples" / "fashion_mnist"))
FEATURES = {"image": tf.io.FixedLenFeature([], tf.string)}
file = str(sorted(FOLDER.glob("test-*.tfrecord.gz"))[0])
records = next(iter(tf.data.TFRecordDataset(file, compression_type="GZIP").batch(400)))
images = tf.io.decode_raw(tf.io.parse_example(records, FEATURES)["image"], tf.uint8)
images = (tf.cast(images, tf.float32) / 255.0).numpy().reshape(-1, 28, 28)
train, test = images[:320], images[320:]


class Autoencoder(Model):
    def __init__(self, size, shape):
        super().__init__()
        self.encoder = Sequential([layers.Flatten(), layers.Dense(size, activation="relu")])
        self.decoder = Sequential([layers.Dense(int(np.prod(shape)), activation="sigmoid"), layers.Reshape(shape)])

    def call(self, x):
        return self.decoder(self.encoder(x))


model = Autoencoder(32, (28, 28))
model.compile(optimizer="adam", loss=losses.MeanSquaredError())
print(f"first loss = {model.evaluate(test, test, verbose=0):.6f}")
history = model.fit(train, train, epochs=4, batch_size=32, validation_data=(test, test), verbose=0).history
print(f"first epoch = {history['loss'][0]:.6f}")
print(f"last epoch = {history['val_loss'][-1]:.5f}")
code = model.encoder(test[:4])
print("code =", tuple(code.shape), tuple(model.decoder(code).shape))

noisy = np.clip(train + 0.3 * np.random.default_rng(0).normal(size=train.shape), 0, 1).astype("float32")[..., np.newaxis]


class Denoiser(Model):
    def __init__(self):
        super().__init__()
        self.encoder = Sequential(
            [
                layers.Conv2D(8, 3, activation="relu", padding="same", strides=2),
                layers.Conv2D(4, 3, activation="relu", padding="same", strides=2),
            ]
        )
        self.decoder = Sequential(
            [
                layers.Conv2DTranspose(4, 3, strides=2, activation="relu", padding="same"),
                layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same"),
                layers.Conv2D(1, 3, activation="sigmoid", padding="same"),
            ]
        )

    def call(self, x):
        return self.decoder(self.encoder(x))


denoiser = Denoiser()
denoiser.compile(optimizer="adam", loss="mse")
clean = train[..., np.newaxis]
print(f"first denoising loss = {denoiser.evaluate(noisy, clean, verbose=0):.6f}")
history = denoiser.fit(noisy, clean, epochs=2, batch_size=40, verbose=0).history
print(f"denoising = {history['loss'][-1]:.5f}")
print("shapes =", tuple(denoiser.encoder(noisy[:2]).shape), tuple(denoiser(noisy[:2]).shape))
print("weights =", len(denoiser.weights), denoiser.count_params())
