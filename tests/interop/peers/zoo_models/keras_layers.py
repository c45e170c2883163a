"""Small Keras models: convolutions, recurrent layers, normalization, and the ways to save a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from zoo_case import Case, call, signature

from zoo_models.registry import model, numbers


def exported(network: Any, *arrays: Any) -> Case:
    """A model saved by `model.export`, asked once."""
    inputs = {tensor.name: array for tensor, array in zip(network.inputs, arrays, strict=True)}
    return Case(network, [signature(**inputs)], save=lambda folder: network.export(folder, verbose=False))


def stack(shape: Sequence[int | None], *parts: Any) -> Any:
    """A sequential model of layers."""
    return keras.Sequential([layers.Input(shape), *parts])


@model("dense-export", "model.export of a Sequential of dense layers with every activation")
def dense(_: str) -> Case:
    names = ["relu", "relu6", "elu", "selu", "gelu", "silu", "softplus", "softsign", "tanh", "sigmoid", "hard_sigmoid", "hard_silu"]
    names += [
        "mish",
        "leaky_relu",
        "exponential",
        "log_softmax",
        "softmax",
        "celu",
        "glu",
        "hard_tanh",
        "sparse_plus",
        "squareplus",
    ]
    entry = layers.Input([8])
    values = [layers.Dense(6, activation=name)(entry) for name in names]
    return exported(keras.Model(entry, layers.Concatenate()(values)), numbers(3, 8, low=-3, high=3))


@model("keras-saved", "tf.saved_model.save of a Keras model: its variables, functions and signature")
def keras_saved(_: str) -> Case:
    network = stack([6], layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(2))
    return Case(network, [signature(inputs=numbers(3, 6))])


@model(
    "keras-trained", "a compiled and fitted model: optimizer slots and metrics in the file; functional with two inputs and outputs"
)
def trained(_: str) -> Case:
    a, b = layers.Input([4], name="a"), layers.Input([3], name="b")
    joined = layers.Concatenate()([layers.Dense(5, activation="tanh")(a), b])
    network = keras.Model([a, b], {"mean": layers.Dense(1)(joined), "logits": layers.Dense(3)(joined)})
    network.compile("adam", {"mean": "mse", "logits": "mse"})
    targets = {"mean": numbers(8, 1), "logits": numbers(8, 3)}
    network.fit([numbers(8, 4), numbers(8, 3)], targets, epochs=2, verbose=0)
    return Case(network, [signature(inputs=numbers(2, 4), inputs_1=numbers(2, 3))])


@model("export-archive", "keras.export.ExportArchive: several endpoints with their own signatures, one with a default argument")
def archive(_: str) -> Case:
    network = stack([4], layers.Dense(3), layers.Softmax())
    bundle = keras.export.ExportArchive()
    bundle.track(network)
    bundle.add_endpoint("serve", network.call, [tf.TensorSpec([None, 4], name="x")])
    bundle.add_endpoint("score", lambda x: tf.reduce_max(network(x), 1), [tf.TensorSpec([None, 4], name="x")])
    x = numbers(5, 4)
    questions = [signature("serve", x=x), signature("score", x=x), call("serve", x), call("score", x)]
    return Case(bundle, questions, save=lambda folder: bundle.write_out(folder, verbose=False))


@model("subclassed", "a subclassed Keras model with layers in a list and a dict, a mask and training=False")
def subclassed(_: str) -> Case:
    class Network(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.blocks = [layers.Dense(4, activation="relu"), layers.Dropout(0.5), layers.Dense(4)]
            self.heads = {"a": layers.Dense(1), "b": layers.Dense(2)}

        def call(self, x: Any, training: bool = False) -> Any:
            for block in self.blocks:
                x = block(x)
            return {name: head(x) for name, head in self.heads.items()}

    network = Network()
    x = numbers(3, 5)
    network(x)
    spec = [tf.TensorSpec([None, 5], name="inputs")]
    return Case(network, [signature(inputs=x)], save=lambda folder: network.export(folder, verbose=False, input_signature=spec))


@model("conv-1d", "Conv1D (causal, dilated, strided), Conv1DTranspose, SeparableConv1D, DepthwiseConv1D, pooling", heavy=True)
def conv_1d(_: str) -> Case:
    network = stack(
        [20, 3],
        layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu"),
        layers.SeparableConv1D(6, 3, padding="same"),
        layers.DepthwiseConv1D(3, strides=2, depth_multiplier=2),
        layers.Conv1DTranspose(4, 4, strides=2, padding="same"),
        layers.MaxPooling1D(2),
        layers.AveragePooling1D(3, strides=1, padding="same"),
        layers.ZeroPadding1D(2),
        layers.Cropping1D(1),
        layers.UpSampling1D(2),
        layers.GlobalAveragePooling1D(),
    )
    return exported(network, numbers(2, 20, 3))


@model("conv-2d", "grouped, dilated and transposed convolutions, pooling, resizing, padding and cropping of images", heavy=True)
def conv_2d(_: str) -> Case:
    network = stack(
        [16, 16, 4],
        layers.Conv2D(8, 3, strides=2, padding="same", groups=2, activation="relu"),
        layers.Conv2D(8, 3, dilation_rate=2, padding="same"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="valid"),
        layers.SeparableConv2D(6, 3, padding="same"),
        layers.Conv2DTranspose(5, 3, strides=2, padding="valid", output_padding=1),
        layers.MaxPooling2D(3, strides=1, padding="same"),
        layers.AveragePooling2D(2),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.ZeroPadding2D(((1, 0), (0, 2))),
        layers.Cropping2D(1),
        layers.PReLU(shared_axes=[1, 2]),
        layers.GlobalMaxPooling2D(),
    )
    return exported(network, numbers(2, 16, 16, 4))


@model("conv-3d", "Conv3D, Conv3DTranspose, pooling and padding of volumes")
def conv_3d(_: str) -> Case:
    network = stack(
        [6, 8, 8, 2],
        layers.Conv3D(4, 3, padding="same", activation="relu"),
        layers.MaxPooling3D(2),
        layers.Conv3DTranspose(3, 2, strides=2),
        layers.AveragePooling3D(2),
        layers.ZeroPadding3D(1),
        layers.UpSampling3D(2),
        layers.GlobalAveragePooling3D(),
    )
    return exported(network, numbers(2, 6, 8, 8, 2))


@model("normalization", "batch, layer, group, RMS, unit and spectral normalization", heavy=True)
def normalization(_: str) -> Case:
    network = stack(
        [8, 8, 4],
        layers.BatchNormalization(),
        layers.LayerNormalization(),
        layers.GroupNormalization(2),
        layers.SpectralNormalization(layers.Conv2D(4, 3)),
        layers.RMSNormalization(),
        layers.Flatten(),
        layers.UnitNormalization(),
    )
    return exported(network, numbers(2, 8, 8, 4))


@model("any-image-size", "a fully convolutional network of images of any size and any batch")
def any_size(_: str) -> Case:
    network = stack(
        [None, None, 3],
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.Conv2DTranspose(2, 3, strides=2, padding="same"),
        layers.GlobalAveragePooling2D(keepdims=True),
    )
    name = network.inputs[0].name
    questions = [signature(**{name: numbers(1, 9, 12, 3)}), signature(**{name: numbers(3, 16, 8, 3)})]
    return Case(network, questions, save=lambda folder: network.export(folder, verbose=False))


def recurrent(name: str, exercises: str, *parts: Any, heavy: bool = False) -> None:
    """Declares a model over sequences of 5 numbers; `parts` make its layers."""

    @model(name, exercises, heavy)
    def build(_: str) -> Case:
        network = stack([None, 5], *(part() for part in parts), layers.Dense(2))
        name = network.inputs[0].name
        questions = [signature(**{name: numbers(2, 7, 5)}), signature(**{name: numbers(3, 4, 5)})]
        return Case(network, questions, save=lambda folder: network.export(folder, verbose=False))


recurrent(
    "lstm",
    "two LSTMs over sequences of any length: while loops with TensorLists",
    lambda: layers.LSTM(6, return_sequences=True),
    lambda: layers.LSTM(4),
)
recurrent(
    "gru",
    "GRUs with and without reset_after, backwards",
    lambda: layers.GRU(6, return_sequences=True),
    lambda: layers.GRU(4, reset_after=False, go_backwards=True),
    heavy=True,
)
recurrent(
    "simple-rnn", "SimpleRNN, stacked", lambda: layers.SimpleRNN(6, return_sequences=True), lambda: layers.SimpleRNN(4), heavy=True
)
recurrent(
    "bidirectional",
    "Bidirectional LSTM and GRU",
    lambda: layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
    lambda: layers.Bidirectional(layers.GRU(3), merge_mode="sum"),
    heavy=True,
)
recurrent(
    "rnn-cells",
    "RNN over stacked cells, TimeDistributed",
    lambda: layers.TimeDistributed(layers.Dense(4, activation="relu")),
    lambda: layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)]),
    heavy=True,
)


@model("masked-lstm", "Embedding with mask_zero before an LSTM and a GRU: steps that are masked", heavy=True)
def masked(_: str) -> Case:
    network = stack(
        [None], layers.Embedding(20, 6, mask_zero=True), layers.LSTM(5, return_sequences=True), layers.GRU(4), layers.Dense(2)
    )
    (entry,) = network.inputs
    ids = np.array([[3, 4, 5, 0, 0], [1, 2, 0, 0, 0], [7, 8, 9, 10, 11]], np.float32)
    return Case(network, [signature(**{entry.name: ids})], save=lambda folder: network.export(folder, verbose=False))


@model("stateful-lstm", "a stateful LSTM: variables assigned in the function; two calls in a row")
def stateful(_: str) -> Case:
    entry = layers.Input(batch_shape=[2, 3, 4])
    network = keras.Model(entry, layers.LSTM(3, stateful=True)(entry))
    questions = [signature(**{entry.name: numbers(2, 3, 4)})] * 2
    return Case(network, questions, save=lambda folder: network.export(folder, verbose=False))


@model("conv-lstm", "ConvLSTM2D and ConvLSTM1D", heavy=True)
def conv_lstm(_: str) -> Case:
    network = stack(
        [4, 8, 8, 2],
        layers.ConvLSTM2D(3, 3, return_sequences=True, padding="same"),
        layers.TimeDistributed(layers.GlobalAveragePooling2D(keepdims=False)),
        layers.Reshape([4, 3, 1]),
        layers.ConvLSTM1D(2, 2),
        layers.Flatten(),
    )
    return exported(network, numbers(2, 4, 8, 8, 2))


@model("autoencoder", "reshape, permute, repeat, transpose convolutions, elementwise merging, Dot", heavy=True)
def autoencoder(_: str) -> Case:
    entry = layers.Input([8, 8, 1])
    code = layers.Dense(6, name="code")(layers.Flatten()(layers.Conv2D(4, 3, strides=2)(entry)))
    repeated = layers.Permute([2, 1])(layers.RepeatVector(4)(code))
    mixed = layers.Dot(axes=2)([repeated, repeated])
    picture = layers.Conv2DTranspose(1, 4, strides=2, padding="same")(
        layers.Reshape([4, 4, 1])(layers.Dense(16)(layers.Flatten()(mixed)))
    )
    merged = layers.Maximum()(
        [layers.Add()([picture, entry]), layers.Multiply()([picture, entry]), layers.Minimum()([picture, entry])]
    )
    return exported(
        keras.Model(entry, [merged, layers.Average()([picture, entry]), layers.Subtract()([picture, entry])]), numbers(2, 8, 8, 1)
    )


def in_dtype(dtype: str) -> None:
    """Declares a model that computes in another dtype."""

    @model(dtype.replace("_", "-"), f"the policy {dtype}: its weights, and casts of them", heavy=dtype == "float64")
    def build(_: str) -> Case:
        keras.mixed_precision.set_dtype_policy(dtype)
        try:
            network = stack(
                [8, 8, 3], layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten(), layers.Dense(5)
            )
            case = exported(network, numbers(2, 8, 8, 3))
        finally:
            keras.mixed_precision.set_dtype_policy("float32")
        return case


for _dtype in ("float16", "mixed_bfloat16", "float64"):
    in_dtype(_dtype)
