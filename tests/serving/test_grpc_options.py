"""Addresses, TLS and settings of gRPC's core."""

from __future__ import annotations

import sys
from pathlib import Path

import grpc
import numpy as np
import pytest

from headrace.core.errors import InvalidArgumentError, NotFoundError, UnavailableError
from headrace.proto.serving import SSLConfig
from headrace.serving.grpc.front_ends import AUTO, GRPCIO, NATIVE, with_front_end
from headrace.serving.grpc.native import _listen
from headrace.serving.grpc.options import GrpcOptions, parse_channel_arguments
from headrace.serving.tls import Tls, read_tls
from tests.serving.certificates import Authority, Pair
from tests.serving.toy import write_version
from tests.serving.toy_grpc import Client, GrpcService, outputs, predict_request

REQUEST = predict_request(x=np.float32([[1, 2]]))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("server")


def write_config(folder: Path, **values: str | bool | bytes) -> Path:
    """The text of an SSLConfig, as protobuf prints it."""
    config = SSLConfig(**{key: value.decode() if isinstance(value, bytes) else value for key, value in values.items()})
    path = folder / "ssl.pbtxt"
    path.write_text(str(config))
    return path


def secure(service: GrpcService, authority: Authority, client: Pair | None = None) -> Client:
    keys = {} if client is None else {"private_key": client.key, "certificate_chain": client.certificate}
    return service.client(credentials=grpc.ssl_channel_credentials(authority.certificate, **keys))


class TestTls:
    def test_a_client_that_trusts_the_authority(self, tmp_path: Path, authority: Authority, pair: Pair) -> None:
        tls = read_tls(write_config(tmp_path, server_key=pair.key, server_cert=pair.certificate))
        write_version(tmp_path, 1, 2.0)
        with GrpcService(tmp_path, GrpcOptions(threads=1, tls=tls)) as service:
            assert outputs(secure(service, authority).call("Predict", REQUEST)) == {"y": [[2, 4]]}
            with pytest.raises(grpc.RpcError):
                service.client().method("Predict")(REQUEST, timeout=5)
            with pytest.raises(grpc.RpcError):
                secure(service, Authority()).method("Predict")(REQUEST, timeout=5)

    def test_clients_are_verified(self, tmp_path: Path, authority: Authority, pair: Pair) -> None:
        values = {"server_key": pair.key, "server_cert": pair.certificate, "custom_ca": authority.certificate}
        tls = read_tls(write_config(tmp_path, **values, client_verify=True))
        write_version(tmp_path, 1, 2.0)
        with GrpcService(tmp_path, GrpcOptions(threads=1, tls=tls)) as service:
            assert outputs(secure(service, authority, authority.issue("client")).call("Predict", REQUEST)) == {"y": [[2, 4]]}
            for stranger in (None, Authority().issue("client")):
                with pytest.raises(grpc.RpcError):
                    secure(service, authority, stranger).method("Predict")(REQUEST, timeout=5)

    def test_what_cannot_be_used_is_named(self, tmp_path: Path, authority: Authority, pair: Pair) -> None:
        def fault(**values: str | bool | bytes) -> str:
            with pytest.raises(InvalidArgumentError) as caught:
                read_tls(write_config(tmp_path, **values))
            return caught.value.message

        assert "server_key is missing" in fault(server_cert=pair.certificate)
        assert "server_cert is no PEM text" in fault(server_key=pair.key, server_cert="server.pem")
        assert "client_verify needs custom_ca" in fault(server_key=pair.key, server_cert=pair.certificate, client_verify=True)
        other = authority.issue("other")
        assert "cannot be used: KEY_VALUES_MISMATCH" in fault(server_key=other.key, server_cert=pair.certificate)
        assert "cannot be used" in fault(server_key=pair.key, server_cert=pair.certificate[:100])
        with pytest.raises(NotFoundError):
            read_tls(tmp_path / "nothing")

    def test_keys_are_not_printed(self, pair: Pair, tmp_path: Path) -> None:
        tls = read_tls(write_config(tmp_path, server_key=pair.key, server_cert=pair.certificate))
        assert "PRIVATE KEY" not in repr(GrpcOptions(tls=tls))


class TestAddresses:
    def test_a_unix_socket_alone(self, tmp_path: Path) -> None:
        write_version(tmp_path / "m", 1, 2.0)
        socket = tmp_path / "grpc.sock"
        with GrpcService(tmp_path / "m", GrpcOptions(threads=1, port=None, socket_path=socket)) as service:
            assert service.server.port is None
            assert service.server.address == f"unix:{socket}"
            assert outputs(service.client().call("Predict", REQUEST)) == {"y": [[2, 4]]}
        assert not socket.exists()

    def test_a_socket_beside_a_port(self, tmp_path: Path) -> None:
        write_version(tmp_path / "m", 1, 2.0)
        socket = tmp_path / "grpc.sock"
        with GrpcService(tmp_path / "m", GrpcOptions(threads=1, socket_path=socket)) as service:
            client = Client(f"unix:{socket}")
            for each in (client, service.client()):
                assert outputs(each.call("Predict", REQUEST)) == {"y": [[2, 4]]}
            client.close()

    def test_addresses_that_cannot_be_listened_on(self, tmp_path: Path) -> None:
        write_version(tmp_path / "m", 1)
        with GrpcService(tmp_path / "m") as service:
            taken = service.server.port
            for options in (GrpcOptions(port=taken), GrpcOptions(port=None, socket_path=tmp_path / "no" / "socket")):
                with pytest.raises(UnavailableError, match="cannot listen for gRPC on"), GrpcService(tmp_path / "m", options):
                    pass


class TestChannelArguments:
    def test_numbers_and_texts(self) -> None:
        assert parse_channel_arguments("") == ()
        assert parse_channel_arguments("grpc.a=1,grpc.b=x=y,grpc.c=-5,") == (("grpc.a", 1), ("grpc.b", "x=y"), ("grpc.c", -5))

    @pytest.mark.parametrize("text", ["grpc.a", "=1", "a=99999999999"])
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(InvalidArgumentError, match="channel argument"):
            parse_channel_arguments(text)

    def test_they_win_over_ours(self, tmp_path: Path) -> None:
        write_version(tmp_path, 1)
        options = GrpcOptions(threads=1, channel_arguments=(("grpc.max_receive_message_length", 10),))
        with GrpcService(tmp_path, options) as service:
            assert service.client().refusal("Predict", REQUEST)[0] == "RESOURCE_EXHAUSTED"


class TestFrontEnds:
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
    def test_the_native_one_is_taken_where_only_this_machine_can_reach_it(self, host: str) -> None:
        pytest.importorskip("pygrpc_native")
        chosen = with_front_end(GrpcOptions(host=host, port=1), AUTO, guarded=False)
        assert (chosen.native, chosen.front_end_reason) == (True, "it is the faster one, and nothing speaks against it")

    @pytest.mark.parametrize(
        ("options", "guarded", "reason"),
        [
            (GrpcOptions(port=None, socket_path=Path("s")), False, "the native one listens on TCP only"),
            (GrpcOptions(tls=Tls(b"", b"")), False, "the native one has no TLS"),
            (GrpcOptions(host="0.0.0.0"), False, "0.0.0.0 can be reached from elsewhere, "),
            (GrpcOptions(host="::"), False, ":: can be reached from elsewhere, "),
            (GrpcOptions(host="models.example"), False, "models.example can be reached from elsewhere, "),
            (GrpcOptions(), True, "callers have to show who they are, "),
            (GrpcOptions(channel_arguments=(("grpc.max_metadata_size", 100),)), False, "channel arguments are grpcio's"),
            (GrpcOptions(receive_seconds=1.0), False, "the native one bounds no time in which a request arrives"),
        ],
    )
    def test_grpcio_is_taken_where_the_native_one_lacks_something(self, options: GrpcOptions, guarded: bool, reason: str) -> None:
        chosen = with_front_end(options, AUTO, guarded)
        assert not chosen.native
        assert chosen.front_end_reason.startswith(reason)

    def test_grpcio_is_taken_where_there_is_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pygrpc_native", None)
        chosen = with_front_end(GrpcOptions(), AUTO, guarded=False)
        assert not chosen.native
        assert chosen.front_end_reason.startswith("the native one cannot be used here (import of pygrpc_native halted")
        with pytest.raises(InvalidArgumentError, match="install it with: pip install 'headrace\\[serving\\]'"):
            _listen("127.0.0.1:0", [], False)

    def test_what_is_asked_for_is_taken(self) -> None:
        assert with_front_end(GrpcOptions(host="0.0.0.0"), NATIVE, guarded=True).native
        assert not with_front_end(GrpcOptions(), GRPCIO, guarded=False).native
        with pytest.raises(InvalidArgumentError, match="given TLS: use grpcio's"):
            with_front_end(GrpcOptions(tls=Tls(b"", b"")), NATIVE, guarded=False)
