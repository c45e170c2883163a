"""A denoising diffusion model of points: a noise schedule, embeddings of time, an average of weights, and sampling backwards."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

STEPS, WIDTH = 20, 32
source = np.random.default_rng(25)
which = source.integers(0, 2, 400)
turn = source.uniform(0, np.pi, 400)
moons = np.stack([np.cos(turn) * (1 - 2 * which) + which, np.sin(turn) * (1 - 2 * which) + 0.5 * which], axis=1)
moons = (moons + 0.05 * source.normal(size=moons.shape)).astype("float32")

betas = tf.linspace(1e-3, 0.25, STEPS)
alphas = 1.0 - betas
kept = tf.math.cumprod(alphas)
print("kept =", [round(float(v), 5) for v in kept[::6]])


class TimeEmbedding(layers.Layer):
    def call(self, time):
        frequencies = tf.exp(tf.linspace(0.0, 3.0, WIDTH // 4))
        angles = tf.cast(time, tf.float32)[:, tf.newaxis] / STEPS * frequencies
        return tf.concat([tf.sin(angles), tf.cos(angles)], axis=1)


def network():
    point, time = keras.Input((2,)), keras.Input((), dtype="int32")
    x = layers.Concatenate()([point, TimeEmbedding()(time)])
    for _ in range(2):
        y = layers.Dense(WIDTH, activation="silu")(x)
        x = y if x.shape[-1] != WIDTH else layers.Add()([x, y])
    return keras.Model([point, time], layers.Dense(2, kernel_initializer="zeros")(x))


model, average = network(), network()
average.set_weights(model.get_weights())
optimizer = keras.optimizers.AdamW(5e-3)


@tf.function
def train_step(points):
    time = tf.random.uniform([tf.shape(points)[0]], 0, STEPS, dtype=tf.int32)
    noise = tf.random.normal(tf.shape(points))
    level = tf.gather(kept, time)[:, tf.newaxis]
    noisy = tf.sqrt(level) * points + tf.sqrt(1.0 - level) * noise
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model([noisy, time], training=True) - noise))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    for slow, fast in zip(average.weights, model.weights):
        slow.assign(0.95 * slow + 0.05 * fast)
    return loss


@tf.function
def sample(points):
    for step in tf.range(STEPS - 1, -1, -1):
        time = tf.fill([tf.shape(points)[0]], step)
        guess = average([points, time])
        beta, alpha = betas[step], alphas[step]
        points = (points - beta / tf.sqrt(1.0 - kept[step]) * guess) / tf.sqrt(alpha)
        if step > 0:
            points += tf.sqrt(beta) * tf.random.normal(tf.shape(points))
    return points


batches = tf.data.Dataset.from_tensor_slices(moons).batch(100)
losses = [float(train_step(points)) for _ in range(5) for points in batches]
print(f"first loss = {losses[0]:.6f}")
print(f"second loss = {losses[1]:.5f}")
print(f"last loss ~ {losses[-1]:.4f}")
points = sample(tf.random.stateless_normal([50, 2], seed=[3, 4]))
print("samples =", tuple(points.shape), bool(tf.reduce_all(tf.math.is_finite(points))))
print("average lags =", bool(np.any(average.get_weights()[0] != model.get_weights()[0])))
