"""Gaussian process regression: Cholesky factors, and the kernel's parameters by gradients of the marginal likelihood."""

import numpy as np
import tensorflow as tf

generator = np.random.default_rng(3)
x = np.sort(generator.uniform(-3, 3, 24))
y = np.sin(2 * x) + 0.1 * generator.normal(size=x.shape)
x, y = tf.constant(x[:, np.newaxis]), tf.constant(y[:, np.newaxis])

log_length = tf.Variable(0.0, dtype=tf.float64)
log_scale = tf.Variable(0.0, dtype=tf.float64)
log_noise = tf.Variable(-1.0, dtype=tf.float64)


def kernel(a, b):
    distance = tf.square(a - tf.transpose(b))
    return tf.exp(2 * log_scale) * tf.exp(-0.5 * distance / tf.exp(2 * log_length))


def factor():
    n = tf.shape(x)[0]
    return tf.linalg.cholesky(kernel(x, x) + tf.exp(2 * log_noise) * tf.eye(n, dtype=tf.float64))


@tf.function
def negative_log_likelihood():
    lower = factor()
    alpha = tf.linalg.cholesky_solve(lower, y)
    fit = 0.5 * tf.reduce_sum(y * alpha)
    size = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(lower)))
    return fit + size + 0.5 * tf.cast(tf.size(y), tf.float64) * np.log(2 * np.pi)


@tf.function
def step(rate):
    with tf.GradientTape() as tape:
        loss = negative_log_likelihood()
    variables = [log_length, log_scale, log_noise]
    for variable, gradient in zip(variables, tape.gradient(loss, variables)):
        variable.assign_sub(rate * tf.clip_by_value(gradient, -5.0, 5.0))
    return loss


losses = [float(step(tf.constant(0.02, tf.float64))) for _ in range(80)]
print(f"first loss = {losses[0]:.6f}")
print(f"last loss = {losses[-1]:.6f}")
print("parameters =", [round(float(tf.exp(v)), 4) for v in (log_length, log_scale, log_noise)])

where = tf.constant([[-1.5], [0.0], [2.2]], tf.float64)
lower = factor()
mean = tf.transpose(kernel(x, where)) @ tf.linalg.cholesky_solve(lower, y)
half = tf.linalg.triangular_solve(lower, kernel(x, where))
variance = tf.linalg.diag_part(kernel(where, where)) - tf.reduce_sum(half**2, axis=0)
print("mean =", [round(float(v), 4) for v in mean[:, 0]])
print("deviation =", [round(float(v), 4) for v in tf.sqrt(variance)])
