"""What the gRPC front end can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.errors import InvalidArgumentError
from headrace.serving.tls import Tls
from headrace.serving.workers import default_threads

Channel = tuple[str, int | str]
"""A channel argument of gRPC's core: name and value."""


RECEIVE_SECONDS = 30.0
"""In which a request has to arrive, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class GrpcOptions:
    """Addresses and limits of the gRPC front end.

    Attributes:
        host: the address to listen on.
        port: 0 takes a free one; None listens on the socket only.
        socket_path: a Unix socket to listen on too.
        threads: requests that run at once.
        max_waiting: requests that may wait for a thread; more are answered UNAVAILABLE.
        max_message_bytes: of a request.
        receive_seconds: how long a request may take to arrive; later its call is cancelled.
        max_streams: streams of requests that may be open; more are refused.
        stream_idle_seconds: after so long without a request a stream is ended.
        channel_arguments: settings of gRPC's core, which win over ours.
        tls: None speaks plain text. The Unix socket always does.
        health: offer grpc.health.v1.Health.
        allow_reload: let clients replace the list of models; they may name any path that the server can read.
        tensor_content: answer with numbers in `tensor_content`, which is faster, not in the typed lists.
        shared_port: other processes of this server listen on the port too (Linux).
        native: let pygrpc-native listen on the TCP port. It has no TLS.
        front_end_reason: why that one, or grpcio's server, listens there; for the log.

    Raises:
        InvalidArgumentError: `native` with TLS, or without a TCP port.
    """

    host: str = "127.0.0.1"
    port: int | None = 0
    socket_path: Path | None = None
    threads: int = field(default_factory=default_threads)
    max_waiting: int = 1024
    max_message_bytes: int = 128 << 20
    receive_seconds: float = RECEIVE_SECONDS
    max_streams: int = 64
    stream_idle_seconds: float = 300.0
    channel_arguments: tuple[Channel, ...] = ()
    tls: Tls | None = None
    health: bool = True
    allow_reload: bool = True
    tensor_content: bool = False
    shared_port: bool = False
    native: bool = False
    front_end_reason: str = ""

    def __post_init__(self) -> None:
        if self.native and (self.tls is not None or self.port is None):
            given = "no port" if self.port is None else "TLS"
            raise InvalidArgumentError(f"the native gRPC front end takes plain text on a TCP port; given {given}: use grpcio's")


def parse_channel_arguments(text: str) -> tuple[Channel, ...]:
    """The channel arguments of `k=v,k=v`; a value of digits is a number.

    Raises:
        InvalidArgumentError: a part is no `name=value`, or a number is beyond 32 bits.
    """
    found: list[Channel] = []
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise InvalidArgumentError(f"{part!r} is no channel argument; expected such as grpc.max_concurrent_streams=100")
        if not value.removeprefix("-").isdecimal():
            found.append((name, value))
        elif -(1 << 31) <= int(value[:12]) < 1 << 31:
            found.append((name, int(value)))
        else:
            raise InvalidArgumentError(f"channel argument {name} is {value}; expected a number of 32 bits")
    return tuple(found)
