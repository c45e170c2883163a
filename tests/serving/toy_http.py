"""An application on a socket, answered directly where that is possible or not at all, and clients that send what they like."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from headrace.serving.rest.app import RestApp
from headrace.serving.rest.connections import ConnectionLimits
from headrace.serving.rest.direct.exchange import Exchange
from headrace.serving.rest.listening import HttpServer, bound_socket, http_config

_DATE = re.compile(rb"\r\ndate: [^\r]+")
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)")


class Watched:
    """Answers directly, and keeps how many requests were taken and how many left."""

    def __init__(self, app: RestApp) -> None:
        self._direct = app.direct()
        self.taken = self.left = 0

    def take(self, connection: Any) -> Exchange | None:
        exchange = self._direct.take(connection)
        self.taken += exchange is not None
        self.left += exchange is None
        return exchange


class Listening:
    """A server in a thread of its own, until the `with` block ends.

    Args:
        app: the application.
        direct: whether requests may be answered without it.
        grace: seconds for requests in progress at the end.
    """

    def __init__(self, app: RestApp, direct: bool, grace: float = 30.0) -> None:
        self.watched = Watched(app) if direct else None
        self._listener = bound_socket("127.0.0.1", 0)
        self._ready = threading.Event()
        told: Any = self.watched
        self.http = HttpServer(http_config(app, None, ConnectionLimits(), grace, told), self._ready.set)
        self._thread = threading.Thread(target=self.http.run, args=([self._listener],))

    def __enter__(self) -> Listening:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self, force: bool = False) -> None:
        """Ends it and waits; `force` does not wait for requests in progress."""
        self.http.should_exit = True
        self.http.force_exit = force
        self._thread.join(60)
        assert not self._thread.is_alive()

    @contextlib.contextmanager
    def connection(self) -> Iterator[socket.socket]:
        with socket.create_connection(self._listener.getsockname(), 30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield connection

    def answers(self, pieces: Sequence[bytes], count: int = 1, pause: float = 0.0) -> bytes:
        """What comes back, less the dates, for what is sent in pieces: so many answers, or all until the server closes."""
        with self.connection() as connection:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            return received(connection, count)


def received(connection: socket.socket, count: int = 1) -> bytes:
    """So many answers, or all until the server closes, less the dates."""
    data = b""
    while complete(data) < count and (chunk := connection.recv(65536)):
        data += chunk
    return _DATE.sub(b"", data)


def complete(data: bytes) -> int:
    """How many whole answers there are."""
    count = 0
    while b"\r\n\r\n" in data:
        head, _, rest = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        size = int(length[1]) if length is not None else 0
        if not head.startswith(b"HTTP/1.1 100"):
            if len(rest) < size:
                break
            count += 1
        data = rest[size:]
    return count


PREDICT = "/v1/models/m:predict"


def request(
    body: bytes, target: str = PREDICT, *headers: str, method: str = "POST", version: str = "1.1", length: bool = True
) -> bytes:
    """A request as it is sent."""
    lines = [f"{method} {target} HTTP/{version}", "Host: h", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


_COUNTED = re.compile(r"[\w:]*(?:request|batch|caller|access|run|in_flight|traffic|cache)\w*[{ ]")
_TIMED = re.compile(r"_(?:bucket|sum)\b|seconds_|python_|_size")


def counts(page: str) -> Counter[str]:
    """What a metrics page counts of what happened, and not of how long it took."""
    lines = [line for line in page.splitlines() if _COUNTED.match(line) and not _TIMED.search(line)]
    return Counter({series: int(float(value)) for series, _, value in (line.rpartition(" ") for line in lines)})
