"""A generative adversarial network: two optimizers, two tapes, noise from tf.random.normal inside a compiled step."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Sequential, layers, losses, optimizers

SIDE, NOISE, BATCH = 16, 12, 32
source = np.random.default_rng(23)
real = np.full((192, SIDE, SIDE, 1), -1.0, "float32")
for image, corner in zip(real, source.integers(2, 8, (192, 2))):
    image[corner[0] : corner[0] + 6, corner[1] : corner[1] + 6] = 1.0
dataset = tf.data.Dataset.from_tensor_slices(real).shuffle(192).batch(BATCH)


def make_generator():
    return Sequential(
        [
            layers.Input((NOISE,)),
            layers.Dense(4 * 4 * 16, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((4, 4, 16)),
            layers.Conv2DTranspose(8, 5, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(1, 5, strides=2, padding="same", use_bias=False, activation="tanh"),
        ]
    )


def make_discriminator():
    return Sequential(
        [
            layers.Input((SIDE, SIDE, 1)),
            layers.Conv2D(8, 5, strides=2, padding="same"),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Conv2D(16, 5, strides=2, padding="same"),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


generator, discriminator = make_generator(), make_discriminator()
cross_entropy = losses.BinaryCrossentropy(from_logits=True)
generator_optimizer, discriminator_optimizer = optimizers.Adam(1e-3), optimizers.Adam(1e-3)
checkpoint = tf.train.Checkpoint(
    generator_optimizer=generator_optimizer,
    discriminator_optimizer=discriminator_optimizer,
    generator=generator,
    discriminator=discriminator,
)


@tf.function
def train_step(images):
    noise = tf.random.normal([BATCH, NOISE])
    with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
        fake = generator(noise, training=True)
        real_output, fake_output = discriminator(images, training=True), discriminator(fake, training=True)
        generator_loss = cross_entropy(tf.ones_like(fake_output), fake_output)
        discriminator_loss = cross_entropy(tf.ones_like(real_output), real_output) + cross_entropy(
            tf.zeros_like(fake_output), fake_output
        )
    of_generator = generator_tape.gradient(generator_loss, generator.trainable_variables)
    of_discriminator = discriminator_tape.gradient(discriminator_loss, discriminator.trainable_variables)
    generator_optimizer.apply_gradients(zip(of_generator, generator.trainable_variables))
    discriminator_optimizer.apply_gradients(zip(of_discriminator, discriminator.trainable_variables))
    return generator_loss, discriminator_loss


seed = tf.random.normal([4, NOISE])
print(f"first noise = {[round(float(v), 5) for v in seed[0, :3]]}")
print(f"first opinion = {float(discriminator(generator(seed))[0, 0]):.6f}")
steps = []
for _epoch in range(3):
    for images in dataset:
        steps.append([float(loss) for loss in train_step(images)])
print(f"first losses = {steps[0][0]:.5f} {steps[0][1]:.5f}")
print(f"second losses ~ {steps[1][0]:.4f} {steps[1][1]:.4f}")
print("steps =", len(steps), int(generator_optimizer.iterations))
path = checkpoint.save("checkpoints/gan")
pictures = generator(seed, training=False)
generator.set_weights([np.zeros_like(w) for w in generator.get_weights()])
checkpoint.restore(path)
print("restored =", bool(np.allclose(generator(seed, training=False), pictures)))
print("pictures =", tuple(pictures.shape), bool(tf.reduce_all(tf.abs(pictures) <= 1.0)))
