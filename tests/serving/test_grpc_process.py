"""`headrace serve` with gRPC as a process, over real sockets."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from headrace.cli.main import main
from tests.serving.process import BODY, Server, serving
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_grpc import Client, outputs, predict_request

REQUEST = predict_request(x=np.float32([[1, 2]]))
ENDLESS = predict_request("slow", seconds=np.float32([600]))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    write_version(tmp_path, 1, 2.0)
    with serving(tmp_path, "--port=auto", "--shutdown_grace_seconds=20") as server:
        yield server.ready()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    client = Client(server.grpc)
    yield client
    client.close()


def in_flight(server: Server, protocol: str) -> bool:
    return f'in_flight{{protocol="{protocol}"}} 1' in httpx.get(f"{server.url}/monitoring/prometheus/metrics").text


def test_both_protocols_at_once(server: Server, client: Client) -> None:
    assert outputs(client.call("Predict", REQUEST)) == {"y": [[2, 4]]}
    assert httpx.post(f"{server.url}/v1/models/m:predict", json=BODY).json() == {"predictions": [[2.0, 4.0]]}
    assert server.end() == 0


def test_grpc_alone(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 2.0)
    with serving(tmp_path, "--rest_api_port=0", "--port=auto") as server:
        server.ready()
        assert not server.url
        client = Client(server.grpc)
        assert outputs(client.call("Predict", REQUEST)) == {"y": [[2, 4]]}
        client.close()
        assert server.end() == 0
    assert not any("Traceback" in line for line in server.log)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_calls_of_both_protocols_end(server: Server, client: Client, number: int) -> None:
    seconds = 1.5
    call = client.method("Predict").future(predict_request("slow", seconds=np.float32([seconds])))
    wait_until(lambda: in_flight(server, "GRPC"))
    server.process.send_signal(number)
    wait_until(lambda: not _accepts(server))
    assert outputs(call.result(60)) == {"done": [True]}
    assert server.wait() == 0
    assert any('"unloaded" model=m version=1' in line for line in server.log)
    assert not any("Traceback" in line for line in server.log)


def test_a_second_signal_does_not_wait(server: Server, client: Client) -> None:
    call = client.method("Predict").future(ENDLESS)
    wait_until(lambda: in_flight(server, "GRPC"))
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not _accepts(server))
    server.process.send_signal(signal.SIGTERM)
    with pytest.raises(grpc.RpcError):
        call.result(15)


def test_a_call_that_hangs_does_not_keep_the_server_alive(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    with serving(tmp_path, "--port=auto", "--shutdown_grace_seconds=0.2") as server:
        server.ready()
        client = Client(server.grpc)
        call = client.method("Predict").future(ENDLESS)
        wait_until(lambda: in_flight(server, "GRPC"))
        assert server.end() == 0
        with pytest.raises(grpc.RpcError):
            call.result(15)
        client.close()


def test_bytes_that_are_no_http2(server: Server, client: Client) -> None:
    address = ("127.0.0.1", int(server.grpc.rpartition(":")[2]))
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4096, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 4096):
        with socket.create_connection(address, 10) as connection:
            try:
                connection.sendall(nonsense)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except TimeoutError:
                raise
            except OSError:  # the server has broken it off by now
                pass
    assert outputs(client.call("Predict", REQUEST)) == {"y": [[2, 4]]}
    assert server.end() == 0


def test_a_port_in_use_is_named_before_models_load(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    with socket.create_server(("127.0.0.1", 0)) as taken, serving(tmp_path, f"--port={taken.getsockname()[1]}") as server:
        assert server.wait() == 1
    assert any("cannot listen on 127.0.0.1" in line for line in server.log)
    assert not any('"loading"' in line for line in server.log)


def test_flags_reach_the_server(tmp_path: Path) -> None:
    write_version(tmp_path / "m", 1, 2.0)
    flags = ["--port=auto", "--enable_serialization_as_tensor_content", f"--grpc_socket_path={tmp_path / 's'}"]
    limits = ["--grpc_max_message_bytes=1000", "--grpc_channel_arguments=grpc.max_concurrent_streams=10"]
    with serving(tmp_path / "m", *flags, *limits) as server:
        server.ready()
        client = Client(f"unix:{tmp_path / 's'}")
        assert client.call("Predict", REQUEST).outputs["y"].tensor_content
        assert client.refusal("Predict", predict_request(x=np.zeros((1000, 2), np.float32)))[0] == "RESOURCE_EXHAUSTED"
        client.close()
        assert server.end() == 0


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--grpc_channel_arguments=x", "'x' is no channel argument"),
        ("--ssl_config_file=/no/file", "cannot read /no/file"),
    ],
)
def test_bad_flags_are_named(tmp_path: Path, flag: str, message: str) -> None:
    result = CliRunner().invoke(main, ["serve", f"--model_base_path={tmp_path}", "--port=auto", flag])
    assert result.exit_code == 1
    assert message in result.output


def _accepts(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(server.grpc.rpartition(":")[2])), 5).close()
    except OSError:
        return False
    return True
