"""The unmodified client of tensorflow-serving-api against a server of ours, beside real TensorFlow on the same models.

serving_client.py write FOLDER          writes the models `heads` and `types`, each with the version 1
serving_client.py ask ADDRESS FOLDER    asks the server there, which serves them; prints what it says, and what TensorFlow computes
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import serving_heads
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

VALUES = {
    "float32": [[1.5, -0.25], [3e38, 1e-30]],
    "float64": [[1.5, -1e300]],
    "float16": [[0.5, -2.0], [65504.0, 1.0]],
    "bfloat16": [[0.5, -2.0]],
    "int8": [[-128, 127]],
    "int16": [[-32768, 32767]],
    "int32": [[-(2**31), 2**31 - 1]],
    "int64": [[-(2**63), 2**63 - 1], [0, 1]],
    "uint8": [[0, 255]],
    "uint16": [[0, 65535]],
    "uint32": [[0, 2**32 - 1]],
    "uint64": [[0, 2**64 - 1]],
    "bool": [[True, False], [False, False]],
    "complex64": [[1 + 2j, -3j]],
    "complex128": [[1e300 + 2j, -3j]],
    "string": [[b"a", b""], [b"\xff\x00", "ü".encode()]],
}
LISTS = {
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "string": "string_val",
}


def write(folder: str) -> None:
    """Writes the models."""
    serving_heads.write_v1(Path(folder) / "heads" / "1")
    module = tf.Module()
    module.scale = tf.Variable(2.0)
    specs = {name: tf.TensorSpec([None, 2], name, f"in_{name}") for name in VALUES}

    @tf.function
    def turn(**inputs: Any) -> Any:
        return {name.replace("in_", "out_"): tf.reverse(value, [0, 1]) for name, value in inputs.items()}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, "x")])
    def scale(x: Any) -> Any:
        return {"y": x * module.scale, "total": tf.reduce_sum(x)}

    module.scaled = scale
    every = turn.get_concrete_function(**{f"in_{name}": spec for name, spec in specs.items()})
    tf.saved_model.save(module, str(Path(folder) / "types" / "1"), signatures={"serving_default": scale, "every": every})


def listed(name: str, array: Any) -> Any:
    """A TensorProto with the values in its typed list."""
    proto = tf.make_tensor_proto(array)
    field = LISTS.get(name, "int_val")
    proto.ClearField("tensor_content")
    proto.ClearField(field)
    getattr(proto, field).extend(array.ravel().tolist())
    return proto


def text(value: Any) -> Any:
    """An array as text, exactly."""
    array = np.asarray(value)
    return [str(array.dtype), list(array.shape), [repr(item) for item in array.ravel().tolist()]]


class Asked:
    """What the server says, and what TensorFlow computes."""

    def __init__(self, address: str, folder: str) -> None:
        channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)])
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.loaded = {name: tf.saved_model.load(str(Path(folder) / name / "1")) for name in ("types", "heads")}

    def every_type(self) -> dict[str, Any]:
        """Every dtype, the values in `tensor_content` and in the lists."""
        arrays = {f"in_{name}": np.array(value, tf.dtypes.as_dtype(name).as_numpy_dtype) for name, value in VALUES.items()}
        wanted = self.loaded["types"].signatures["every"](**{name: tf.constant(value) for name, value in arrays.items()})
        forms = {"content": {name: tf.make_tensor_proto(value) for name, value in arrays.items()}}
        forms["lists"] = {
            key: forms["content"][key] if key[3:] in ("float16", "bfloat16") or "complex" in key else listed(key[3:], value)
            for key, value in arrays.items()
        }
        found = {}
        for form, protos in forms.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "types"
            request.model_spec.signature_name = "every"
            for name, proto in protos.items():
                request.inputs[name].CopyFrom(proto)
            response = self.predictions.Predict(request, 60)
            found[form] = {name: text(tf.make_ndarray(proto)) for name, proto in response.outputs.items()}
        return {"found": found, "wanted": {name: text(value.numpy()) for name, value in wanted.items()}}

    def large(self) -> dict[str, Any]:
        """A request and a response of several megabytes."""
        x = np.random.default_rng(0).standard_normal((4, 500_000)).astype(np.float32)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "types"
        request.model_spec.version.value = 1
        request.inputs["x"].CopyFrom(tf.make_tensor_proto(x))
        request.output_filter.append("y")
        response = self.predictions.Predict(request, 60)
        return {"outputs": list(response.outputs), "same": bool((tf.make_ndarray(response.outputs["y"]) == 2 * x).all())}

    def heads(self) -> dict[str, Any]:
        """Classify, Regress and MultiInference."""
        found: dict[str, Any] = {}
        for case, content in serving_heads.CASES.items():
            classify = classification_pb2.ClassificationRequest()
            classify.model_spec.name = "heads"
            serving_heads.fill(classify.input, content)
            classes = self.predictions.Classify(classify, 60).result.classifications
            regress = regression_pb2.RegressionRequest()
            regress.model_spec.name = "heads"
            regress.model_spec.signature_name = "regress"
            serving_heads.fill(regress.input, content)
            together = inference_pb2.MultiInferenceRequest()
            for key in ("serving_default", "column"):
                task = together.tasks.add(method_name=serving_heads.HEADS[key])
                task.model_spec.name = "heads"
                task.model_spec.signature_name = key
            serving_heads.fill(together.input, content)
            first, second = self.predictions.MultiInference(together, 60).results
            found[case] = {
                "labels": [[each.label for each in row.classes] for row in classes],
                "scores": [[each.score for each in row.classes] for row in classes],
                "regress": [each.value for each in self.predictions.Regress(regress, 60).result.regressions],
                "multi_scores": [[each.score for each in row.classes] for row in first.classification_result.classifications],
                "multi_column": [each.value for each in second.regression_result.regressions],
            }
        return found

    def metadata(self) -> dict[str, Any]:
        """The signatures, as the client unpacks them; TensorFlow's own stand in the file."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = "types"
        response = self.predictions.GetModelMetadata(request, 60)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        assert response.metadata["signature_def"].Unpack(signatures)
        return {
            name: {
                "method": signature.method_name,
                "inputs": {key: text_format.MessageToString(info.tensor_shape) for key, info in signature.inputs.items()},
                "dtypes": {key: tf.dtypes.as_dtype(info.dtype).name for key, info in signature.outputs.items()},
            }
            for name, signature in signatures.signature_def.items()
        }

    def status(self, name: str) -> Any:
        """The state of a model's versions."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = name
        response = self.models.GetModelStatus(request, 60)
        names = get_model_status_pb2.ModelVersionStatus.State
        return {each.version: [names.Name(each.state), each.status.error_code] for each in response.model_version_status}

    def errors(self) -> dict[str, Any]:
        """Statuses and messages of calls that must fail."""
        requests = {
            key: predict_pb2.PredictRequest() for key in ("no name", "no model", "no version", "no signature", "no inputs", "label")
        }
        for key, request in requests.items():
            request.model_spec.name = {"no name": "", "no model": "nothing"}.get(key, "types")
        requests["no version"].model_spec.version.value = 9
        requests["no signature"].model_spec.signature_name = "s"
        requests["label"].model_spec.version_label = "stable"
        found = {}
        for key, request in {**requests, "no spec": predict_pb2.PredictRequest()}.items():
            try:
                self.predictions.Predict(request, 60)
            except grpc.RpcError as error:
                found[key] = [error.code().name, error.details()]
        return found

    def reload(self, folder: str) -> dict[str, Any]:
        """Replaces the list by `heads` and a new name for `types`."""
        request = model_management_pb2.ReloadConfigRequest()
        for name, path in (("heads", "heads"), ("renamed", "types")):
            base_path = str(Path(folder) / path)
            request.config.model_config_list.config.add(name=name, base_path=base_path, model_platform="tensorflow")
        response = self.models.HandleReloadConfigRequest(request, 60)
        return {"code": response.status.error_code, "renamed": self.status("renamed"), "heads": self.status("heads")}


def main() -> None:
    """See the module."""
    command, *rest = sys.argv[1:]
    if command == "write":
        write(*rest)
        print("\n{}")
        return
    asked = Asked(*rest)
    wanted = {key: serving_heads.expected(Path(rest[1]) / "heads" / "1")[key] for key in serving_heads.HEADS}
    document = {
        "types": asked.every_type(),
        "large": asked.large(),
        "heads": {"found": asked.heads(), "wanted": wanted},
        "metadata": asked.metadata(),
        "status": asked.status("types"),
        "errors": asked.errors(),
        "reload": asked.reload(rest[1]),
    }
    print()
    print(json.dumps(document))


if __name__ == "__main__":
    main()
