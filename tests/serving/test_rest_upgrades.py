"""Requests that ask for another protocol are answered in HTTP/1.1, bodies and all; what is no HTTP gets an error of ours."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.serving.process import BODY, Server, serving
from tests.serving.toy import write_version

CONTENT = json.dumps(BODY).encode()
HEAD = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\n"
JAVA = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n"
"""What Java's client sends with its first request."""
LENGTH = b"Content-Length: %d\r\n\r\n" % len(CONTENT)
LIVE = b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
ANSWER = {"predictions": [[2.0, 4.0]]}


@pytest.fixture(scope="module", params=[[], ["--enable_batching"]], ids=["plain", "batched"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("upgrades")
    write_version(folder, 1, 2.0)
    with serving(folder, *request.param) as server:
        yield server.ready()
        assert server.end() == 0
    assert not any("Traceback" in line for line in server.log)


def answers(server: Server, *pieces: bytes) -> list[tuple[int, object]]:
    """Sends pieces, and reads all answers until the server closes: the status and the JSON of each."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        data = b""
        while chunk := connection.recv(65536):
            data += chunk
    found = []
    for part in data.split(b"HTTP/1.1 ")[1:]:
        head, _, body = part.partition(b"\r\n\r\n")
        found.append((int(head[:3]), json.loads(body)))
    return found


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT)
TWO = [(200, ANSWER), (200, {"live": True})]


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + JAVA + LENGTH + CONTENT + LIVE],
        [HEAD + JAVA + LENGTH, CONTENT + LIVE],
        [HEAD + JAVA + LENGTH + CONTENT[:5], CONTENT[5:], LIVE],
        [HEAD[:30], HEAD[30:] + JAVA[:50], JAVA[50:] + LENGTH[:20], LENGTH[20:] + CONTENT + LIVE],
        [HEAD + JAVA + CHUNKED + LIVE],
        [HEAD + JAVA + LENGTH + CONTENT, HEAD + JAVA.replace(b"Upgrade,", b"close, Upgrade,", 1) + LENGTH + CONTENT],
    ],
    ids=["at once", "body apart", "body in pieces", "head in pieces", "chunks", "again, and closed"],
)
def test_a_prediction_that_asks_for_http_2(server: Server, pieces: list[bytes]) -> None:
    found = answers(server, *pieces)
    assert found == (TWO if LIVE in pieces[-1] else [(200, ANSWER)] * 2)


def test_a_page_that_asks_for_a_web_socket(server: Server) -> None:
    asked = b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert answers(server, asked + LIVE) == [(200, {"live": True})] * 2


def test_a_tunnel_is_refused(server: Server) -> None:
    ((status, _),) = answers(server, b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert status == 400


NO_HTTP = [b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HEAD + b"Content-Length: x\r\n\r\n"]


@pytest.mark.parametrize("data", NO_HTTP, ids=["TLS", "HTTP/2", "a length"])
def test_what_is_no_http_gets_an_error_of_ours(server: Server, data: bytes) -> None:
    for _ in range(5):
        assert answers(server, data) == [(400, {"error": "this is no correct HTTP request"})]
    assert sum("Invalid HTTP request" in line for line in server.log) <= 2, "a client cannot fill the log: it is told once a minute"
