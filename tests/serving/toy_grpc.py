"""The gRPC front end in this process, and a client of grpcio's on our own messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import grpc
import numpy as np

from headrace.proto import serving
from headrace.proto.tensors import from_proto, to_proto
from headrace.serving.access.gate import Gate
from headrace.serving.batching.options import BatchingOptions
from headrace.serving.batching.versions import Batching
from headrace.serving.dataplane import Dataplane
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.grpc.server import GrpcServer
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models
from tests.serving.toy import QUICK, ToyEngine

PREDICTION = "tensorflow.serving.PredictionService"
MODELS = "tensorflow.serving.ModelService"

RESPONSES = {
    "Predict": serving.PredictResponse,
    "Classify": serving.ClassificationResponse,
    "Regress": serving.RegressionResponse,
    "MultiInference": serving.MultiInferenceResponse,
    "GetModelMetadata": serving.GetModelMetadataResponse,
    "GetModelStatus": serving.GetModelStatusResponse,
    "HandleReloadConfigRequest": serving.ReloadConfigResponse,
}


class Client:
    """One channel. `credentials` makes it a secure one."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None = None, **options: Any) -> None:
        settings = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1), *options.items()]
        if credentials is None:
            self.channel = grpc.insecure_channel(address, options=settings)
        else:
            self.channel = grpc.secure_channel(address, credentials, options=settings)

    def method(self, name: str) -> Any:
        """A callable that sends a message, or bytes as they are, and gives the response."""
        service = MODELS if name in ("GetModelStatus", "HandleReloadConfigRequest") else PREDICTION
        return self.channel.unary_unary(
            f"/{service}/{name}",
            request_serializer=lambda message: message if isinstance(message, bytes) else message.SerializeToString(),
            response_deserializer=RESPONSES[name].FromString,
        )

    def call(self, name: str, request: Any, timeout: float = 60) -> Any:
        """Calls a method and waits."""
        return self.method(name)(request, timeout=timeout, wait_for_ready=True)

    def refusal(self, name: str, request: Any, timeout: float = 60) -> tuple[str, str]:
        """Calls a method that must fail; its status and message."""
        try:
            self.call(name, request, timeout)
        except grpc.RpcError as error:
            return error.code().name, error.details()  # type: ignore[attr-defined]
        raise AssertionError("the call succeeded")

    def close(self) -> None:
        self.channel.close()


def predict_request(signature: str = "", version: int | None = None, name: str = "m", **inputs: Any) -> Any:
    """A PredictRequest; inputs are arrays or TensorProtos."""
    request = serving.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(to_proto(value) if isinstance(value, np.ndarray) else value)
    return request


def outputs(response: Any) -> dict[str, Any]:
    """The outputs of a PredictResponse as nested lists."""
    return {name: from_proto(proto).tolist() for name, proto in response.outputs.items()}


class Front:
    """The gRPC server before `models`; on a free port unless `options` say otherwise."""

    def __init__(
        self, models: Models, metrics: ServingMetrics, options: GrpcOptions | None = None, gate: Gate | None = None
    ) -> None:
        self.models = models
        self.metrics = metrics
        self.dataplane = Dataplane(models, metrics)
        self.server = GrpcServer(self.dataplane, metrics, options or GrpcOptions(threads=4), gate=gate)
        self.clients: list[Client] = []

    def __enter__(self) -> Self:
        self.models.start()
        assert self.models.wait_settled(30)
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            client.close()
        self.server.drain(10).wait(30)
        self.server.close(10)
        assert self.models.stop(30)

    def client(self, **options: Any) -> Client:
        """A client on a channel of its own, closed with the server."""
        self.clients.append(Client(self.server.address, **options))
        return self.clients[-1]


class GrpcService(Front):
    """One model `m` on the toy engine."""

    def __init__(
        self,
        base_path: Path,
        options: GrpcOptions | None = None,
        engine: Any = None,
        lifecycle: LifecycleOptions = QUICK,
        batching: BatchingOptions | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.engine = engine or ToyEngine()
        metrics = ServingMetrics()
        batches = Batching(batching, metrics.batching) if batching is not None else None
        model = ModelLifecycle("m", base_path, self.engine, lifecycle, on_load=metrics.loaded, batching=batches)
        super().__init__(Models([model]), metrics, options, gate)
