"""Which front end takes gRPC's calls on the TCP port: grpcio's server, or pygrpc-native before it."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from headrace.serving.grpc.options import RECEIVE_SECONDS, GrpcOptions

AUTO, GRPCIO, NATIVE = "auto", "grpcio", "native"


def with_front_end(options: GrpcOptions, wanted: str, guarded: bool) -> GrpcOptions:
    """`options` with the front end that is wanted; AUTO takes the native one where it does all that is asked of it.

    Args:
        options: what gRPC is told.
        wanted: AUTO, GRPCIO or NATIVE.
        guarded: callers must show who they are, so others may be able to reach the port.

    Raises:
        InvalidArgumentError: NATIVE with TLS, or without a TCP port.
    """
    if wanted != AUTO:
        return replace(options, native=wanted == NATIVE, front_end_reason="--grpc_front_end asks for it")
    obstacle = _obstacle(options, guarded)
    return replace(options, native=not obstacle, front_end_reason=obstacle or "it is the faster one, and nothing speaks against it")


def _obstacle(options: GrpcOptions, guarded: bool) -> str:
    """Why the native front end is not to be used; empty where it is."""
    if options.port is None:
        return "the native one listens on TCP only"
    if options.tls is not None:
        return "the native one has no TLS"
    if not _is_loopback(options.host):
        return f"{options.host} can be reached from elsewhere, and the native one bounds no message while it arrives"
    if guarded:
        return "callers have to show who they are, and the native one bounds no message while it arrives"
    if options.channel_arguments:
        return "channel arguments are grpcio's"
    if options.receive_seconds != RECEIVE_SECONDS:
        return "the native one bounds no time in which a request arrives"
    try:
        import pygrpc_native  # noqa: PLC0415  there are no wheels of it for some platforms
    except ImportError as error:
        return f"the native one cannot be used here ({error})"
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
