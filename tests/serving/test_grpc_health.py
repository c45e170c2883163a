"""grpc.health.v1 and grpc.reflection, with the clients of grpcio-health-checking and grpcio-reflection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from headrace.serving.grpc.options import GrpcOptions
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_grpc import MODELS, PREDICTION, GrpcService

SERVING, NOT_SERVING, UNKNOWN = 1, 2, 3


@pytest.fixture
def service(tmp_path: Path) -> Iterator[GrpcService]:
    write_version(tmp_path, 1)
    with GrpcService(tmp_path) as service:
        yield service


def health(service: GrpcService) -> health_pb2_grpc.HealthStub:
    return health_pb2_grpc.HealthStub(service.client().channel)


def ask(name: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=name)


class TestHealth:
    @pytest.mark.parametrize("name", ["", PREDICTION, MODELS, "grpc.health.v1.Health"])
    def test_what_is_served(self, service: GrpcService, name: str) -> None:
        assert health(service).Check(ask(name), timeout=30).status == SERVING

    def test_a_service_that_there_is_not(self, service: GrpcService) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            health(service).Check(ask("other"), timeout=30)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert next(iter(health(service).Watch(ask("other"), timeout=30))).status == UNKNOWN

    def test_prediction_is_not_served_without_a_version(self, tmp_path: Path) -> None:
        (write_version(tmp_path, 1) / "saved_model.pb").write_text("{")
        with GrpcService(tmp_path) as service:
            stub = health(service)
            assert stub.Check(ask(PREDICTION), timeout=30).status == NOT_SERVING
            assert stub.Check(ask(""), timeout=30).status == SERVING

    def test_watchers_are_told_of_changes_and_of_the_end(self, service: GrpcService, monkeypatch: pytest.MonkeyPatch) -> None:
        stub = health(service)
        whole, prediction = (iter(stub.Watch(ask(name), timeout=60)) for name in ("", PREDICTION))
        assert (next(whole).status, next(prediction).status) == (SERVING, SERVING)
        monkeypatch.setattr(service.models, "unready", lambda: ["m"])
        assert next(prediction).status == NOT_SERVING
        monkeypatch.undo()
        assert next(prediction).status == SERVING
        ended = service.server.drain(30)
        assert (next(whole).status, next(prediction).status) == (NOT_SERVING, NOT_SERVING)
        for watch in (whole, prediction):
            with pytest.raises(StopIteration):
                next(watch)
        assert ended.wait(30)

    def test_watchers_keep_no_thread_and_are_forgotten(self, service: GrpcService) -> None:
        stub = health(service)
        calls = [stub.Watch(ask("")) for _ in range(50)]
        assert [next(iter(call)).status for call in calls] == [SERVING] * 50
        assert stub.Check(ask(""), timeout=30).status == SERVING
        for call in calls:
            call.cancel()
        wait_until(lambda: not service.server._health._watchers)

    def test_the_number_of_watchers_is_bounded(self, service: GrpcService, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("headrace.serving.grpc.health.MAX_WATCHERS", 1)
        stub = health(service)
        first = iter(stub.Watch(ask(""), timeout=60))
        next(first)
        second = iter(stub.Watch(ask(""), timeout=60))
        with pytest.raises(grpc.RpcError) as caught:
            list(second)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    def test_garbage(self, service: GrpcService) -> None:
        call = service.client().channel.unary_stream("/grpc.health.v1.Health/Watch")(b"\xff", timeout=30)
        with pytest.raises(grpc.RpcError) as caught:
            list(call)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    def test_it_can_be_off(self, tmp_path: Path) -> None:
        write_version(tmp_path, 1)
        with GrpcService(tmp_path, GrpcOptions(threads=1, health=False)) as service:
            with pytest.raises(grpc.RpcError) as caught:
                health(service).Check(ask(""), timeout=30)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


class TestReflection:
    def test_a_client_without_protos_finds_services_and_builds_messages(self, service: GrpcService) -> None:
        database = ProtoReflectionDescriptorDatabase(service.client().channel)
        assert set(database.get_services()) == {
            PREDICTION,
            MODELS,
            "inference.GRPCInferenceService",
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
        }
        pool = DescriptorPool(database)
        methods = pool.FindServiceByName(PREDICTION).methods_by_name
        assert set(methods) == {"Classify", "Regress", "Predict", "MultiInference", "GetModelMetadata"}
        assert methods["Predict"].input_type.fields_by_name["inputs"].number == 2
        assert set(pool.FindServiceByName(MODELS).methods_by_name) == {"GetModelStatus", "HandleReloadConfigRequest"}
        assert (
            pool.FindFileByName("framework.proto").message_types_by_name["TensorProto"].fields_by_name["tensor_content"].number == 4
        )

    def test_what_is_not_declared_is_said(self, service: GrpcService) -> None:
        stub = reflection_pb2_grpc.ServerReflectionStub(service.client().channel)
        requests = [
            reflection_pb2.ServerReflectionRequest(file_by_filename="no.proto"),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.Such"),
            reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type="no.Such"),
            reflection_pb2.ServerReflectionRequest(file_containing_extension=reflection_pb2.ExtensionRequest(containing_type="a")),
            reflection_pb2.ServerReflectionRequest(),
            reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type="tensorflow.TensorProto"),
        ]
        answers = list(stub.ServerReflectionInfo(iter(requests), timeout=30))
        assert [answer.error_response.error_code for answer in answers] == [5, 5, 5, 5, 3, 0]
        assert "'no.proto' is not declared" in answers[0].error_response.error_message
        assert answers[5].all_extension_numbers_response.base_type_name == "tensorflow.TensorProto"

    def test_a_method_as_a_symbol(self, service: GrpcService) -> None:
        stub = reflection_pb2_grpc.ServerReflectionStub(service.client().channel)
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"{PREDICTION}.Predict")
        (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=30)
        assert len(answer.file_descriptor_response.file_descriptor_proto) > 5

    def test_garbage(self, service: GrpcService) -> None:
        method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        call = service.client().channel.stream_stream(method)(iter([b"\xff"]), timeout=30)
        with pytest.raises(grpc.RpcError) as caught:
            list(call)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
