"""Bearer tokens as the call credentials of tensorflow-serving-api's client, over TLS."""

from __future__ import annotations

from pathlib import Path

from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.tls import Tls
from tests.interop.peer_runs import run_peer
from tests.serving.access.people import TOKENS, gate
from tests.serving.certificates import Authority
from tests.serving.toy import write_version
from tests.serving.toy_grpc import GrpcService


def test_call_credentials(tmp_path: Path, tensorflow_python: Path) -> None:
    write_version(tmp_path / "m", 1, 2.0)
    authority = Authority()
    pair = authority.issue("server")
    (tmp_path / "authority.pem").write_bytes(authority.certificate)
    tokens = ["wrong", *(TOKENS[name] for name in ("risk", "other", "ops", "slow", "slow", "slow"))]
    options = GrpcOptions(threads=4, tls=Tls(pair.key, pair.certificate))
    with GrpcService(tmp_path / "m", options, gate=gate()) as service:
        said = run_peer(tensorflow_python, "serving_callers.py", service.server.address, tmp_path / "authority.pem", *tokens)
    scaled = "[[2.0, 4.0]]"
    assert said["statuses"] == [
        "UNAUTHENTICATED",
        "UNAUTHENTICATED",
        scaled,
        "PERMISSION_DENIED",
        "PERMISSION_DENIED",
        scaled,
        scaled,
        "RESOURCE_EXHAUSTED",
    ]
    assert int(said["trailers"]["retry-after"]) > 900
