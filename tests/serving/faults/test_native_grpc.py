"""Clients that misbehave at the native gRPC front end: others are answered meanwhile, and the server ends in good order."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from tests.serving.http2 import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    HalfCall,
    frame,
    headers,
)
from tests.serving.process import Server, serving
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_grpc import PREDICTION, Client, outputs, predict_request

pytest.importorskip("pygrpc_native")

PATH = f"/{PREDICTION}/Predict"
REQUEST = predict_request(x=np.float32([[1, 2]]))
FLAGS = ("--port=auto", "--grpc_front_end=native", "--grpc_max_threads=2", "--enable_batching")
START = PREFACE + frame(SETTINGS, 0, 0)
MOST_GROWTH = 64 << 20
"""Bytes of memory that none of these may take; a frame that was kept for each one sent would take more."""
CONNECTIONS = int(os.environ.get("HEADRACE_CONNECTIONS", "1000"))
CLIENT = Path(__file__).with_name("many_calls.py")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("native")
    write_version(folder, 1)
    with serving(folder, *FLAGS) as server:
        yield server.ready()
        assert server.end() == 0
    assert not any("Traceback" in line for line in server.log)


def port_of(server: Server) -> int:
    return int(server.grpc.rpartition(":")[2])


@contextlib.contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port_of(server)), 30) as made:
        made.sendall(START)
        yield made


def answers(server: Server) -> None:
    """Asserts that others are answered."""
    client = Client(server.grpc)
    try:
        assert outputs(client.call("Predict", REQUEST, timeout=60)) == {"y": [[1, 2]]}
    finally:
        client.close()


def resident(server: Server) -> int:
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def last_frame(connection: socket.socket) -> tuple[int, bytes]:
    """The kind and the content of the last frame before the server closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            data += chunk
    kind, content = -1, b""
    while len(data) >= 9:
        size = int.from_bytes(data[:3], "big")
        kind, content, data = data[3], data[9 : 9 + size], data[9 + size :]
    return kind, content


def test_beginnings_that_do_not_go_on_hold_up_nobody(server: Server) -> None:
    head = START + frame(HEADERS, 0, 1, headers(PATH)[:20])
    with contextlib.ExitStack() as stack:
        for sent in [b"", PREFACE[:10], START, head, head + frame(CONTINUATION, 0, 1)] * 40:
            made = stack.enter_context(socket.create_connection(("127.0.0.1", port_of(server)), 30))
            made.sendall(sent)
        answers(server)


def test_requests_that_do_not_come_hold_no_thread_and_none_at_the_end(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    with serving(tmp_path, *FLAGS) as server:
        server.ready()
        calls = [HalfCall(port_of(server), PATH) for _ in range(50)]
        answers(server)
        for call in calls[:10]:
            call.close()
        answers(server)
        started = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - started < 20  # nobody waits for what is not there
        for call in calls[10:]:
            call.close()


def test_a_request_that_comes_byte_by_byte_is_answered_when_it_is_there(server: Server) -> None:
    data = REQUEST.SerializeToString()
    with connection(server) as made:
        made.sendall(frame(HEADERS, END_HEADERS, 1, headers(PATH)))
        for byte in b"\0" + struct.pack(">I", len(data)) + data:
            made.sendall(frame(0, 0, 1, bytes([byte])))
            answers(server) if byte == data[-1] else time.sleep(0.002)
        made.sendall(frame(0, END_STREAM, 1))
        made.settimeout(60)
        found = b""
        while b"\x0a\x15" not in found and struct.pack("<2f", 1, 2) not in found:
            found += made.recv(65536)


def test_calls_that_are_begun_and_reset_end_the_connection(server: Server) -> None:
    with connection(server) as made:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for stream in range(1, 40_001, 2):
                begun = frame(HEADERS, END_HEADERS, stream, headers(PATH))
                made.sendall(begun + frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))
            pytest.fail("the server let it go on")
        answers(server)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells a process's memory")
@pytest.mark.parametrize("read", [True, False], ids=["read", "unread"])
@pytest.mark.parametrize("kind", [PING, SETTINGS], ids=["pings", "settings"])
def test_floods_that_ask_for_replies_take_no_memory(server: Server, kind: int, read: bool) -> None:
    answers(server)
    before = resident(server)
    with connection(server) as made:
        made.settimeout(0.0)
        many = frame(kind, 0, 0, b"12345678" if kind == PING else b"") * 1000
        left = b""
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            left = left or many
            with contextlib.suppress(BlockingIOError):
                left = left[made.send(left) :]
            if read:
                with contextlib.suppress(BlockingIOError):
                    made.recv(1 << 20)
        answers(server)
        assert resident(server) - before < MOST_GROWTH


def test_headers_without_end_are_refused(server: Server) -> None:
    field = b"\x00\x05x-abc\x64" + b"y" * 100
    with connection(server) as made:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            made.sendall(frame(HEADERS, 0, 1, headers(PATH)))
            for _ in range(200_000):
                made.sendall(frame(CONTINUATION, 0, 1, field))
            pytest.fail("the server let it go on")
        kind, _ = last_frame(made)
        assert kind in (GOAWAY, -1)
    answers(server)


def test_too_much_metadata_is_refused(server: Server) -> None:
    client = Client(server.grpc)
    try:
        with pytest.raises(grpc.RpcError) as caught:
            client.method("Predict")(REQUEST, timeout=30, metadata=[("x-much", "y" * 20_000)])
        assert caught.value.code() in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.RESOURCE_EXHAUSTED)  # type: ignore[attr-defined]
        assert outputs(client.call("Predict", REQUEST)) == {"y": [[1, 2]]}
    finally:
        client.close()


def test_random_bytes(server: Server) -> None:
    numbers = random.Random(1)
    for begin in (b"", PREFACE, START, START + frame(HEADERS, END_HEADERS, 1, headers(PATH))) * 40:
        with socket.create_connection(("127.0.0.1", port_of(server)), 30) as made, contextlib.suppress(OSError):
            made.sendall(begin + numbers.randbytes(numbers.randrange(1, 3000)))
    answers(server)


def test_the_files_of_thousands_of_connections_are_given_back(server: Server) -> None:
    def open_files() -> int:
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))

    answers(server)
    before = open_files()
    command = [sys.executable, str(CLIENT), str(port_of(server)), str(CONNECTIONS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdin is not None
        assert client.stdout.readline() == "open\n"
        wait_until(lambda: open_files() >= before + CONNECTIONS)
        answers(server)
        client.stdin.close()
        assert int(client.stdout.readline()) == CONNECTIONS // 2
        assert client.wait(60) == 0
    wait_until(lambda: open_files() < before + 20)


def test_kill_and_start_again_on_the_same_port(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    with serving(tmp_path, *FLAGS) as server:
        server.ready()
        port = port_of(server)
        half = HalfCall(port, PATH)
        answers(server)
        assert server.end(signal.SIGKILL) == -signal.SIGKILL
        with serving(tmp_path, f"--port={port}", *FLAGS[1:]) as again:
            answers(again.ready())
            assert again.end() == 0
        half.close()
