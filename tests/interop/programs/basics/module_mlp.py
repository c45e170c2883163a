"""A multilayer perceptron out of tf.Module, trained on two spirals with an Adam of its own, exported and loaded again."""

import tempfile

import numpy as np
import tensorflow as tf


def spirals(count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    angle = np.sqrt(generator.uniform(0.05, 1.0, count)) * 2.5 * np.pi
    side = np.arange(count) % 2
    radius = angle * np.where(side == 0, 1.0, -1.0)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) / 8.0
    return (points + generator.normal(0, 0.01, points.shape)).astype(np.float32), side.astype(np.float32)[:, np.newaxis]


class Dense(tf.Module):
    """A layer that makes its weights when it sees the first input."""

    def __init__(self, units: int, activation=None, name=None):
        super().__init__(name=name)
        self.units = units
        self.activation = activation or tf.identity
        self.built = False

    @tf.Module.with_name_scope
    def __call__(self, x):
        if not self.built:
            size = x.shape[-1]
            limit = float(np.sqrt(6.0 / (size + self.units)))
            start = tf.random.stateless_uniform([size, self.units], seed=[size, self.units], minval=-limit, maxval=limit)
            self.w = tf.Variable(start, name="w")
            self.b = tf.Variable(tf.zeros([self.units]), name="b")
            self.built = True
        return self.activation(x @ self.w + self.b)


class Network(tf.Module):
    def __init__(self, widths, name=None):
        super().__init__(name=name)
        self.layers = [Dense(width, tf.nn.tanh) for width in widths]
        self.last = Dense(1)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.last(x)


class Adam(tf.Module):
    def __init__(self, learning_rate=0.02, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        super().__init__()
        self.learning_rate, self.beta_1, self.beta_2, self.epsilon = learning_rate, beta_1, beta_2, epsilon
        self.step = tf.Variable(0.0, trainable=False)
        self.moments = []

    def apply(self, gradients, variables):
        if not self.moments:
            self.moments = [
                (tf.Variable(tf.zeros_like(v), trainable=False), tf.Variable(tf.zeros_like(v), trainable=False)) for v in variables
            ]
        self.step.assign_add(1.0)
        for gradient, variable, (mean, square) in zip(gradients, variables, self.moments):
            mean.assign(self.beta_1 * mean + (1 - self.beta_1) * gradient)
            square.assign(self.beta_2 * square + (1 - self.beta_2) * gradient**2)
            corrected = mean / (1 - self.beta_1**self.step)
            spread = tf.sqrt(square / (1 - self.beta_2**self.step))
            variable.assign_sub(self.learning_rate * corrected / (spread + self.epsilon))


points, sides = spirals(400)
network = Network([16, 16])
optimizer = Adam()
network(points)  # makes the weights


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=network(x)))
    gradients = tape.gradient(loss, network.trainable_variables)
    optimizer.apply(gradients, network.trainable_variables)
    return loss


losses = [float(train_step(points, sides)) for _ in range(120)]
print(f"first loss = {losses[0]:.6f}")
print(f"second loss = {losses[1]:.6f}")
print(f"loss went down = {losses[-1] < 0.5 * losses[0]}")
print("variables =", len(network.variables), len(network.trainable_variables))
print("parameters =", sum(int(np.prod(v.shape)) for v in network.trainable_variables))
print("submodules =", len(network.submodules))

with tempfile.TemporaryDirectory() as folder:
    tf.saved_model.save(network, folder)
    loaded = tf.saved_model.load(folder)
    same = np.allclose(loaded(points[:5]), network(points[:5]), atol=1e-6)
print("loaded answers the same =", bool(same))
