"""As much of HTTP/2 as it takes to begin a gRPC call and not to end it."""

from __future__ import annotations

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(path: str, **more: str) -> bytes:
    """The header block of a call, no field compressed."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "test"}
    fields |= {"content-type": "application/grpc", "te": "trailers"} | more
    return b"".join(bytes([0, len(key)]) + key.encode() + bytes([len(value)]) + value.encode() for key, value in fields.items())


class HalfCall:
    """A call that announces a request of 1000 bytes and sends 10 of them."""

    def __init__(self, port: int, path: str) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), 30)
        start = PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, headers(path))
        self.connection.sendall(start + frame(DATA, 0, 1, b"\x00" + struct.pack(">I", 1000) + b"0123456789"))

    def wait_for_end(self) -> int:
        """The kind of the frame with which the server ends the call: RST_STREAM, or HEADERS with a status."""
        while True:
            head = self._read(9)
            self._read(int.from_bytes(head[:3], "big"))
            if int.from_bytes(head[5:], "big") == 1 and head[3] in (HEADERS, RST_STREAM):
                return head[3]

    def close(self) -> None:
        self.connection.close()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.connection.recv(size - len(data))
            assert piece, "the server closed the connection"
            data += piece
        return data
