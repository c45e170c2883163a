"""A TensorFlow program as tutorials have it: trains a line, saves it, and prints what came out."""

import argparse
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow import nn
from tensorflow.math import reduce_mean

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=20)
steps = parser.parse_args().steps


class Line(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable(tf.ones([2, 1]))
        self.b = tf.Variable(0.0)

    @tf.function
    def __call__(self, x):
        return nn.bias_add(tf.matmul(x, self.w), self.b[tf.newaxis])


x = tf.constant(np.arange(8, dtype=np.float32).reshape(4, 2) / 8.0)
y = tf.constant([[1.0], [2.0], [3.0], [4.0]])
line = Line()


@tf.function
def step() -> tf.Tensor:
    with tf.GradientTape() as tape:
        loss = reduce_mean((line(x) - y) ** 2)
    gradients = tape.gradient(loss, line.trainable_variables)
    for variable, gradient in zip(line.trainable_variables, gradients, strict=True):
        variable.assign_sub(0.1 * gradient)
    return loss


@tf.function
def doublings(x):
    count = 0
    while tf.reduce_sum(x) < 100.0:
        if tf.reduce_any(tf.math.is_nan(x)):
            break
        x, count = x * 2.0, count + 1
    return count


losses = [float(step()) for _ in range(steps)]
with tempfile.TemporaryDirectory() as folder:
    checkpoint = tf.train.Checkpoint(line=line)
    path = checkpoint.save(folder + "/line")
    line.b.assign(100.0)
    checkpoint.restore(path).assert_consumed()
print("version =", tf.__version__, tf.__name__)
print(f"first loss = {losses[0]:.6f}")
print(f"last loss = {losses[-1]:.5f}")
print(f"bias = {float(line.b):.5f}")
print("doublings =", int(doublings(x)))
