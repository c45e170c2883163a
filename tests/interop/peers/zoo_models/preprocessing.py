"""Keras preprocessing layers inside models, so that raw features go in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from zoo_case import Case, signature

from zoo_models.registry import model, numbers, texts

CITIES = ["Oslo", "Rome", "Lima", "Bonn"]


def exported(network: Any, **arrays: Any) -> Case:
    """A model saved by `model.export`, asked once; inputs by name."""
    return Case(network, [signature(**arrays)], save=lambda folder: network.export(folder, verbose=False))


@model("string-lookup", "StringLookup: indices, one-hot, multi-hot and counts, and back to strings")
def string_lookup(_: str) -> Case:
    entry = layers.Input([3], dtype="string", name="city")
    outputs = {
        "index": layers.StringLookup(vocabulary=CITIES, num_oov_indices=2)(entry),
        "many": layers.StringLookup(vocabulary=CITIES, output_mode="multi_hot")(entry),
        "count": layers.StringLookup(vocabulary=CITIES, output_mode="count")(entry),
    }
    outputs["back"] = layers.StringLookup(vocabulary=CITIES, num_oov_indices=2, invert=True)(outputs["index"])
    return exported(keras.Model(entry, outputs), city=texts("Oslo", "?", "Bonn", "Rome", "Rome", "").reshape(2, 3))


@model("string-lookup-file", "StringLookup from a vocabulary file: an asset of the model")
def lookup_file(folder: str) -> Case:
    path = Path(folder) / "cities.txt"
    path.write_text("\n".join(CITIES) + "\n")
    entry = layers.Input([1], dtype="string", name="city")
    index = layers.StringLookup(vocabulary=str(path))(entry)
    vector = layers.Flatten()(layers.Embedding(6, 3)(index))
    return exported(keras.Model(entry, layers.Dense(2)(vector)), city=texts("Oslo", "?", "Bonn").reshape(3, 1))


@model("integer-lookup", "IntegerLookup with a mask value and out-of-vocabulary buckets")
def integer_lookup(_: str) -> Case:
    entry = layers.Input([4], dtype="int64", name="code")
    lookup = layers.IntegerLookup(vocabulary=[10, 20, 30], num_oov_indices=2, mask_token=0)
    one_hot = layers.IntegerLookup(vocabulary=[10, 20, 30], output_mode="multi_hot")(entry)
    return exported(keras.Model(entry, [lookup(entry), one_hot]), code=np.int64([[10, 0, 30, 7], [20, 20, 8, 10]]))


SENTENCES = texts("The cat sat.", "A dog, a cat & THE bird!", "", "unknown words only").reshape(4, 1)


def vectorization(name: str, exercises: str, heavy: bool = False, **options: Any) -> None:
    """Declares a model with TextVectorization."""

    @model(name, f"TextVectorization: {exercises}", heavy)
    def build(_: str) -> Case:
        layer = layers.TextVectorization(**options)
        layer.adapt(["the cat sat on the mat", "a dog and a bird", "the bird sat"])
        entry = layers.Input([1], dtype="string", name="text")
        return exported(keras.Model(entry, layer(entry)), text=SENTENCES)


vectorization("text-indices", "indices of a fixed length, lowercase without punctuation", output_sequence_length=6)
vectorization("text-bigrams", "bigrams as multi-hot", ngrams=2, output_mode="multi_hot")
vectorization("text-tf-idf", "TF-IDF weights", heavy=True, output_mode="tf_idf", pad_to_max_tokens=True, max_tokens=20)
vectorization("text-characters", "characters, ragged before padding", heavy=True, split="character", standardize="lower")


@model("text-classifier", "from strings to classes: TextVectorization, Embedding, pooling, dense", heavy=True)
def text_classifier(_: str) -> Case:
    layer = layers.TextVectorization(output_sequence_length=8)
    layer.adapt(["the cat sat on the mat", "a dog and a bird", "the bird sat"])
    entry = layers.Input([1], dtype="string", name="text")
    vectors = layers.Embedding(20, 8)(layer(entry))
    network = keras.Model(entry, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(vectors)))
    return exported(network, text=SENTENCES)


@model("hashing", "Hashing of strings and integers, with FarmHash and with a salt (SipHash)")
def hashing(_: str) -> Case:
    city, code = layers.Input([1], dtype="string", name="city"), layers.Input([1], dtype="int64", name="code")
    outputs = [layers.Hashing(16)(city), layers.Hashing(16, salt=[3, 4])(city), layers.Hashing(16, mask_value="")(city)]
    outputs += [layers.Hashing(16)(code), layers.Hashing(8, output_mode="one_hot")(city)]
    arrays = {"city": texts("Oslo", "", "Rome").reshape(3, 1), "code": np.int64([[1], [-2], [3]])}
    return exported(keras.Model([city, code], outputs), **arrays)


@model("hashed-crossing", "HashedCrossing of two features")
def hashed_crossing(_: str) -> Case:
    city, code = layers.Input([1], dtype="string", name="city"), layers.Input([1], dtype="int64", name="code")
    outputs = [layers.HashedCrossing(32)((city, code)), layers.HashedCrossing(8, output_mode="one_hot")((city, code))]
    return exported(keras.Model([city, code], outputs), city=texts("Oslo", "Rome").reshape(2, 1), code=np.int64([[1], [2]]))


@model("categories", "CategoryEncoding (one-hot, multi-hot, counts with weights) and Discretization")
def categories(_: str) -> Case:
    ids, weights = layers.Input([3], dtype="int32", name="ids"), layers.Input([3], name="weights")
    bins = layers.Discretization(bin_boundaries=[-0.5, 0.0, 0.5])(weights)
    outputs = [
        layers.CategoryEncoding(5, output_mode="multi_hot")(ids),
        layers.CategoryEncoding(5, output_mode="count")(ids, count_weights=weights),
        bins,
        layers.Discretization(bin_boundaries=[0.0, 0.5], output_mode="one_hot")(weights),
    ]
    arrays = {"ids": np.int32([[0, 1, 1], [4, 2, 4]]), "weights": numbers(2, 3)}
    return exported(keras.Model([ids, weights], outputs), **arrays)


@model("normalized-table", "Normalization that was adapted, beside one with given statistics and an inverse one")
def normalized(_: str) -> Case:
    layer = layers.Normalization()
    layer.adapt(numbers(50, 4, low=0, high=9))
    entry = layers.Input([4], name="x")
    outputs = [
        layer(entry),
        layers.Normalization(mean=1.0, variance=4.0)(entry),
        layers.Normalization(mean=1.0, variance=4.0, invert=True)(entry),
    ]
    return exported(keras.Model(entry, outputs), x=numbers(3, 4))


@model("image-preprocessing", "Rescaling, Resizing (bilinear, nearest, bicubic, area, lanczos), CenterCrop of bytes")
def image_preprocessing(_: str) -> Case:
    entry = layers.Input([None, None, 3], dtype="uint8", name="image")
    scaled = layers.Rescaling(1 / 127.5, offset=-1)(entry)
    outputs = [layers.Resizing(7, 9, interpolation=kind)(scaled) for kind in ("bilinear", "nearest", "bicubic", "area", "lanczos3")]
    outputs.append(layers.Resizing(6, 6, crop_to_aspect_ratio=True)(scaled))
    outputs.append(layers.CenterCrop(5, 4)(scaled))
    return exported(keras.Model(entry, outputs), image=numbers(2, 12, 10, 3, low=0, high=255).astype(np.uint8))


@model("augmentation", "random flips, rotations and contrast, which do nothing at inference", heavy=True)
def augmentation(_: str) -> Case:
    network = keras.Sequential(
        [
            layers.Input([8, 8, 3], name="image"),
            layers.RandomFlip(),
            layers.RandomRotation(0.1),
            layers.RandomContrast(0.2),
            layers.GaussianNoise(1.0),
            layers.Conv2D(2, 3),
        ]
    )
    return exported(network, image=numbers(2, 8, 8, 3))


@model("spectrogram", "MelSpectrogram of waves", heavy=True)
def spectrogram(_: str) -> Case:
    entry = layers.Input([800], name="wave")
    outputs = [
        layers.MelSpectrogram(fft_length=256, sequence_stride=128, sampling_rate=8000, num_mel_bins=16, max_freq=4000)(entry)
    ]
    return exported(keras.Model(entry, outputs), wave=numbers(2, 800))


@model("mixed-features", "numbers, strings and codes in one model: a table as it comes")
def mixed(_: str) -> Case:
    age, city, code = (
        layers.Input([1], name="age"),
        layers.Input([1], dtype="string", name="city"),
        layers.Input([1], dtype="int64", name="code"),
    )
    scaled = layers.Normalization(mean=40.0, variance=100.0)(age)
    place = layers.Flatten()(layers.Embedding(6, 2)(layers.StringLookup(vocabulary=CITIES)(city)))
    kind = layers.IntegerLookup(vocabulary=[1, 2, 3], output_mode="one_hot")(code)
    network = keras.Model([age, city, code], layers.Dense(1, activation="sigmoid")(layers.Concatenate()([scaled, place, kind])))
    arrays = {"age": np.float32([[30], [55]]), "city": texts("Lima", "Ulm").reshape(2, 1), "code": np.int64([[2], [9]])}
    return exported(network, **arrays)
