"""Models that take data as it is stored: serialized examples, pictures, text, ragged and sparse tensors."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from zoo_case import Case, call, signature

from zoo_models.programs import program
from zoo_models.registry import model, numbers, texts


def example(**features: Any) -> bytes:
    """A serialized tf.train.Example."""
    made = tf.train.Example()
    for key, values in features.items():
        feature = made.features.feature[key]
        kind = feature.bytes_list if isinstance(values[0], bytes) else feature.float_list
        (feature.int64_list if isinstance(values[0], int) else kind).value.extend(values)
    serialized: bytes = made.SerializeToString()
    return serialized


EXAMPLES = texts(
    example(age=[30.0], city=[b"Oslo"], tags=[1, 2, 3], words=[b"a", b"b"]), example(age=[41.5], tags=[7]), example(city=[b"Rome"])
)


@program(
    "parse-example", "serialized tf.train.Examples: fixed, variable-length and ragged features with defaults", examples=EXAMPLES
)
def parse(examples: Any) -> Any:
    features = {
        "age": tf.io.FixedLenFeature([], tf.float32, -1.0),
        "city": tf.io.FixedLenFeature([1], tf.string, "none"),
        "tags": tf.io.VarLenFeature(tf.int64),
        "words": tf.io.RaggedFeature(tf.string),
    }
    found = tf.io.parse_example(examples, features)
    tags = tf.sparse.to_dense(found["tags"], -1)
    return {"age": found["age"], "city": found["city"], "tags": tags, "words": found["words"].to_tensor("-")}


@program(
    "parse-single",
    "tf.io.parse_single_example, decode_raw, decode_csv, decode_json of numbers",
    example=texts(EXAMPLES[0]),
    line=texts("1,2.5,x", "4,,y"),
    raw=texts(b"\1\2\3\4"),
)
def parse_parts(example: Any, line: Any, raw: Any) -> Any:
    single = tf.io.parse_single_example(example[0], {"age": tf.io.FixedLenFeature([], tf.float32)})
    columns = tf.io.decode_csv(line, [[0], [-1.0], [""]])
    numbers_ = tf.strings.to_number(["1.5", "-2e3"])
    return {
        "age": single["age"],
        "a": columns[0],
        "b": columns[1],
        "c": columns[2],
        "raw": tf.io.decode_raw(raw, tf.uint16),
        "n": numbers_,
    }


def picture(kind: str) -> bytes:
    """A small encoded image."""
    x, y = np.meshgrid(np.arange(24), np.arange(16))
    pixels = np.stack([x * 10, y * 15, (x + y) * 5], -1).astype(np.uint8)
    data: bytes = getattr(tf.io, f"encode_{kind}")(pixels).numpy()
    return data


@program(
    "image-decode",
    "base64 in a batch of PNGs, decoded and resized with map_fn: what clients post",
    pictures=texts(picture("png"), picture("png")),
)
def decode(pictures: Any) -> Any:
    text = tf.io.encode_base64(pictures)

    def one(data: Any) -> Any:
        image = tf.io.decode_image(tf.io.decode_base64(data), channels=3, expand_animations=False)
        return tf.image.resize(tf.image.convert_image_dtype(tf.ensure_shape(image, [None, None, 3]), tf.float32), [8, 8])

    return tf.map_fn(one, text, fn_output_signature=tf.TensorSpec([8, 8, 3]))


@program(
    "image-operations",
    "resizing by every method, cropping, flips, colors, boxes, non-maximum suppression",
    heavy=True,
    image=numbers(1, 12, 10, 3, low=0),
)
def images(image: Any) -> Any:
    boxes = tf.constant([[0.1, 0.1, 0.6, 0.7], [0.1, 0.15, 0.6, 0.7], [0.5, 0.5, 0.9, 0.9]])
    sizes = {
        f"resize_{kind}": tf.image.resize(image, [7, 8], kind, antialias=kind == "bilinear")
        for kind in ("bilinear", "nearest", "bicubic", "area", "gaussian", "mitchellcubic")
    }
    return sizes | {
        "crops": tf.image.crop_and_resize(image, boxes, [0, 0, 0], [4, 4]),
        "center": tf.image.central_crop(image, 0.5),
        "padded": tf.image.resize_with_pad(image, 9, 9),
        "flipped": tf.image.flip_left_right(tf.image.rot90(image)),
        "colors": tf.image.adjust_saturation(tf.image.adjust_hue(image, 0.1), 1.5),
        "gray": tf.image.rgb_to_grayscale(tf.image.adjust_contrast(image, 2.0)),
        "hsv": tf.image.rgb_to_hsv(image),
        "standard": tf.image.per_image_standardization(image),
        "kept": tf.image.non_max_suppression(boxes, [0.9, 0.8, 0.7], 3, 0.5),
        "patches": tf.image.extract_patches(image, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME"),
        "edges": tf.image.sobel_edges(image),
        "difference": tf.image.ssim(image, image * 0.9, 1.0, filter_size=3),
    }


@program(
    "strings",
    "split, join, regular expressions, case, substrings, numbers, hashes, unicode, formats",
    text=texts("Hello, wörld!", "a b  c", ""),
)
def strings(text: Any) -> Any:
    return {
        "lower": tf.strings.lower(text, encoding="utf-8"),
        "clean": tf.strings.regex_replace(text, r"[^\w\s]|_", "-"),
        "match": tf.strings.regex_full_match(text, r"[a-z ]*"),
        "words": tf.strings.split(text).to_tensor(""),
        "joined": tf.strings.reduce_join(tf.strings.split(text), axis=-1, separator="+"),
        "length": tf.strings.length(text, unit="UTF8_CHAR"),
        "part": tf.strings.substr(text, tf.zeros_like(tf.strings.length(text)), tf.minimum(tf.strings.length(text), 3)),
        "bucket": tf.strings.to_hash_bucket_fast(text, 100),
        "strong": tf.strings.to_hash_bucket_strong(text, 100, [1, 2]),
        "points": tf.strings.unicode_decode(text, "UTF-8").to_tensor(),
        "characters": tf.strings.unicode_split(text, "UTF-8").to_tensor("."),
        "ngrams": tf.strings.ngrams(tf.strings.split(text), 2).to_tensor("none"),
        "written": tf.strings.as_string(tf.strings.length(text)) + tf.strings.strip(text),
        "formatted": tf.strings.format("{} texts", tf.size(text)),
    }


@model("ragged-arguments", "ragged tensors as arguments and results of a function")
def ragged(_: str) -> Case:
    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.table = tf.Variable(numbers(10, 3))

        @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.int32)])
        def embed(self, ids: Any) -> Any:
            vectors = tf.ragged.map_flat_values(tf.gather, self.table, ids)
            return {"mean": tf.reduce_mean(vectors, 1), "ids": ids + 1}

    return Case(Model(), [call("embed", tf.ragged.constant([[1, 2, 3], [4], [5, 6]]))])


@program(
    "ragged-inside", "ragged tensors between dense inputs and outputs", heavy=True, values=numbers(6), lengths=np.int64([3, 1, 2])
)
def ragged_inside(values: Any, lengths: Any) -> Any:
    rows = tf.RaggedTensor.from_row_lengths(values, lengths)
    return {
        "dense": rows.to_tensor(-1.0),
        "sums": tf.reduce_sum(rows, 1),
        "top": tf.reduce_max(rows, 1),
        "joined": tf.concat([rows, rows[:, :1]], 1).to_tensor(),
        "doubled": (rows * 2.0).flat_values,
        "bounds": rows.bounding_shape(),
    }


@model("sparse-arguments", "a sparse tensor as argument of a function, multiplied and embedded")
def sparse(_: str) -> Case:
    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(numbers(5, 2))

        @tf.function(input_signature=[tf.SparseTensorSpec([None, 5], tf.float32)])
        def score(self, x: Any) -> Any:
            return {"y": tf.sparse.sparse_dense_matmul(x, self.weight), "sum": tf.sparse.reduce_sum(x, 1), "x": x}

    return Case(Model(), [call("score", tf.SparseTensor([[0, 1], [2, 3], [2, 4]], [1.0, 2.0, 3.0], [3, 5]))])


@program(
    "sparse-inside",
    "sparse tensors between dense inputs and outputs: embedding lookups of bags",
    ids=np.int64([[1, 2, 0], [4, 0, 0]]),
)
def sparse_inside(ids: Any) -> Any:
    bags = tf.sparse.from_dense(ids)
    table = tf.constant(numbers(6, 3))
    return {
        "dense": tf.sparse.to_dense(bags),
        "bags": tf.nn.embedding_lookup_sparse(table, bags, None, combiner="sqrtn"),
        "safe": tf.nn.safe_embedding_lookup_sparse(table, bags, combiner="mean"),
        "sums": tf.sparse.reduce_sum(bags, 1),
        "turned": tf.sparse.to_dense(tf.sparse.transpose(bags)),
    }


@model("keras-ragged-text", "a Keras model over raw text: standardize, split, look up, embed, LSTM, in one export")
def ragged_text(_: str) -> Case:
    layer = layers.TextVectorization(output_sequence_length=5)
    layer.adapt(["the cat sat", "a bird"])
    entry = layers.Input([], dtype="string", name="text")
    x = layers.LSTM(4)(layers.Embedding(12, 6, mask_zero=True)(layer(entry)))
    network = keras.Model(entry, layers.Dense(2)(x))
    return Case(network, [signature(text=texts("the bird", "", "cat?"))], save=lambda folder: network.export(folder, verbose=False))
