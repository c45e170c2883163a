"""Opens connections to a server and holds them, in a process of its own: one process may not have files enough for both ends.

    python tests/serving/faults/many_connections.py PORT COUNT

Opens COUNT connections, half of which have begun a request and half of which have had one answered; says `open` on standard output,
and holds them until standard input ends. Then it asks once more on each of the latter and prints how many were answered.
"""

from __future__ import annotations

import resource
import socket
import sys

REQUEST = b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"
SPARE = 64


def ask(connection: socket.socket) -> bool:
    """True when a request is answered."""
    connection.sendall(REQUEST)
    data = b""
    while not data.endswith(b'{"live":true}'):
        chunk = connection.recv(4096)
        if not chunk:
            return False
        data += chunk
    return data.startswith(b"HTTP/1.1 200")


def main(port: int, count: int) -> None:
    """See the module."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + SPARE, hard))
    begun, kept = [], []
    for number in range(count):
        connection = socket.create_connection(("127.0.0.1", port), 60)
        if number % 2:
            connection.sendall(REQUEST[:10])
            begun.append(connection)
        else:
            assert ask(connection)
            kept.append(connection)
    print("open", flush=True)
    sys.stdin.read()
    print(sum(ask(connection) for connection in kept), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
