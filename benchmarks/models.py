"""Models on public `tf.*` names alone, for Headrace and real TensorFlow alike: pass the framework as `tf`.

Each has `variables` (what is trained), `inputs(batch)` (a batch of random inputs and labels), `__call__(x, training)` and
`loss(x, y)`. Weights are random.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any


class Model:
    """Variables made in the order of their use."""

    def __init__(self, tf: Any) -> None:
        self.tf = tf
        self.variables: list[Any] = []

    def weight(self, *shape: int, fan_in: int | None = None) -> Any:
        """A variable of normal numbers with variance 2 / fan_in."""
        spread = math.sqrt(2.0 / (fan_in or math.prod(shape[:-1])))
        return self._trained(self.tf.random.truncated_normal(shape, stddev=spread))

    def filled(self, value: float, *shape: int) -> Any:
        """A variable of one repeated number."""
        return self._trained(self.tf.fill(shape, value))

    def _trained(self, value: Any) -> Any:
        variable = self.tf.Variable(value)
        self.variables.append(variable)
        return variable

    def loss(self, x: Any, y: Any) -> Any:
        """The mean cross-entropy of the labels y."""
        logits = self(x, training=True)
        losses = self.tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        return self.tf.reduce_mean(losses)

    def __call__(self, x: Any, training: bool = False) -> Any:
        raise NotImplementedError


class Mlp(Model):
    """Dense layers 784-1024-1024-10 with ReLU."""

    def __init__(self, tf: Any, sizes: Sequence[int] = (784, 1024, 1024, 10)) -> None:
        super().__init__(tf)
        self.sizes = sizes
        self.layers = [(self.weight(a, b), self.filled(0.0, b)) for a, b in itertools.pairwise(sizes)]

    def inputs(self, batch: int) -> tuple[Any, Any]:
        """Features [batch, 784] and labels [batch]."""
        return self.tf.random.normal([batch, self.sizes[0]]), self.tf.zeros([batch], self.tf.int32)

    def __call__(self, x: Any, training: bool = False) -> Any:
        for weight, bias in self.layers[:-1]:
            x = self.tf.nn.relu(self.tf.matmul(x, weight) + bias)
        weight, bias = self.layers[-1]
        return self.tf.matmul(x, weight) + bias


class Cnn(Model):
    """Two 3x3 convolutions (32 and 64 channels) with pooling and two dense layers, for 28x28 images."""

    def __init__(self, tf: Any) -> None:
        super().__init__(tf)
        self.convolutions = [(self.weight(3, 3, 1, 32), self.filled(0.0, 32)), (self.weight(3, 3, 32, 64), self.filled(0.0, 64))]
        self.dense = [(self.weight(7 * 7 * 64, 128), self.filled(0.0, 128)), (self.weight(128, 10), self.filled(0.0, 10))]

    def inputs(self, batch: int) -> tuple[Any, Any]:
        """Images [batch, 28, 28, 1] and labels [batch]."""
        return self.tf.random.normal([batch, 28, 28, 1]), self.tf.zeros([batch], self.tf.int32)

    def __call__(self, x: Any, training: bool = False) -> Any:
        nn = self.tf.nn
        for kernel, bias in self.convolutions:
            x = nn.max_pool2d(nn.relu(nn.bias_add(nn.conv2d(x, kernel, 1, "SAME"), bias)), 2, 2, "SAME")
        (first, bias1), (second, bias2) = self.dense
        x = nn.relu(self.tf.matmul(self.tf.reshape(x, [-1, 7 * 7 * 64]), first) + bias1)
        return self.tf.matmul(x, second) + bias2


class Encoder(Model):
    """A transformer encoder (pre-norm, GELU) over token ids, with a classifier at every position."""

    def __init__(
        self, tf: Any, *, layers: int = 4, width: int = 512, heads: int = 8, length: int = 128, vocabulary: int = 1000
    ) -> None:
        super().__init__(tf)
        self.heads, self.width, self.length, self.vocabulary = heads, width, length, vocabulary
        self.tokens = self.weight(vocabulary, width, fan_in=width)
        self.positions = self.weight(length, width, fan_in=width)
        self.blocks = [self._block() for _ in range(layers)]
        self.norm = self._norm()
        self.head = self.weight(width, vocabulary)

    def _norm(self) -> tuple[Any, Any]:
        return self.filled(1.0, self.width), self.filled(0.0, self.width)

    def _dense(self, size: int, out: int) -> tuple[Any, Any]:
        return self.weight(size, out, fan_in=2 * size), self.filled(0.0, out)

    def _block(self) -> dict[str, tuple[Any, Any]]:
        w = self.width
        return {
            "norm1": self._norm(),
            "qkv": self._dense(w, 3 * w),
            "out": self._dense(w, w),
            "norm2": self._norm(),
            "up": self._dense(w, 4 * w),
            "down": self._dense(4 * w, w),
        }

    def inputs(self, batch: int) -> tuple[Any, Any]:
        """Token ids and labels, both int32 [batch, length]."""
        shape = [batch, self.length]
        return tuple(self.tf.random.uniform(shape, 0, self.vocabulary, self.tf.int32) for _ in range(2))  # type: ignore[return-value]

    def _normalized(self, x: Any, parameters: tuple[Any, Any]) -> Any:
        mean, variance = self.tf.nn.moments(x, [-1], keepdims=True)
        return (x - mean) * self.tf.math.rsqrt(variance + 1e-6) * parameters[0] + parameters[1]

    def _linear(self, x: Any, parameters: tuple[Any, Any]) -> Any:
        return self.tf.tensordot(x, parameters[0], 1) + parameters[1]

    def _attention(self, x: Any, block: dict[str, tuple[Any, Any]]) -> Any:
        tf, size = self.tf, self.width // self.heads
        qkv = tf.reshape(self._linear(x, block["qkv"]), [-1, self.length, 3, self.heads, size])
        q, k, v = tf.unstack(tf.transpose(qkv, [2, 0, 3, 1, 4]))
        weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * (1.0 / math.sqrt(size)))
        mixed = tf.transpose(tf.matmul(weights, v), [0, 2, 1, 3])
        return self._linear(tf.reshape(mixed, [-1, self.length, self.width]), block["out"])

    def __call__(self, x: Any, training: bool = False) -> Any:
        tf = self.tf
        x = tf.gather(self.tokens, x) + self.positions
        for block in self.blocks:
            x = x + self._attention(self._normalized(x, block["norm1"]), block)
            hidden = tf.nn.gelu(self._linear(self._normalized(x, block["norm2"]), block["up"]))
            x = x + self._linear(hidden, block["down"])
        return tf.tensordot(self._normalized(x, self.norm), self.head, 1)


class ResNet50(Model):
    """The residual network of 50 layers (He et al., 2015) with the stride in the 3x3 convolutions, for 224x224 images."""

    STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))

    def __init__(self, tf: Any, *, side: int = 224, classes: int = 1000) -> None:
        super().__init__(tf)
        self.side = side
        self.averages: list[Any] = []
        self.stem = self._convolution(7, 3, 64)
        self.blocks = []
        channels = 64
        for stage, (width, count) in enumerate(self.STAGES):
            for index in range(count):
                stride = 2 if stage and not index else 1
                convolutions = [
                    self._convolution(1, channels, width),
                    self._convolution(3, width, width),
                    self._convolution(1, width, 4 * width),
                ]
                shortcut = None if index else self._convolution(1, channels, 4 * width)
                self.blocks.append((convolutions, shortcut, stride))
                channels = 4 * width
        self.dense = self.weight(channels, classes), self.filled(0.0, classes)

    def _convolution(self, size: int, channels: int, out: int) -> dict[str, Any]:
        """A convolution's kernel and its batch normalization."""
        found = {
            "kernel": self.weight(size, size, channels, out),
            "scale": self.filled(1.0, out),
            "offset": self.filled(0.0, out),
            "mean": self.tf.Variable(self.tf.zeros([out]), trainable=False),
            "variance": self.tf.Variable(self.tf.ones([out]), trainable=False),
        }
        self.averages += [found["mean"], found["variance"]]
        return found

    def inputs(self, batch: int) -> tuple[Any, Any]:
        """Images [batch, side, side, 3] and labels [batch]."""
        return self.tf.random.normal([batch, self.side, self.side, 3]), self.tf.zeros([batch], self.tf.int32)

    def _apply(self, x: Any, layer: dict[str, Any], stride: int, training: bool) -> Any:
        """Convolution and batch normalization; training updates the running averages."""
        y = self.tf.nn.conv2d(x, layer["kernel"], stride, "SAME")
        y, mean, variance, *_ = self.tf.raw_ops.FusedBatchNormV3(
            x=y,
            scale=layer["scale"],
            offset=layer["offset"],
            mean=layer["mean"],
            variance=layer["variance"],
            epsilon=1e-5,
            exponential_avg_factor=0.1,
            is_training=training,
        )
        if training:
            layer["mean"].assign(mean)
            layer["variance"].assign(variance)
        return y

    def __call__(self, x: Any, training: bool = False) -> Any:
        tf = self.tf
        x = tf.nn.max_pool2d(tf.nn.relu(self._apply(x, self.stem, 2, training)), 3, 2, "SAME")
        for (first, second, third), shortcut, stride in self.blocks:
            y = tf.nn.relu(self._apply(x, first, 1, training))
            y = tf.nn.relu(self._apply(y, second, stride, training))
            y = self._apply(y, third, 1, training)
            x = tf.nn.relu(y + (x if shortcut is None else self._apply(x, shortcut, stride, training)))
        return tf.matmul(tf.reduce_mean(x, [1, 2]), self.dense[0]) + self.dense[1]


def make_step(model: Model, rate: float = 1e-3) -> Any:
    """A training step with plain gradient descent that returns the loss."""
    tf = model.tf

    def train_step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = model.loss(x, y)
        for variable, gradient in zip(model.variables, tape.gradient(loss, model.variables), strict=True):
            variable.assign_sub(rate * tf.convert_to_tensor(gradient))
        return loss

    return train_step
