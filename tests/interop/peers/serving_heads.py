"""Models with classify and regress heads, and what they say, written by real TensorFlow with tensorflow-serving-api.

usage: serving_heads.py FOLDER DESCRIPTORS

FOLDER gets the models `v1`, `v2` and `named`, each with the version 1 and a warm-up file, and `broken`, whose warm-up file asks for
what is not there. Printed: for each model the requests and what TensorFlow computes; how the messages in DESCRIPTORS differ.
"""

from __future__ import annotations

import base64
import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import saved_model as messages
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

v1 = tf.compat.v1
CLASSIFY = tf.saved_model.CLASSIFY_METHOD_NAME
REGRESS = tf.saved_model.REGRESS_METHOD_NAME
WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
LABELS = [b"no", "vielleicht \u00fc".encode(), b"yes"]
FEATURES = {
    "x": tf.io.FixedLenFeature([2], tf.float32),
    "k": tf.io.FixedLenFeature([], tf.int64, 3),
    "color": tf.io.FixedLenFeature([], tf.string, b""),
}
HEADS = {"serving_default": CLASSIFY, "scores": CLASSIFY, "regress": REGRESS, "column": REGRESS}

ROWS: list[dict[str, Any]] = [
    {"x": [0.5, -1.25]},
    {"x": [1e-3, 7.0], "k": 5, "color": "red"},
    {"x": [2.5, 2.5], "k": [-2], "color": {"b64": "AP8="}},
]
CASES: dict[str, dict[str, Any]] = {
    "plain": {"examples": ROWS},
    "one": {"examples": ROWS[1:2]},
    "context": {"context": {"color": "red", "k": 11}, "examples": ROWS},
    "context_has_all": {"context": {"x": [0.25, 0.75], "k": 1}, "examples": [{}, {"x": [9.0, 9.0]}, {"other": [1, 2]}]},
}


def example(row: dict[str, Any]) -> Any:
    """The tf.Example that a JSON object stands for."""
    message = tf.train.Example()
    for name, values in row.items():
        feature = message.features.feature[name]
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, dict):
                feature.bytes_list.value.append(base64.b64decode(value["b64"]))
            elif isinstance(value, str):
                feature.bytes_list.value.append(value.encode())
            elif isinstance(value, int):
                feature.int64_list.value.append(value)
            else:
                feature.float_list.value.append(value)
    return message


def fill(proto: Any, case: dict[str, Any]) -> None:
    """Puts a case's examples into an Input message."""
    listed = proto.example_list_with_context if "context" in case else proto.example_list
    for row in case["examples"]:
        listed.examples.add().CopyFrom(example(row))
    if "context" in case:
        listed.context.CopyFrom(example(case["context"]))


def serialized(case: dict[str, Any]) -> list[bytes]:
    """The examples with the context's features, merged by protobuf itself."""
    found = []
    for row in case["examples"]:
        merged = example(case.get("context", {}))
        merged.MergeFrom(example(row))
        found.append(merged.SerializeToString())
    return found


def heads(features: dict[str, Any], weight: Any) -> dict[str, dict[str, Any]]:
    """The outputs of every head."""
    red = tf.cast(tf.equal(features["color"], b"red"), tf.float32)
    hidden = tf.concat([features["x"], tf.cast(features["k"], tf.float32)[:, None], red[:, None]], 1)
    logits = tf.matmul(hidden, weight)
    classes = tf.tile(tf.constant([LABELS]), [tf.shape(logits)[0], 1])
    return {
        "serving_default": {"classes": classes, "scores": tf.nn.softmax(logits)},
        "scores": {"scores": tf.nn.sigmoid(logits)},
        "regress": {"outputs": tf.reduce_sum(logits, 1)},
        "column": {"outputs": logits[:, :1]},
    }


def weights() -> Any:
    """Reproducible float32 values, [4, 3]."""
    return np.random.default_rng(3).standard_normal((4, 3)).astype(np.float32)


def write_v1(path: Path) -> None:
    """A graph in a session: one placeholder for all heads, and one more head that takes numbers."""
    with tf.Graph().as_default(), v1.Session() as session:
        examples = v1.placeholder(tf.string, [None], "tf_example")
        outputs = heads(v1.parse_example(examples, FEATURES), v1.get_variable("w", initializer=weights()))
        numbers = v1.placeholder(tf.float32, [None], "numbers")
        info = v1.saved_model.build_tensor_info
        signatures = {
            key: v1.saved_model.build_signature_def(
                {"inputs": info(examples)}, {name: info(value) for name, value in outputs[key].items()}, method
            )
            for key, method in HEADS.items()
        }
        signatures["numbers"] = v1.saved_model.build_signature_def(
            {"inputs": info(numbers)}, {"outputs": info(numbers + 1)}, REGRESS
        )
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()


def write_v2(path: Path) -> None:
    """A module saved as people do today: every signature says that it is one of predict."""
    module = tf.Module()
    module.weight = tf.Variable(weights())

    def head(key: str) -> Any:
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def run(inputs: Any) -> Any:
            return heads(tf.io.parse_example(inputs, FEATURES), module.weight)[key]

        return run

    functions = {key: head(key) for key in HEADS}
    module.functions = list(functions.values())
    tf.saved_model.save(module, str(path), signatures=functions)


def write_named(source: Path, path: Path) -> None:
    """The same with the methods that the heads are meant for written into its file."""
    shutil.copytree(source, path)
    file = path / "saved_model.pb"
    proto = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for key, method in HEADS.items():
        proto.meta_graphs[0].signature_def[key].method_name = method
    file.write_bytes(proto.SerializeToString())


def write_warm_up(version: Path, regress: str = "regress") -> None:
    """One request of every kind."""
    logs = [prediction_log_pb2.PredictionLog() for _ in range(4)]
    predict = logs[0].predict_log.request
    predict.model_spec.name = "any"
    predict.inputs["inputs"].CopyFrom(tf.make_tensor_proto(serialized(CASES["plain"])))
    predict.output_filter.append("scores")
    fill(logs[1].classify_log.request.input, CASES["one"])
    logs[2].regress_log.request.model_spec.signature_name = regress
    fill(logs[2].regress_log.request.input, CASES["context"])
    together = logs[3].multi_inference_log.request
    for key in ("serving_default", "column"):
        together.tasks.add(method_name=HEADS[key]).model_spec.signature_name = key
    fill(together.input, CASES["context_has_all"])
    for log in logs:
        log.log_metadata.timestamp_secs = 1
    (version / WARM_UP).parent.mkdir()
    with tf.io.TFRecordWriter(str(version / WARM_UP)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


def plain(value: Any) -> Any:
    """An array as nested lists, strings as text."""
    array = np.asarray(value)
    return np.vectorize(lambda item: item.decode(), otypes=[object])(array).tolist() if array.dtype == object else array.tolist()


def expected(path: Path) -> dict[str, Any]:
    """What TensorFlow computes for every case, by head."""
    loaded = tf.saved_model.load(str(path))
    return {
        key: {
            name: {output: plain(value) for output, value in loaded.signatures[key](tf.constant(serialized(case))).items()}
            for name, case in CASES.items()
        }
        for key in HEADS
    }


def main(folder: str, descriptors: str) -> dict[str, Any]:
    """Writes the models; returns what they compute."""
    root = Path(folder)
    versions = {name: root / name / "1" for name in ("v1", "v2", "named", "broken")}
    write_v1(versions["v1"])
    write_v2(versions["v2"])
    for name in ("named", "broken"):
        versions[name].parent.mkdir(parents=True)
        write_named(versions["v2"], versions[name])
    for name, version in versions.items():
        write_warm_up(version, "nothing" if name == "broken" else "regress")
    for name in ("prediction_service_pb2", "model_service_pb2"):
        importlib.import_module(f"tensorflow_serving.apis.{name}")
    return {
        "cases": CASES,
        "inputs": {name: [base64.b64encode(item).decode() for item in serialized(case)] for name, case in CASES.items()},
        "models": {name: expected(versions[name]) for name in ("v1", "v2", "named")},
        "differences": messages.differences(descriptors, "tensorflow.serving"),
    }


if __name__ == "__main__":
    document = main(*sys.argv[1:])
    print()
    print(json.dumps(document))
