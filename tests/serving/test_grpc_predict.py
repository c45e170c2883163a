"""PredictionService.Predict and the metadata, through grpcio's client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.proto import serving
from headrace.proto.messages import TensorProto
from headrace.serving.grpc.options import GrpcOptions
from tests.serving.toy import ToyModel, write_version
from tests.serving.toy_grpc import Client, GrpcService, outputs, predict_request

X = np.float32([[1, 2], [3, 4]])


@pytest.fixture
def service(tmp_path: Path) -> Iterator[GrpcService]:
    write_version(tmp_path, 7, 2.0)
    with GrpcService(tmp_path, GrpcOptions(threads=4, max_message_bytes=100_000)) as service:
        yield service


@pytest.fixture
def client(service: GrpcService) -> Client:
    return service.client()


class TestPredict:
    def test_what_answered_is_echoed(self, client: Client) -> None:
        response = client.call("Predict", predict_request(x=X))
        assert outputs(response) == {"y": [[2, 4], [6, 8]]}
        spec = response.model_spec
        assert (spec.name, spec.version.value, spec.signature_name) == ("m", 7, "serving_default")

    def test_values_stand_in_the_typed_lists(self, client: Client) -> None:
        response = client.call("Predict", predict_request(x=X))
        proto = response.outputs["y"]
        assert list(proto.float_val) == [2, 4, 6, 8]
        assert not proto.tensor_content
        assert [dim.size for dim in proto.tensor_shape.dim] == [2, 2]

    def test_tensor_content_on_request_of_the_operator(self, tmp_path: Path) -> None:
        write_version(tmp_path, 1, 2.0)
        with GrpcService(tmp_path, GrpcOptions(threads=2, tensor_content=True)) as service:
            proto = service.client().call("Predict", predict_request(x=X)).outputs["y"]
        assert proto.tensor_content == (2 * X).tobytes()
        assert not proto.float_val

    def test_inputs_in_every_form(self, client: Client) -> None:
        listed = TensorProto(dtype=1, float_val=[1, 2, 3, 4])
        repeated = TensorProto(dtype=1, float_val=[5])
        for proto, rows in ((listed, 2), (repeated, 3)):
            proto.tensor_shape.dim.add().size = rows
            proto.tensor_shape.dim.add().size = 2
        assert outputs(client.call("Predict", predict_request(x=listed))) == {"y": [[2, 4], [6, 8]]}
        assert outputs(client.call("Predict", predict_request(x=repeated))) == {"y": [[10, 10]] * 3}

    def test_several_outputs_and_a_filter(self, client: Client) -> None:
        request = predict_request("pair", a=np.float32([2]), b=np.int64([3]))
        assert outputs(client.call("Predict", request)) == {"sum": [5], "product": [6]}
        request.output_filter.append("sum")
        assert outputs(client.call("Predict", request)) == {"sum": [5]}

    def test_strings(self, client: Client) -> None:
        response = client.call("Predict", predict_request("text", s=np.array([b"ab", b"\xff"], object)))
        assert outputs(response) == {"upper": [b"AB", b"\xff"], "raw_bytes": [b"ab", b"\xff"]}

    def test_scalars_and_odd_floats(self, client: Client) -> None:
        assert outputs(client.call("Predict", predict_request("total", x=np.float32([1, 2])))) == {"total": 3}
        found = outputs(client.call("Predict", predict_request("divide", x=np.float32([0, np.nan, 2]))))["y"]
        assert found[0] == np.inf
        assert np.isnan(found[1])
        assert found[2] == 0.5

    def test_an_empty_batch(self, client: Client) -> None:
        assert client.call("Predict", predict_request(x=X[:0])).outputs["y"].tensor_shape.dim[0].size == 0

    def test_a_version_by_number(self, client: Client) -> None:
        assert client.call("Predict", predict_request(version=7, x=X)).model_spec.version.value == 7


class TestRefusals:
    """The statuses and messages of TensorFlow Serving."""

    @pytest.mark.parametrize(
        ("request_", "code", "message"),
        [
            (predict_request(name="n", x=X), "NOT_FOUND", "Servable not found for request: Latest(n)"),
            (predict_request(version=9, x=X), "NOT_FOUND", "Servable not found for request: Specific(m, 9)"),
            (predict_request(name="", x=X), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
            (serving.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
            (predict_request("s", x=X), "FAILED_PRECONDITION", 'Serving signature key "s" not found.'),
            (
                predict_request(),
                "INVALID_ARGUMENT",
                "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
            ),
            (predict_request(x=X[0]), "INVALID_ARGUMENT", 'input "x" has shape (2,); expected (None, 2)'),
            (
                predict_request(x=X.astype(np.float64)),
                "INVALID_ARGUMENT",
                'input "x" has dtype float64; expected float32',
            ),
            (predict_request(x=TensorProto(dtype=20)), "INVALID_ARGUMENT", 'input "x" has DataType 20, which has no values'),
            (
                predict_request(x=TensorProto(dtype=1, tensor_content=b"123")),
                "INVALID_ARGUMENT",
                'input "x" holds 3 bytes; float32 of shape [] takes 4',
            ),
            (
                predict_request(x=TensorProto(dtype=7, tensor_content=b"\xff")),
                "INVALID_ARGUMENT",
                'input "x" is damaged',
            ),
            (b"\x0a\xff\xff", "INVALID_ARGUMENT", "the request is no serialized tensorflow.serving.PredictRequest (3 bytes)"),
            (predict_request("broken", x=X), "INTERNAL", "model m version 7 failed: RuntimeError: this model always fails"),
        ],
    )
    def test_of_requests(self, client: Client, request_: Any, code: str, message: str) -> None:
        found = client.refusal("Predict", request_)
        assert found[0] == code
        assert found[1].startswith(message)

    def test_of_labels(self, client: Client) -> None:
        request = predict_request(x=X)
        request.model_spec.version_label = "stable"
        assert client.refusal("Predict", request) == ("INVALID_ARGUMENT", "Unrecognized servable version label: stable")

    def test_of_filters(self, client: Client) -> None:
        request = predict_request(x=X)
        request.output_filter.append("z")
        code, message = client.refusal("Predict", request)
        assert code == "INVALID_ARGUMENT"
        assert 'names "z"' in message

    def test_a_small_message_cannot_fill_the_memory(self, client: Client) -> None:
        claim = TensorProto(dtype=1, float_val=[1])
        claim.tensor_shape.dim.add().size = 1 << 40
        code, message = client.refusal("Predict", predict_request(x=claim))
        assert code == "RESOURCE_EXHAUSTED"
        assert "at most 100000 bytes" in message

    def test_a_message_over_the_limit(self, client: Client) -> None:
        assert client.refusal("Predict", predict_request(x=np.zeros((20_000, 2), np.float32)))[0] == "RESOURCE_EXHAUSTED"
        assert client.call("Predict", predict_request(x=X))

    def test_a_long_message_is_cut(self, client: Client) -> None:
        code, message = client.refusal("Predict", predict_request(name="é" * 20_000))
        assert code == "NOT_FOUND"
        assert message.startswith("Servable not found for request: Latest(éé")
        assert len(message.encode()) < 2100

    def test_a_method_that_there_is_not(self, service: GrpcService) -> None:
        import grpc

        call = service.client().channel.unary_unary("/tensorflow.serving.SessionService/SessionRun")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=30)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]

    def test_a_fault_of_ours_is_not_shown(self, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
        def fail(*_: object) -> None:
            raise LookupError("secret")

        monkeypatch.setattr("headrace.serving.grpc.known_answers.predict_pieces", fail)
        code, message = client.refusal("Predict", predict_request(x=X))
        assert (code, "secret" in message) == ("INTERNAL", False)
        assert "LookupError: secret" in caplog.text


class TestMetadata:
    @staticmethod
    def ask(*fields: str, name: str = "m") -> Any:
        request = serving.GetModelMetadataRequest(metadata_field=fields)
        request.model_spec.name = name
        return request

    def test_every_signature(self, client: Client) -> None:
        response = client.call("GetModelMetadata", self.ask("signature_def"))
        assert (response.model_spec.name, response.model_spec.version.value) == ("m", 7)
        packed = response.metadata["signature_def"]
        assert packed.type_url == "type.googleapis.com/tensorflow.serving.SignatureDefMap"
        signatures = serving.SignatureDefMap.FromString(packed.value).signature_def
        assert set(signatures) == set(ToyModel.signatures)
        default = signatures["serving_default"]
        assert default.method_name == "tensorflow/serving/predict"
        x = default.inputs["x"]
        assert (x.name, x.dtype, [dim.size for dim in x.tensor_shape.dim]) == ("serving_default_x:0", 1, [-1, 2])
        assert signatures["broken"].inputs["x"].tensor_shape.unknown_rank

    def test_refusals(self, client: Client) -> None:
        assert client.refusal("GetModelMetadata", self.ask()) == (
            "INVALID_ARGUMENT",
            "GetModelMetadataRequest must specify at least one metadata_field",
        )
        code, message = client.refusal("GetModelMetadata", self.ask("signature_def", "other"))
        assert (code, message.startswith("Metadata field other is not supported")) == ("INVALID_ARGUMENT", True)
        assert client.refusal("GetModelMetadata", self.ask("signature_def", name="n"))[0] == "NOT_FOUND"
        assert client.refusal("GetModelMetadata", serving.GetModelMetadataRequest()) == ("INVALID_ARGUMENT", "Missing ModelSpec")
