"""Who may ask what over gRPC."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from headrace.proto import serving
from headrace.proto.messages import message
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.grpc.peers import address_of
from headrace.serving.grpc.v2 import messages
from headrace.serving.tls import Tls
from tests.serving.access.people import OPEN, TEXT, bearer, gate
from tests.serving.certificates import Authority
from tests.serving.test_grpc_options import secure
from tests.serving.toy import write_version
from tests.serving.toy_grpc import Client, GrpcService, outputs, predict_request

X = np.ones((1, 2), np.float32)
INFERENCE = "/inference.GRPCInferenceService/"


def status_request(name: str = "m") -> Any:
    request = serving.GetModelStatusRequest()
    request.model_spec.name = name
    return request


def metadata_request() -> Any:
    request = serving.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "m"
    return request


def ask(client: Client, name: str, request: Any, who: str = "") -> str:
    """The status that a call ends with."""
    try:
        client.method(name)(request, timeout=60, wait_for_ready=True, metadata=tuple(bearer(who).items()) if who else ())
    except grpc.RpcError as error:
        return str(error.code().name)  # type: ignore[attr-defined]
    return "OK"


def never(answered: threading.Event) -> Iterator[bytes]:
    """A request that is not sent before the call has ended."""
    answered.wait(60)
    yield b""


@pytest.fixture(params=["grpcio", "native"])
def service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[GrpcService]:
    native = request.param == "native"
    if native:
        pytest.importorskip("pygrpc_native")
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, GrpcOptions(threads=4, native=native), gate=gate()) as made:
        yield made


def test_callers_have_their_models(service: GrpcService) -> None:
    client = service.client()
    for name, request, risk, ops in [
        ("Predict", predict_request(x=X), "OK", "PERMISSION_DENIED"),
        ("GetModelStatus", status_request(), "OK", "OK"),
        ("GetModelMetadata", metadata_request(), "OK", "OK"),
        ("HandleReloadConfigRequest", serving.ReloadConfigRequest(), "PERMISSION_DENIED", "FAILED_PRECONDITION"),
    ]:
        wanted = {"": "UNAUTHENTICATED", "wrong": "UNAUTHENTICATED", "risk": risk, "ops": ops, "other": "PERMISSION_DENIED"}
        assert {who: ask(client, name, request, who) for who in wanted} == wanted, name
    assert ask(client, "Predict", predict_request(name="another", x=X), "other") == "NOT_FOUND"
    assert ask(client, "Predict", b"\xff no message", "other") == "INVALID_ARGUMENT"
    assert ask(client, "Predict", b"\xff no message", "wrong") == "UNAUTHENTICATED"


def test_what_streams_is_guarded_too(service: GrpcService) -> None:
    channel = service.client().channel
    kind = message("grpc.reflection.v1.ServerReflectionRequest")
    reflect = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", kind.SerializeToString)
    infer = channel.stream_stream(f"{INFERENCE}ModelStreamInfer", messages.ModelInferRequest.SerializeToString)
    wanted = messages.ModelInferRequest(model_name="m")
    asks: list[tuple[Callable[..., Any], Any]] = [(reflect, kind(list_services="")), (infer, wanted)]
    for method, request in asks:
        with pytest.raises(grpc.RpcError) as caught:
            list(method(iter([request]), timeout=60, wait_for_ready=True))
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED  # type: ignore[attr-defined]
        assert len(list(method(iter([request]), timeout=60, metadata=tuple(bearer("risk").items())))) == 1
    denied = list(infer(iter([wanted]), timeout=60, metadata=tuple(bearer("other").items())))
    assert b"other may not use model" in denied[0]


def test_the_open_inference_protocol(service: GrpcService) -> None:
    channel = service.client().channel

    def call(name: str, request: Any, who: str = "") -> Any:
        method = channel.unary_unary(INFERENCE + name, type(request).SerializeToString)
        try:
            return method(request, timeout=60, wait_for_ready=True, metadata=tuple(bearer(who).items()) if who else ())
        except grpc.RpcError as error:
            return error.code().name  # type: ignore[attr-defined]

    assert isinstance(call("ServerLive", messages.ServerLiveRequest()), bytes)
    assert call("ServerMetadata", messages.ServerMetadataRequest()) == "UNAUTHENTICATED"
    for request, name in [
        (messages.ModelReadyRequest(name="m"), "ModelReady"),
        (messages.ModelMetadataRequest(name="m"), "ModelMetadata"),
        (messages.ModelInferRequest(model_name="m"), "ModelInfer"),
    ]:
        assert call(name, request, "other") == "PERMISSION_DENIED"
    index = messages.RepositoryIndexResponse.FromString(call("RepositoryIndex", messages.RepositoryIndexRequest(), "other"))
    assert len(index.models) == 0


def test_health_is_open(service: GrpcService) -> None:
    kind = message("grpc.health.v1.HealthCheckRequest")
    check = service.client().channel.unary_unary("/grpc.health.v1.Health/Check", kind.SerializeToString)
    assert check(kind(), timeout=60, wait_for_ready=True) == b"\x08\x01"


def test_requests_over_the_limit(service: GrpcService) -> None:
    client = service.client()
    assert [ask(client, "Predict", predict_request(x=X), "slow") for _ in range(3)] == ["OK", "OK", "RESOURCE_EXHAUSTED"]
    assert ask(client, "GetModelStatus", status_request(), "slow") == "RESOURCE_EXHAUSTED"
    with pytest.raises(grpc.RpcError) as caught:
        client.method("Predict")(predict_request(x=X), timeout=60, metadata=tuple(bearer("slow").items()))
    trailers = dict(caught.value.trailing_metadata())  # type: ignore[attr-defined]
    assert int(trailers["retry-after"]) > 900
    assert ask(client, "Predict", predict_request(x=X), "heavy") == "OK"
    assert ask(client, "Predict", predict_request(x=X), "heavy") == "RESOURCE_EXHAUSTED"


def test_whoever_is_turned_away_sends_no_request(tmp_path: Path) -> None:
    """The answer comes while the client has not sent its message, and says when to try again."""
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, gate=gate()) as service:
        client = service.client()
        answered = threading.Event()
        for who, wanted in [("wrong", "UNAUTHENTICATED"), ("slow", "RESOURCE_EXHAUSTED")]:
            if who == "slow":
                assert [ask(client, "Predict", predict_request(x=X), "slow") for _ in range(2)] == ["OK", "OK"]
            call = client.channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
            with pytest.raises(grpc.RpcError) as caught:
                call(never(answered), timeout=50, metadata=tuple(bearer(who).items()))
            assert caught.value.code().name == wanted  # type: ignore[attr-defined]
        answered.set()
        trailers = dict(caught.value.trailing_metadata())  # type: ignore[attr-defined]
        assert int(trailers["grpc-retry-pushback-ms"]) == 1000 * int(trailers["retry-after"])


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:50123", "127.0.0.1"),
        ("ipv6:%5B::1%5D:50123", "::1"),
        ("ipv6:[2001:db8::1]:1", "2001:db8::1"),
        ("unix:", "unix"),
        ("127.0.0.1:5", "127.0.0.1"),
        ("", "unknown"),
    ],
)
def test_addresses(peer: str, address: str) -> None:
    assert address_of(peer) == address


def test_names_of_client_certificates(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 2.0)
    authority = Authority()
    pair = authority.issue("server")
    tls = Tls(pair.key, pair.certificate, authority.certificate, verify_clients=True)
    with GrpcService(tmp_path, GrpcOptions(threads=4, tls=tls), gate=gate()) as service:
        risk = secure(service, authority, authority.issue("risk.bank.example"))
        assert outputs(risk.call("Predict", predict_request(x=X))) == {"y": [[2, 2]]}
        assert risk.refusal("Predict", predict_request(name="another", x=X))[0] == "PERMISSION_DENIED"
        stranger = secure(service, authority, authority.issue("stranger.bank.example"))
        assert stranger.refusal("Predict", predict_request(x=X))[0] == "UNAUTHENTICATED"
        assert ask(stranger, "Predict", predict_request(x=X), "risk") == "OK"


def test_the_anonymous(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, gate=gate(TEXT + OPEN)) as service:
        clients = [service.client(), service.client()]
        codes = [ask(clients[number % 2], "Predict", predict_request(x=X)) for number in range(4)]
        assert codes == ["OK", "OK", "OK", "RESOURCE_EXHAUSTED"]
