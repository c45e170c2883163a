"""Clients that send slowly, send too much before their request begins, or do not read: each costs a connection for a while."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving.process import BODY, Server, serving
from tests.serving.toy import wait_until, write_version

HEAD = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\n"
FLAGS = ("--rest_api_receive_timeout_in_ms=1000", "--rest_api_timeout_in_ms=2000", "--rest_api_num_threads=2")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("slow")
    write_version(folder, 1)
    with serving(folder, *FLAGS) as server:
        yield server.ready()
        assert server.end() == 0
    assert not any("Traceback" in line for line in server.log)


@contextlib.contextmanager
def connections(server: Server, count: int = 1) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        yield [stack.enter_context(socket.create_connection(address, 60)) for _ in range(count)]


def until_closed(connection: socket.socket) -> bytes:
    """All that the server sends before it closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            data += chunk
    return data


def read_to(connection: socket.socket, end: bytes) -> bytes:
    """What the server sends, which ends so."""
    data = b""
    while not data.endswith(end):
        chunk = connection.recv(65536)
        assert chunk, data
        data += chunk
    return data


def answers(server: Server) -> bool:
    return httpx.post(f"{server.url}/v1/models/m:predict", json=BODY, timeout=60).status_code == 200


@pytest.mark.parametrize("sent", [b"", b"POST", HEAD, HEAD + b"X: ", b"\r\n\r\n\r\n"])
def test_a_head_that_does_not_come_to_an_end(server: Server, sent: bytes) -> None:
    with connections(server, 100) as many:
        for connection in many:
            connection.sendall(sent)
        assert answers(server)
        for connection in many:
            assert until_closed(connection) == b""
        assert answers(server)


def test_a_head_that_comes_byte_by_byte(server: Server) -> None:
    with connections(server) as (connection,), contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for byte in HEAD + b"X: " + b"x" * 10_000:
            connection.sendall(bytes([byte]))
            readable, _, _ = select.select([connection], [], [], 0.05)
            if readable and not connection.recv(100):
                return
        pytest.fail("the server let it go on")


def test_the_second_request_of_a_connection_has_to_come_in_time_too(server: Server) -> None:
    with connections(server) as (connection,):
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
        assert read_to(connection, b"}").startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /li")
        assert until_closed(connection) == b""


@pytest.mark.parametrize("rest", [b"X: " + b"x" * 300_000, b"X: y\r\n" * 60_000])
def test_a_head_without_end_is_refused_at_its_limit(server: Server, rest: bytes) -> None:
    with connections(server) as (connection,):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(HEAD + rest)
        answer = until_closed(connection)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431"), answer
    assert answers(server)


def test_trailers_without_end_are_refused_too(server: Server) -> None:
    body = json.dumps(BODY).encode()
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(body), body)
    with connections(server) as (connection,):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(chunked + b"X: y\r\n" * 200_000)
        answer = until_closed(connection)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431"), answer
    assert answers(server)


def test_bodies_that_do_not_come_hold_no_threads(server: Server) -> None:
    with connections(server, 50) as many:
        for connection in many:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        assert answers(server)
        for connection in many:
            assert until_closed(connection).startswith(b"HTTP/1.1 504")


def test_what_is_left_of_a_request_that_is_answered_has_to_come_in_time(server: Server) -> None:
    with connections(server) as (connection,):
        connection.sendall(b"POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
        assert read_to(connection, b"}").startswith(b"HTTP/1.1 404")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(1000):
                connection.sendall(b"x")
                readable, _, _ = select.select([connection], [], [], 0.05)
                if readable and not connection.recv(100):
                    return
            pytest.fail("the server let it go on")


def test_an_early_answer_leaves_the_connection_usable(server: Server) -> None:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    with contextlib.closing(connection):
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("POST", "/nothing", b"x" * 200_000)
            response = connection.getresponse()
            assert response.status == 404
            response.read()
        assert connection.sock is first


def test_a_client_that_does_not_read_is_broken_off(server: Server) -> None:
    request = json.dumps({"signature_name": "divide", "inputs": [3.0] * 2_000_000}).encode()
    with connections(server) as (connection,):
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(request) + request)
        poll = select.poll()
        poll.register(connection, 0)  # errors and the end are told of all the same
        assert poll.poll(60_000), "the server still waits for a client that does not read"
    assert answers(server)


def test_a_client_that_reads_slowly_gets_its_answer(server: Server) -> None:
    request = json.dumps({"signature_name": "divide", "inputs": [3.0] * 1_000_000}).encode()
    with connections(server) as (connection,):
        connection.sendall(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(request) + request)
        head, size = b"", 0
        while chunk := connection.recv(1 << 20):
            head = head or chunk[:100]
            size += len(chunk)
            time.sleep(0.2)
    assert head.startswith(b"HTTP/1.1 200")
    assert size > 5_000_000


def test_connections_over_the_limit_are_refused(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    with serving(tmp_path, "--rest_api_max_connections=20") as server:
        server.ready()
        with connections(server, 20), connections(server) as (one_more,):
            answer = until_closed(one_more)
            assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
                "error": "this server takes 20 connections at once; try again later"
            }
        wait_until(lambda: answers_now(server))
        assert server.end() == 0


def answers_now(server: Server) -> bool:
    try:
        return answers(server)
    except httpx.HTTPError:
        return False
