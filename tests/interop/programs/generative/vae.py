"""A variational autoencoder with its own train_step: a sampling layer with Keras' seeds, the reconstruction and the divergence."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

SIDE, LATENT = 14, 2
generator = np.random.default_rng(22)
rows, columns = np.mgrid[:SIDE, :SIDE]
centres = generator.uniform(3, SIDE - 3, (200, 2))
images = np.exp(-((rows - centres[:, :1, None]) ** 2 + (columns - centres[:, 1:, None]) ** 2) / 6.0).astype("float32")[..., None]


class Sampling(layers.Layer):
    """A point of the latent space near its mean."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_var = inputs
        noise = keras.random.normal(shape=ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise


inputs = keras.Input((SIDE, SIDE, 1))
x = layers.Conv2D(8, 3, activation="relu", strides=2, padding="same")(inputs)
x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
z_mean, z_log_var = layers.Dense(LATENT, name="z_mean")(x), layers.Dense(LATENT, name="z_log_var")(x)
encoder = keras.Model(inputs, [z_mean, z_log_var, Sampling()([z_mean, z_log_var])], name="encoder")

latent = keras.Input((LATENT,))
x = layers.Reshape((7, 7, 4))(layers.Dense(7 * 7 * 4, activation="relu")(latent))
x = layers.Conv2DTranspose(8, 3, activation="relu", strides=2, padding="same")(x)
decoder = keras.Model(latent, layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x), name="decoder")


class VAE(keras.Model):
    def __init__(self, encoder, decoder, **options):
        super().__init__(**options)
        self.encoder, self.decoder = encoder, decoder
        self.trackers = [keras.metrics.Mean(name=name) for name in ("loss", "reconstruction", "divergence")]

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, data):
        data, *_ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            mean, log_var, z = self.encoder(data)
            restored = self.decoder(z)
            reconstruction = ops.mean(ops.sum(keras.losses.binary_crossentropy(data, restored), axis=(1, 2)))
            divergence = ops.mean(ops.sum(-0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var)), axis=1))
            loss = reconstruction + divergence
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
        for tracker, value in zip(self.trackers, (loss, reconstruction, divergence)):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}


vae = VAE(encoder, decoder)
vae.compile(optimizer=keras.optimizers.Adam(3e-3))
one = vae.train_on_batch(images[:50], return_dict=True)
for name in sorted(one):
    print(f"first {name} = {float(one[name]):.6f}")
history = vae.fit(images, epochs=3, batch_size=50, verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print(f"last epoch = {history['loss'][-1]:.4f}")
grid = np.stack([np.linspace(-1, 1, 5), np.zeros(5)], axis=1)
print("decoded =", decoder.predict(grid, verbose=0).shape, len(encoder.predict(images[:3], verbose=0)))
print("trainable =", len(vae.trainable_weights))
