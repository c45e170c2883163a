"""HTTP/1.1 over pools of kept connections, by httpcore."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import orjson

from headrace.client.address import Address
from headrace.client.errors import of_status
from headrace.client.exchange import Exchange
from headrace.client.session import Limits
from headrace.client.tls import Tls, ssl_context
from headrace.core.errors import DataLossError, OpError, ResourceExhaustedError, UnavailableError

_IDLE_SECONDS = 60.0
_SLICE = 1 << 18
_SHOWN = 500
_HEADERS = [(b"Content-Type", b"application/json"), (b"Accept", b"application/json"), (b"User-Agent", b"headrace")]


class _Body:
    """The body of an answer as it arrives."""

    def __init__(self, response: httpcore.Response, limit: int) -> None:
        self._status = response.status
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Takes a piece.

        Raises:
            ResourceExhaustedError: there is more than the client takes.
        """
        self._size += len(chunk)
        if self._size > self._limit:
            raise ResourceExhaustedError(
                f"the server's answer is larger than {self._limit} bytes; send fewer rows, or raise max_response_bytes"
            )
        self._chunks.append(chunk)

    def end(self) -> bytes:
        """The whole body.

        Raises:
            OpError: the status says that the call failed.
        """
        body = b"".join(self._chunks)
        if self._status != 200:
            raise of_status(self._status, _message(self._status, body))
        return body

    def cut(self, error: Exception) -> DataLossError:
        """The error of an answer that broke off."""
        return DataLossError(f"the server's answer broke off after {self._size} bytes: {error}")


def _message(status: int, body: bytes) -> str:
    """What a body says is wrong."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = None
    if isinstance(content, dict) and isinstance(content.get("error"), str):
        return str(content["error"])
    return f"the server answered with HTTP status {status}: {body[:_SHOWN].decode('utf-8', 'replace')}"


def _unanswered(error: httpcore.NetworkError | httpcore.RemoteProtocolError, origin: str) -> OpError:
    """The error of a request to which no answer began; only the first kind may be sent again."""
    if isinstance(error, httpcore.NetworkError) or str(error).startswith("Server disconnected"):
        return UnavailableError(f"{origin} cannot be reached, or closed the connection: {error}")
    return DataLossError(f"{origin} does not answer in HTTP: {error}")


def _context(address: Address, tls: Tls) -> ssl.SSLContext | None:
    return ssl_context(tls) if address.secure else None


class HttpTransport:
    """Sends requests from threads."""

    def __init__(self, address: Address, tls: Tls, limits: Limits) -> None:
        self._origin = address.target
        self._limit = limits.max_response_bytes
        self._deadline = _Deadline()
        self._pool = httpcore.ConnectionPool(
            _context(address, tls),
            max_connections=limits.connections,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=_Backend(self._deadline),
        )

    def send(self, exchange: Exchange, seconds: float) -> bytes:
        """The body of the answer.

        Raises:
            TimeoutError: it did not come in time.
            OpError: the call failed; UnavailableError if it may be made again.
        """
        self._deadline.at = time.monotonic() + seconds
        waits = {"timeout": {"pool": seconds}}
        body: _Body | None = None
        try:
            with self._pool.stream(
                exchange.method, self._origin + exchange.path, headers=_HEADERS, content=exchange.body, extensions=waits
            ) as response:
                body = _Body(response, self._limit)
                for chunk in response.iter_stream():
                    body.add(chunk)
            return body.end()
        except httpcore.TimeoutException:
            raise TimeoutError from None
        except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
            raise (body.cut(error) if body else _unanswered(error, self._origin)) from None

    def close(self) -> None:
        """Closes all connections."""
        self._pool.close()


class AsyncHttpTransport:
    """Sends requests from the tasks of one event loop."""

    def __init__(self, address: Address, tls: Tls, limits: Limits) -> None:
        self._origin = address.target
        self._limit = limits.max_response_bytes
        self._pool = httpcore.AsyncConnectionPool(
            _context(address, tls), max_connections=limits.connections, keepalive_expiry=_IDLE_SECONDS
        )

    async def send(self, exchange: Exchange, seconds: float) -> bytes:
        """As `HttpTransport.send`."""
        body: _Body | None = None
        try:
            async with (
                asyncio.timeout(seconds),
                self._pool.stream(
                    exchange.method, self._origin + exchange.path, headers=_HEADERS, content=exchange.body
                ) as response,
            ):
                body = _Body(response, self._limit)
                async for chunk in response.aiter_stream():
                    body.add(chunk)
            return body.end()
        except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
            raise (body.cut(error) if body else _unanswered(error, self._origin)) from None

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.aclose()


class _Deadline(threading.local):
    """When the call of this thread ends. httpcore's own limits are for each read, which a slow server can repeat without end."""

    at = 0.0

    def left(self, late: type[httpcore.TimeoutException]) -> float:
        """Seconds left; raises `late` when there are none."""
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise late
        return seconds


class _Backend(httpcore.NetworkBackend):
    """Opens connections whose every step ends at the deadline of the thread that takes it."""

    def __init__(self, deadline: _Deadline) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        seconds = self._deadline.left(httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, seconds, local_address, socket_options), self._deadline)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _SLICE):
            self._inner.write(buffer[start : start + _SLICE], self._deadline.left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = self._deadline.left(httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, seconds), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
