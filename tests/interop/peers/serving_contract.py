"""The models that TensorFlow Serving's own tests serve, written anew by real TensorFlow, and its client's view of a server of them.

serving_contract.py write FOLDER                    writes the models; each has the version 123
serving_contract.py ask GRPC SOCKET REST            asks a server of all of them; prints what it says
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

v1 = tf.compat.v1
PREDICT, CLASSIFY, REGRESS = (f"tensorflow/serving/{method}" for method in ("predict", "classify", "regress"))


def write_half_plus(path: Path, more: float) -> None:
    """x / 2 + `more`, as the classic graph: a placeholder of examples, from which x is parsed and where it can be fed too."""
    with tf.Graph().as_default(), v1.Session() as session:
        half, added, three = (v1.get_variable(name, initializer=value) for name, value in (("a", 0.5), ("b", more), ("c", 3.0)))
        examples = v1.placeholder(tf.string, [None], "tf_example")
        features = {"x": tf.io.FixedLenFeature([], tf.float32), "x2": tf.io.FixedLenFeature([], tf.float32, 0.0)}
        parsed = v1.parse_example(examples, features)
        x = tf.identity(parsed["x"], "x")
        y = tf.add(tf.multiply(half, x), added, "y")
        y2 = tf.add(tf.multiply(half, x), three, "y2")
        y3 = tf.add(tf.multiply(half, tf.identity(parsed["x2"], "x2")), three, "y3")
        info = v1.saved_model.build_tensor_info
        heads = {
            "regress_x_to_y": ("outputs", y, REGRESS),
            "regress_x_to_y2": ("outputs", y2, REGRESS),
            "regress_x2_to_y3": ("outputs", y3, REGRESS),
            "classify_x_to_y": ("scores", tf.expand_dims(y, 1), CLASSIFY),
        }
        define = v1.saved_model.build_signature_def
        signatures = {
            name: define({"inputs": info(examples)}, {output: info(value)}, method)
            for name, (output, value, method) in heads.items()
        }
        signatures["serving_default"] = define({"x": info(x)}, {"y": info(y)}, PREDICT)
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()


def write_function(path: Path) -> None:
    """A concrete function of a checkpointable object, whose argument has no known shape."""
    root = tf.train.Checkpoint()
    root.v1, root.v2 = tf.Variable(3.0), tf.Variable(2.0)
    root.f = tf.function(lambda x: {"y": root.v1 * root.v2 * x})
    tf.saved_model.save(root, str(path), root.f.get_concrete_function(tf.TensorSpec(None, tf.float32)))


def write_signatures(path: Path) -> None:
    """Two signatures that give constants."""
    root = tf.train.Checkpoint()
    spec = [tf.TensorSpec(None, tf.float32, "x")]
    root.f = tf.function(lambda x: {"y": 1.0}, input_signature=spec)
    root.g = tf.function(lambda x: {"y": 2.0}, input_signature=spec)
    tf.saved_model.save(root, str(path), signatures={"serving_default": root.f, "custom_signature_key": root.g})


def _sequential(*layers: Any) -> Any:
    return tf.keras.Sequential([tf.keras.Input((1,), name="x", dtype="float32"), *layers, tf.keras.layers.Identity(name="y")])


def write_keras(path: Path) -> None:
    """A Keras model."""
    _sequential().export(str(path), verbose=False)


def write_distributed(path: Path) -> None:
    """A Keras model of a mirrored strategy."""
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    with tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"]).scope():
        model = _sequential(tf.keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="zeros"))
    model.export(str(path), verbose=False)


MODELS: dict[str, Callable[[Path], None]] = {
    "distributed": write_distributed,  # first: devices are configured before anything runs
    "half_plus_two": lambda path: write_half_plus(path, 2.0),
    "half_plus_three": lambda path: write_half_plus(path, 3.0),
    "function": write_function,
    "signatures": write_signatures,
    "keras": write_keras,
}


def write(folder: str) -> None:
    """Writes the models."""
    for name, make in MODELS.items():
        make(Path(folder) / name / "00000123")


class Asked:
    """What a server says."""

    def __init__(self, address: str) -> None:
        channel = grpc.insecure_channel(address)
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)

    def predict(self, model: str, signature: str = "", batch: bool = False, wanted: tuple[str, ...] = ()) -> list[Any]:
        """The one output of x = 2, and what answered."""
        request = predict_pb2.PredictRequest(output_filter=wanted)
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([[2.0]] if batch else [2.0]))
        result = self.predictions.Predict(request, 60)
        ((name, proto),) = result.outputs.items()
        spec = result.model_spec
        return [name, list(proto.float_val), spec.name, spec.signature_name, spec.version.value]

    def classify(self) -> list[Any]:
        """The class of x = 2."""
        request = classification_pb2.ClassificationRequest()
        self._about(request, "classify_x_to_y")
        result = self.predictions.Classify(request, 60)
        return [[each.label, each.score] for row in result.result.classifications for each in row.classes]

    def regress(self) -> list[float]:
        """The value of x = 2."""
        request = regression_pb2.RegressionRequest()
        self._about(request, "regress_x_to_y")
        return [each.value for each in self.predictions.Regress(request, 60).result.regressions]

    def multi_inference(self) -> list[Any]:
        """Both at once."""
        request = inference_pb2.MultiInferenceRequest()
        for name, method in (("regress_x_to_y", REGRESS), ("classify_x_to_y", CLASSIFY), ("regress_x_to_y2", REGRESS)):
            task = request.tasks.add(method_name=method)
            task.model_spec.name, task.model_spec.signature_name = "half_plus_two", name
        request.input.example_list.examples.add().features.feature["x"].float_list.value.append(2.0)
        first, second, third = self.predictions.MultiInference(request, 60).results
        values = [first.regression_result.regressions[0].value, third.regression_result.regressions[0].value]
        names = [[each.model_spec.signature_name, each.model_spec.version.value] for each in (first, second, third)]
        return [values, second.classification_result.classifications[0].classes[0].score, names]

    def status(self) -> list[Any]:
        """The versions."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "half_plus_two"
        return [
            [each.version, each.state, each.status.error_code]
            for each in self.models.GetModelStatus(request, 60).model_version_status
        ]

    def metadata(self) -> Any:
        """The signatures, as JSON; and what TensorFlow's own file says."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = "half_plus_two"
        signatures = get_model_metadata_pb2.SignatureDefMap()
        assert self.predictions.GetModelMetadata(request, 60).metadata["signature_def"].Unpack(signatures)
        return {name: json_format.MessageToDict(each) for name, each in signatures.signature_def.items()}

    @staticmethod
    def _about(request: Any, signature: str) -> None:
        request.model_spec.name, request.model_spec.signature_name = "half_plus_two", signature
        request.input.example_list.examples.add().features.feature["x"].float_list.value.append(2.0)


def rest(url: str, content: Any = None) -> Any:
    """An answer over REST."""
    data = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=60) as response:
        return [json.loads(response.read()), response.headers["Content-Type"]]


def ask(address: str, socket: str, url: str) -> dict[str, Any]:
    """Everything."""
    asked, base = Asked(address), f"{url}/v1/models/half_plus_two"
    example = {"examples": [{"x": 2.0}]}
    return {
        "status": asked.status(),
        "metadata": asked.metadata(),
        "classify": asked.classify(),
        "regress": asked.regress(),
        "multi_inference": asked.multi_inference(),
        "predict": [asked.predict("half_plus_two", wanted=wanted) for wanted in (("y",), ())],
        "three": asked.predict("half_plus_three"),
        "socket": Asked(f"unix:{socket}").predict("half_plus_two"),
        "function": asked.predict("function"),
        "signatures": [asked.predict("signatures", name) for name in ("custom_signature_key", "")],
        "keras": [asked.predict(name, batch=True)[1:] for name in ("keras", "distributed")],
        "rest": {
            "classify": rest(f"{base}:classify", {"signature_name": "classify_x_to_y", **example}),
            "regress": rest(f"{base}:regress", {"signature_name": "regress_x_to_y", **example}),
            "rows": rest(f"{base}:predict", {"instances": [2.0, 3.0, 4.0]}),
            "columns": rest(f"{base}/versions/123:predict", {"signature_name": "serving_default", "inputs": [2.0, 3.0, 4.0]}),
            "status": rest(base),
            "metadata": rest(f"{base}/metadata"),
        },
    }


def main() -> None:
    """See the module."""
    command, *arguments = sys.argv[1:]
    document = write(*arguments) if command == "write" else ask(*arguments)
    print()
    print(json.dumps(document))


if __name__ == "__main__":
    main()
