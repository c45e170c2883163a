"""Opens gRPC connections to a server and holds them, in a process of its own: one process may not have files enough for both ends.

    python tests/serving/faults/many_calls.py PORT COUNT

Opens COUNT connections, half of which have begun a call and half of which have had one answered; says `open` on standard output,
and holds them until standard input ends. Then it asks once more on each of the latter and prints how many were answered.
"""

from __future__ import annotations

import resource
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.serving.http2 import END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, frame, headers

SPARE = 64
CALL = headers("/tensorflow.serving.PredictionService/Predict")


def ask(connection: socket.socket, stream: int) -> bool:
    """True when a call, which lacks its request, is answered that it does."""
    connection.sendall(frame(HEADERS, END_HEADERS | END_STREAM, stream, CALL))
    data = b""
    while True:
        while len(data) < 9 or len(data) < 9 + int.from_bytes(data[:3], "big"):
            chunk = connection.recv(4096)
            if not chunk:
                return False
            data += chunk
        size, kind = int.from_bytes(data[:3], "big"), data[3]
        if kind == HEADERS and int.from_bytes(data[5:9], "big") == stream:
            return True
        data = data[9 + size :]


def main(port: int, count: int) -> None:
    """See the module."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + SPARE, hard))
    begun, kept = [], []
    for number in range(count):
        connection = socket.create_connection(("127.0.0.1", port), 60)
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
        if number % 2:
            connection.sendall(frame(HEADERS, 0, 1, CALL[:20]))
            begun.append(connection)
        else:
            assert ask(connection, 1)
            kept.append(connection)
    print("open", flush=True)
    sys.stdin.read()
    print(sum(ask(connection, 3) for connection in kept), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
