"""tf.Modules: what hangs on an object, how its functions are called, and what they return."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from zoo_case import Case, call, signature

from zoo_models.registry import model, numbers, texts

X = numbers(3, 4)
Pair = collections.namedtuple("Pair", ["first", "second"])


@model("nested-module", "modules in lists, dicts and tuples; a shared variable under several names")
def nested(_: str) -> Case:
    class Layer(tf.Module):  # type: ignore[misc]
        def __init__(self, wide: int, seed: int) -> None:
            super().__init__()
            self.weight = tf.Variable(numbers(4, wide, seed=seed))

        @tf.function(input_signature=[tf.TensorSpec([None, 4])])
        def __call__(self, x: Any) -> Any:
            return tf.tanh(x @ self.weight)

    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = [Layer(4, 1), Layer(4, 2)]
            self.heads = {"a": Layer(2, 3), "b": Layer(3, 4)}
            self.pair = (Layer(1, 5), tf.Variable([1.0, 2.0]))
            self.again = self.layers[0]
            self.tied = self.layers[1].weight

        @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x")])
        def __call__(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x) @ tf.transpose(self.tied)
            return {"a": self.heads["a"](x), "b": self.heads["b"](x), "c": self.pair[0](self.again(x))}

    questions = [signature(x=X), call("", X), call("layers.1", X), call("pair.0", X)]
    return Case(Model(), questions, save=None)


@model("structures", "nested dict, list, tuple, named tuple and None in arguments and results")
def structures(_: str) -> Case:
    class Model(tf.Module):  # type: ignore[misc]
        @tf.function
        def run(self, x: Any, options: Any = None) -> Any:
            scale = 1.0 if options is None else options["scale"][0]
            return {"sum": x["a"] + x["b"][0], "more": [x["b"][1] * scale, (x["a"], None)]}

        @tf.function
        def pair(self, x: Any) -> Any:
            return Pair(x + 1.0, (x * 2.0, [x]))

    built = Model()
    x = {"a": numbers(2), "b": [numbers(2, seed=1), numbers(2, seed=2)]}
    options = {"scale": (np.array(3.0, np.float32),)}
    as_tensors = tf.nest.map_structure(tf.constant, x)
    built.run(as_tensors)
    built.run(as_tensors, options=tf.nest.map_structure(tf.constant, options))
    built.pair(tf.constant(X))
    return Case(built, [call("run", x), call("run", x, options=options), call("pair", X)])


@model("polymorphic", "a tf.function with traces by dtype, shape, Python value and keyword; a default value")
def polymorphic(_: str) -> Case:
    class Model(tf.Module):  # type: ignore[misc]
        @tf.function
        def run(self, x: Any, mode: str = "double", *, times: int = 2, training: bool = False) -> Any:
            y = x * tf.cast(times, x.dtype) if mode == "double" else x - tf.cast(times, x.dtype)
            return tf.nn.relu(y) if training else y

    built = Model()
    x, ints = X, np.int32([-1, 2])
    questions = [
        call("run", x),
        call("run", ints, "minus"),
        call("run", x[0], times=5),
        call("run", ints, mode="double", training=True),
    ]
    for question in questions:
        args = [tf.constant(a) if isinstance(a, np.ndarray) else a for a in question.args]
        built.run(*args, **question.kwargs)
    return Case(built, questions)


@model("multi-signature", "five signatures over shared variables, one without inputs, one that assigns")
def multi(_: str) -> Case:
    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.count = tf.Variable(numbers(4, 2)), tf.Variable(0, dtype=tf.int64)

        @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x")])
        def predict(self, x: Any) -> Any:
            return {"y": x @ self.weight, "mean": tf.reduce_mean(x)}

        @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x")])
        def classify(self, x: Any) -> Any:
            scores, classes = tf.math.top_k(tf.nn.softmax(x @ self.weight), 2)
            return {"scores": scores, "classes": tf.gather(tf.constant(["no", "yes"]), classes)}

        @tf.function(input_signature=[])
        def tick(self) -> Any:
            return self.count.assign_add(1)

        @tf.function(input_signature=[tf.TensorSpec([4, 2], name="weight")])
        def replace(self, weight: Any) -> Any:
            self.weight.assign(weight)
            return tf.norm(weight)

    built = Model()
    names = {"serving_default": built.predict, "classify": built.classify, "tick": built.tick, "replace": built.replace}
    names["other"] = built.predict
    questions = [signature(x=X), signature("classify", x=X), signature("tick"), signature("tick")]
    questions += [signature("replace", weight=numbers(4, 2, seed=9)), signature("other", x=X), call("predict", X)]
    return Case(built, questions, names)


@model("tables-and-assets", "static hash tables, a vocabulary file, a mutable table, an asset that is read")
def tables(folder: str) -> Case:
    words, note = Path(folder) / "words.txt", Path(folder) / "note.txt"
    words.write_text("a\nb\nc\n")
    note.write_text("a note")

    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.note = tf.saved_model.Asset(str(note))
            pairs = tf.lookup.KeyValueTensorInitializer(["x", "y"], tf.constant([1.5, 2.5]))
            self.values = tf.lookup.StaticHashTable(pairs, -1.0)
            lines = (str(words), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER)
            self.words = tf.lookup.StaticVocabularyTable(tf.lookup.TextFileInitializer(*lines), 4)
            self.seen = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, 0)
            self.seen.insert(tf.constant(["old"]), tf.constant([7], tf.int64))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="key")])
        def find(self, key: Any) -> Any:
            return {"value": self.values.lookup(key), "word": self.words.lookup(key), "seen": self.seen.lookup(key)}

        @tf.function(input_signature=[])
        def read(self) -> Any:
            return {"note": tf.io.read_file(self.note.asset_path)}

    built = Model()
    questions = [signature("find", key=texts("a", "c", "x", "old", "?")), signature("read")]
    return Case(built, questions, {"find": built.find, "read": built.read})


@model("custom-gradient", "a function with tf.custom_gradient and one that returns a gradient")
def custom(_: str) -> Case:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def clipped(x: Any) -> Any:
        return tf.exp(x), lambda up: tf.clip_by_value(up, -0.1, 0.1)

    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(numbers(4, 2))

        @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x")])
        def __call__(self, x: Any) -> Any:
            return clipped(x @ self.weight)

        @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x")])
        def slope(self, x: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(clipped(x @ self.weight)))
            return tape.gradient(loss, self.weight)

    built = Model()
    return Case(built, [signature(x=X), signature("slope", x=X)], {"serving_default": built.__call__, "slope": built.slope})


@model("training-step", "a function that computes gradients through dense layers and updates its variables with momentum")
def training(_: str) -> Case:
    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = [tf.Variable(numbers(4, 8)), tf.Variable(tf.zeros([8])), tf.Variable(numbers(8, 2, seed=1))]
            self.speeds = [tf.Variable(tf.zeros_like(w), trainable=False) for w in self.weights]

        @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x"), tf.TensorSpec([None], tf.int32, name="y")])
        def step(self, x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                logits = tf.nn.relu(x @ self.weights[0] + self.weights[1]) @ self.weights[2]
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
            for weight, speed, slope in zip(self.weights, self.speeds, tape.gradient(loss, self.weights), strict=True):
                speed.assign(0.9 * speed + slope)
                weight.assign_sub(0.1 * speed)
            return loss

    built = Model()
    return Case(built, [signature(x=X, y=np.int32([0, 1, 1]))] * 3, built.step)


@model("concrete-functions", "concrete functions kept as attributes and passed as signatures; captured constants")
def concrete(_: str) -> Case:
    built = tf.Module()
    offset = tf.constant(numbers(4))
    function = tf.function(lambda x: {"y": x + offset, "z": tf.reduce_sum(x * offset, 1)})
    built.fixed = function.get_concrete_function(tf.TensorSpec([2, 4], name="x"))
    built.any = function.get_concrete_function(tf.TensorSpec([None, 4], name="x"))
    questions = [signature("fixed", x=X[:2]), signature("any", x=X), call("any", x=X)]
    return Case(built, questions, {"fixed": built.fixed, "any": built.any})


@model("variables-of-all-kinds", "variables of every usual dtype, scalars, strings, empty and of a partly unknown shape")
def kinds(_: str) -> Case:
    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            names = (
                "float32",
                "float64",
                "float16",
                "bfloat16",
                "int8",
                "int16",
                "int32",
                "int64",
                "uint8",
                "uint32",
                "bool",
                "complex64",
            )
            self.kept = {name: tf.Variable(tf.cast([[0.0, 1.0, 3.0]], name), name=name) for name in names}
            self.text = tf.Variable(["a", "", "\0b"])
            self.empty = tf.Variable(tf.zeros([0, 3]))
            self.grows = tf.Variable(numbers(2, 3), shape=[None, 3])

        @tf.function(input_signature=[])
        def read(self) -> Any:
            held = {name: tf.identity(variable) for name, variable in self.kept.items()}
            return held | {"text": tf.identity(self.text), "empty": tf.identity(self.empty), "grows": tf.identity(self.grows)}

    built = Model()
    return Case(built, [signature()], built.read)
