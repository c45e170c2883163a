"""gRPC channels, by grpcio."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio

from headrace.client.address import Address
from headrace.client.errors import of_code
from headrace.client.exchange import Exchange
from headrace.client.session import Limits
from headrace.client.tls import Tls
from headrace.core.errors import CancelledError, OpError


def _options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.max_response_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_retries", 0),  # ours know the budget
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.use_local_subchannel_pool", 1),  # connections of this client alone, closed with it
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
    ]


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(tls.authority or None, tls.key or None, tls.certificate or None)


def _error(error: Any) -> OpError:
    """The error of a call that failed (a grpc.RpcError of a call)."""
    return of_code(error.code().value[0], error.details() or f"the call failed with {error.code().name}")


class GrpcTransport:
    """Sends requests from threads."""

    def __init__(self, address: Address, tls: Tls, limits: Limits) -> None:
        options = _options(limits)
        self._channel = (
            grpc.secure_channel(address.target, _credentials(tls), options)
            if address.secure
            else grpc.insecure_channel(address.target, options)
        )

    def send(self, exchange: Exchange, seconds: float) -> bytes:
        """The serialized answer; the deadline travels to the server.

        Raises:
            OpError: the call failed; UnavailableError if it may be made again.
        """
        try:
            method: Any = self._channel.unary_unary(exchange.path)
            answer: bytes = method(exchange.body, timeout=seconds)
        except grpc.RpcError as error:
            raise _error(error) from None
        except ValueError as error:  # closed by another thread
            raise CancelledError(f"the client was closed: {error}") from None
        return answer

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


class AsyncGrpcTransport:
    """Sends requests from the tasks of one event loop."""

    def __init__(self, address: Address, tls: Tls, limits: Limits) -> None:
        options = _options(limits)
        self._channel = (
            grpc.aio.secure_channel(address.target, _credentials(tls), options)
            if address.secure
            else grpc.aio.insecure_channel(address.target, options)
        )

    async def send(self, exchange: Exchange, seconds: float) -> bytes:
        """As `GrpcTransport.send`."""
        method: Any = self._channel.unary_unary(exchange.path)
        try:
            answer: bytes = await method(exchange.body, timeout=seconds)
        except grpc.RpcError as error:
            raise _error(error) from None
        return answer

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()
