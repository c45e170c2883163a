"""A server that does what it is told, connection by connection, down to single bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Self

Step = Callable[[socket.socket], None]


def http(status: int, body: bytes, length: int | None = None, keep: bool = False) -> bytes:
    """The bytes of an answer; `length` claims another size than the body has, `keep` that the connection stays open."""
    head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n" % (status, len(body) if length is None else length)
    return head + (b"\r\n" if keep else b"Connection: close\r\n\r\n") + body


def read_request(connection: socket.socket) -> bytes:
    """Reads a whole request and returns its head, empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(1 << 16)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            while len(body) < int(value):
                body += connection.recv(1 << 16)
    return head


def answer(data: bytes) -> Step:
    """Reads a request and sends these bytes."""

    def step(connection: socket.socket) -> None:
        if read_request(connection):
            connection.sendall(data)

    return step


def drip(data: bytes, seconds: float) -> Step:
    """Reads a request and sends these bytes one by one."""

    def step(connection: socket.socket) -> None:
        read_request(connection)
        for index in range(len(data)):
            connection.sendall(data[index : index + 1])
            time.sleep(seconds)

    return step


def reset(connection: socket.socket) -> None:
    """Reads a request and resets the connection."""
    read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(connection: socket.socket) -> None:
    """Reads a request and closes the connection."""
    read_request(connection)


class Faulty:
    """Takes connections and gives each the next step, the last one over and over. `taken` counts them."""

    def __init__(self, *steps: Step) -> None:
        self._steps = steps
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.taken = 0
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            step = self._steps[min(self.taken, len(self._steps) - 1)]
            self.taken += 1
            self._threads.append(threading.Thread(target=self._serve, args=(connection, step)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket, step: Step) -> None:
        with connection, contextlib.suppress(OSError):  # the client may have gone
            step(connection)
