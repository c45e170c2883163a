"""Models with attention."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from zoo_case import Case, call, signature

from zoo_models.registry import model, numbers

IDS = np.int32([[2, 5, 9, 3, 0, 0], [2, 7, 3, 0, 0, 0]])


def encoder_block(x: Any, mask: Any, width: int) -> Any:
    """Self-attention and a feed-forward network, normalized after each."""
    seen = layers.MultiHeadAttention(4, width // 4)(x, x, attention_mask=mask)
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, seen]))
    wide = layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(x))
    return layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, layers.Dropout(0.1)(wide)]))


@model("bert-like", "an encoder over ids, segments and positions with a padding mask, and a pooled output")
def bert(_: str) -> Case:
    ids, kinds = layers.Input([None], dtype="int32", name="ids"), layers.Input([None], dtype="int32", name="kinds")
    places = layers.Lambda(lambda x: tf.range(tf.shape(x)[1])[tf.newaxis])(ids)
    x = layers.Embedding(30, 32)(ids) + layers.Embedding(2, 32)(kinds) + layers.Embedding(16, 32)(places)
    mask = layers.Lambda(lambda x: tf.not_equal(x, 0)[:, tf.newaxis, :])(ids)
    x = layers.LayerNormalization()(x)
    for _layer in range(2):
        x = encoder_block(x, mask, 32)
    pooled = layers.Dense(32, activation="tanh")(layers.Lambda(lambda x: x[:, 0])(x))
    network = keras.Model([ids, kinds], {"sequence": x, "pooled": pooled})
    questions = [signature(ids=IDS, kinds=IDS % 2), signature(ids=IDS[:1, :4], kinds=IDS[:1, :4] % 2)]
    return Case(network, questions, save=lambda folder: network.export(folder, verbose=False))


@model("decoder", "causal self-attention and cross-attention with masks from Embedding(mask_zero)", heavy=True)
def decoder(_: str) -> Case:
    ids, memory = layers.Input([None], dtype="int32", name="ids"), layers.Input([None, 16], name="memory")
    x = layers.Embedding(20, 16, mask_zero=True)(ids)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True))
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, memory))
    network = keras.Model([ids, memory], layers.Dense(20)(x))
    questions = [signature(ids=IDS, memory=numbers(2, 5, 16))]
    return Case(network, questions, save=lambda folder: network.export(folder, verbose=False))


@model("attention-layers", "Attention, AdditiveAttention and GroupQueryAttention", heavy=True)
def plain_attention(_: str) -> Case:
    query, value = layers.Input([4, 8], name="query"), layers.Input([6, 8], name="value")
    outputs = [layers.Attention(use_scale=True)([query, value]), layers.AdditiveAttention()([query, value])]
    outputs.append(layers.GroupQueryAttention(4, 4, 2)(query, value))
    network = keras.Model([query, value], outputs)
    questions = [signature(query=numbers(2, 4, 8), value=numbers(2, 6, 8, seed=1))]
    return Case(network, questions, save=lambda folder: network.export(folder, verbose=False))


@model("vision-transformer", "patches, positions that are weights, attention over them, EinsumDense", heavy=True)
def vision(_: str) -> Case:
    entry = layers.Input([16, 16, 3], name="image")
    x = layers.Reshape([16, 32])(layers.Conv2D(32, 4, strides=4)(entry))
    x = layers.Lambda(lambda x: x + tf.one_hot(tf.range(16), 32))(x)
    x = encoder_block(x, None, 32)
    x = layers.EinsumDense("abc,cd->abd", output_shape=(None, 8), bias_axes="d")(x)
    network = keras.Model(entry, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))
    return Case(network, [signature(image=numbers(2, 16, 16, 3))], save=lambda folder: network.export(folder, verbose=False))


@model("translation", "greedy decoding: a tf.while_loop that grows a sequence, in a tf.Module", heavy=True)
def translation(_: str) -> Case:
    class Translator(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.table = tf.Variable(numbers(12, 8))
            self.out = tf.Variable(numbers(8, 12, seed=1))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="start"), tf.TensorSpec([], tf.int32, name="steps")])
        def decode(self, start: Any, steps: Any) -> Any:
            tokens = start[:, tf.newaxis]
            for _step in tf.range(steps):
                tf.autograph.experimental.set_loop_options(shape_invariants=[(tokens, tf.TensorShape([None, None]))])
                state = tf.reduce_mean(tf.gather(self.table, tokens), 1)
                logits = tf.matmul(state, self.out)
                tokens = tf.concat([tokens, tf.argmax(logits, 1, output_type=tf.int32)[:, tf.newaxis]], 1)
            return tokens

    start = np.int32([1, 5, 9])
    questions = [signature(start=start, steps=np.array(6, np.int32)), call("decode", start, np.array(3, np.int32))]
    return Case(Translator(), questions)
