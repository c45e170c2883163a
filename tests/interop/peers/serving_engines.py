"""Models for the server's engines, written by real TensorFlow, with what TensorFlow computes.

usage: serving_engines.py FOLDER

FOLDER gets `cnn`, `encoder` and `parsing` (SavedModels), and `lite`, `plain` and `integers` (a `model.tflite`), each with
the version 1, an `inputs.npz` and an `outputs.npz`. Strings stand there as a JSON text of lists of bytes. Prints {}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

NUMBERS = np.random.default_rng(5)


def normal(*shape: int) -> Any:
    return NUMBERS.standard_normal(shape).astype(np.float32)


def cnn() -> tuple[Any, dict[str, Any]]:
    """A residual network of Keras layers with batch normalization."""
    keras = tf.keras
    image = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(image)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    y = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.MaxPooling2D()(keras.layers.Add()([x, y]))
    x = keras.layers.Conv2D(16, 3, strides=2, activation="swish")(x)
    model = keras.Model(image, keras.layers.Dense(5, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x)))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([np.abs(normal(8)) + 0.5 for _ in range(4)])

    @tf.function(input_signature=[tf.TensorSpec([None, 16, 16, 3], name="image")])
    def serve(image: Any) -> dict[str, Any]:
        scores = model(image, training=False)
        return {"scores": scores, "best": tf.argmax(scores, 1)}

    model.serve = serve
    return model, {"image": normal(3, 16, 16, 3)}


def encoder() -> tuple[Any, dict[str, Any]]:
    """Token and position embeddings, masked attention, normalization and GELU."""
    keras = tf.keras
    ids, mask = keras.Input((None,), dtype="int32", name="ids"), keras.Input((None,), dtype="int32", name="mask")
    x = keras.layers.Embedding(50, 16)(ids)
    allowed = keras.layers.Lambda(lambda m: tf.cast(m[:, tf.newaxis, :], tf.bool), output_shape=(1, None))(mask)
    attended = keras.layers.MultiHeadAttention(2, 8)(x, x, attention_mask=allowed)
    x = keras.layers.LayerNormalization()(keras.layers.Add()([x, attended]))
    x = keras.layers.Add()([x, keras.layers.Dense(16)(keras.layers.Dense(32, activation="gelu")(x))])
    model = keras.Model([ids, mask], keras.layers.LayerNormalization()(x))

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.int32, name="ids"), tf.TensorSpec([None, None], tf.int32, name="mask")]
    )
    def serve(ids: Any, mask: Any) -> dict[str, Any]:
        return {"states": model([ids, mask], training=False)}

    model.serve = serve
    mask = np.int32([[1] * 7, [1] * 4 + [0] * 3])
    return model, {"ids": NUMBERS.integers(0, 50, (2, 7)).astype(np.int32), "mask": mask}


def parsing() -> tuple[Any, dict[str, Any]]:
    """Serialized tf.Examples with numbers, text and a ragged list; a table; labels as strings."""
    module = tf.Module()
    module.weight, module.vectors = tf.Variable(normal(3, 4)), tf.Variable(normal(3, 4))
    keys, values = tf.constant(["red", "blue"]), tf.constant([1, 2], tf.int64)
    module.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 0)
    features = {
        "x": tf.io.FixedLenFeature([3], tf.float32),
        "color": tf.io.FixedLenFeature([], tf.string, ""),
        "more": tf.io.VarLenFeature(tf.float32),
    }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: Any) -> dict[str, Any]:
        parsed = tf.io.parse_example(examples, features)
        color = module.table.lookup(tf.strings.lower(parsed["color"]))
        states = tf.nn.relu(parsed["x"] @ module.weight) + tf.gather(module.vectors, color)
        states += tf.sparse.reduce_sum(parsed["more"], 1)[:, tf.newaxis]
        labels = tf.gather(tf.constant(["a", "b", "c", "d"]), tf.argmax(states, 1))
        return {"states": states, "label": tf.strings.join([parsed["color"], labels], "/")}

    module.serve = serve
    rows = [([1.0, 2.0, 3.0], b"Red", [1.0]), ([-1.0, 0.5, 0.0], b"blue", []), ([0.0, 0.0, 9.0], b"none", [2.0, 3.0])]
    examples = [_example(*row) for row in rows]
    return module, {"examples": np.array(examples, object)}


def _example(x: list[float], color: bytes, more: list[float]) -> bytes:
    feature = tf.train.Feature
    floats = {"x": x, "more": more}
    features = {name: feature(float_list=tf.train.FloatList(value=value)) for name, value in floats.items()}
    features["color"] = feature(bytes_list=tf.train.BytesList(value=[color]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def write(folder: Path, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    for name, arrays in (("inputs", inputs), ("outputs", outputs)):
        np.savez(folder / f"{name}.npz", **{key: _plain(value) for key, value in arrays.items()})


def _plain(value: Any) -> Any:
    return np.array(json.dumps([list(item) for item in value])) if value.dtype == object else value


def write_saved_model(folder: Path, model: Any, inputs: dict[str, Any]) -> None:
    tf.saved_model.save(model, str(folder / "1"), signatures={"serving_default": model.serve})
    loaded = tf.saved_model.load(str(folder / "1")).signatures["serving_default"]
    found = loaded(**{name: tf.constant(value) for name, value in inputs.items()})
    write(folder, inputs, {name: value.numpy() for name, value in found.items()})


def write_lite(folder: Path, content: bytes, inputs: dict[str, Any]) -> None:
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.tflite").write_bytes(content)
    interpreter = tf.lite.Interpreter(model_content=content)
    if interpreter.get_signature_list():
        outputs = interpreter.get_signature_runner("serving_default")(**inputs)
    else:
        (value,) = inputs.values()
        interpreter.resize_tensor_input(0, value.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value)
        interpreter.invoke()
        outputs = {details["name"]: interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()}
        inputs = {interpreter.get_input_details()[0]["name"]: value}
    write(folder, inputs, outputs)


def network() -> bytes:
    """A convolution and a product in float32, with two outputs."""
    module = tf.Module()
    module.kernel, module.weight = tf.Variable(normal(3, 3, 3, 4)), tf.Variable(normal(4, 5))

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], name="image")])
    def serve(image: Any) -> dict[str, Any]:
        pooled = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(image, module.kernel, 1, "SAME")), [1, 2])
        scores = tf.nn.softmax(pooled @ module.weight)
        return {"scores": scores, "best": tf.argmax(scores, 1)}

    content: bytes = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], module).convert()
    return content


def integers() -> bytes:
    """A convolution and a product, quantized after training, that take bytes."""
    kernel, weight = tf.constant(normal(3, 3, 3, 4)), tf.constant(normal(4, 2))

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], name="image")])
    def serve(image: Any) -> dict[str, Any]:
        return {"scores": tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(image, kernel, 1, "SAME")), [1, 2]) @ weight}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], tf.Module())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([normal(1, 8, 8, 3)] for _ in range(3))
    converter.inference_input_type = tf.uint8
    content: bytes = converter.convert()
    return content


def main(folder: Path) -> None:
    tf.keras.utils.set_random_seed(7)
    for build in (cnn, encoder, parsing):
        write_saved_model(folder / build.__name__, *build())
    write_lite(folder / "lite", network(), {"image": normal(3, 8, 8, 3)})
    write_lite(folder / "integers", integers(), {"image": NUMBERS.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)})
    graph = tf.compat.v1.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        x = tf.compat.v1.placeholder(tf.float32, [None, 3], "x")
        y = tf.identity(x * 2.0, "y")
        plain = tf.compat.v1.lite.TFLiteConverter.from_session(session, [x], [y]).convert()
    write_lite(folder / "plain", plain, {"x": normal(2, 3)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    print()
    print("{}")
