"""HTTP connections with limits: how many there are, how long a client may take to send or to read, how long a head may be.

A request's body is limited where it is read. What has no request to belong to is limited here, so that clients that send a
little and then nothing, or that never read their answer, hold no more than a connection, and that for a while only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headrace.serving.access.certificates import names_of_peer
from headrace.serving.rest.admission import CERTIFICATE_NAMES
from headrace.serving.rest.direct.exchange import Exchange
from headrace.serving.rest.direct.front import Direct
from headrace.serving.rest.upgrades import Parser

logger = logging.getLogger(__name__)

_LEAST_BYTES_A_SECOND = 1024
"""A client that reads slower than this is taken for one that has stopped."""

_NO_LINGERING = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of connections.

    Attributes:
        most: that are open at once; more are answered 503 and closed.
        receive_seconds: for the head of a request to arrive, and for what is left of one that is answered already; also what a
            client may take to read on.
        head_bytes: of a request's line and headers, and of the trailers behind a body in chunks.
    """

    most: int = 16384
    receive_seconds: float = 30.0
    head_bytes: int = 64 << 10


def limited(limits: ConnectionLimits, direct: Direct | None = None) -> type[HttpToolsProtocol]:
    """The protocol of a server's connections, for uvicorn; `direct` answers some of their requests, the application the others."""
    return type("LimitedConnection", (_Connection,), {"limits": limits, "direct": direct})


class _Connection(HttpToolsProtocol):
    """uvicorn's connection with limits."""

    limits = ConnectionLimits()
    direct: Direct | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parser = cast("Any", Parser(self))
        self._receiving: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._exchange: Exchange | None = None
        self._unread = 0
        self._unused = 0
        self._lost = False

    # What uvicorn and the event loop call.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection, or refuses it when there are too many."""
        names = names_of_peer(transport.get_extra_info("peercert"))
        if names:
            self.app_state = {**self.app_state, CERTIFICATE_NAMES: names}
        super().connection_made(transport)
        if len(self.connections) > self.limits.most:
            self._refuse(503, "Service Unavailable", f"this server takes {self.limits.most} connections at once; try again later")
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._lost = True
        self._received()
        self._sent()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.gone()
            if self._reads(exchange):
                self.cycle = cast("Any", None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on. What belongs to no body is counted, and unless a request is answered meanwhile its time runs."""
        self._unused += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._unused > self.limits.head_bytes:
            what = f"a request's line and headers may have {self.limits.head_bytes} bytes"
            self._refuse(431, "Request Header Fields Too Large", what)
        elif self.cycle is None or self.cycle.response_complete:
            self._await_request()

    def on_headers_complete(self) -> None:
        """A head has arrived: from here on the time of its request counts."""
        self._received()
        self._unused = 0
        exchange = None
        if self.direct is not None and (self.cycle is None or self.cycle.response_complete):  # else it has to wait its turn
            exchange = self.direct.take(self)
        if exchange is None:
            super().on_headers_complete()
        else:
            self._exchange = exchange
            self.cycle = cast("Any", exchange)

    def on_body(self, body: bytes) -> None:
        """A piece of a body has arrived."""
        self._unused = 0
        if self._reads(self._exchange):
            self._exchange.receive(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has arrived."""
        self._unused = 0
        if self._reads(self._exchange):
            self._exchange.received()
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer was given. If it came before the end of its request, the rest has to arrive in time too."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete and self.cycle.more_body:
            self._await_request()

    def timeout_keep_alive_handler(self) -> None:
        """An idle connection is closed, and broken off if its client does not read what is left for it."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(self.limits.receive_seconds, self._break_off)

    def pause_writing(self) -> None:
        """The client reads slower than is written."""
        super().pause_writing()
        if self._sending is None:
            self._watch_sending()

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        self._sent()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, and closes."""
        self._refuse(400, "Bad Request", "this is no correct HTTP request")

    def _reads(self, exchange: Exchange | None) -> TypeGuard[Exchange]:
        """True when what is read belongs to `exchange`."""
        return exchange is not None and cast("Any", self.cycle) is exchange

    # Times.

    def _await_request(self) -> None:
        if self._receiving is None:
            self._receiving = self.loop.call_later(self.limits.receive_seconds, self._receive_too_slow)

    def _received(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _receive_too_slow(self) -> None:
        self._receiving = None
        if self.cycle is None or self.cycle.response_complete:
            logger.debug("a client took too long to send a request")
            self._break_off()

    def _watch_sending(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._sending = self.loop.call_later(self.limits.receive_seconds, self._send_too_slow)

    def _sent(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _send_too_slow(self) -> None:
        read = self._unread - self.transport.get_write_buffer_size()
        if read >= self.limits.receive_seconds * _LEAST_BYTES_A_SECOND:
            self._watch_sending()
            return
        self._sending = None
        logger.debug("a client did not read its answer")
        self._break_off()

    def _break_off(self) -> None:
        """Closes at once. What waits in the system's memory for the client to read is given up too, and the client is told."""
        if self._lost:  # the number of its socket may be another connection's by now
            return
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            with contextlib.suppress(OSError):  # the client has closed it meanwhile
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self.transport.abort()

    def _refuse(self, status: int, reason: str, message: str) -> None:
        """Answers without a request and closes."""
        body = b'{"error": "%s"}' % message.encode()
        headers = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
        self.transport.write(f"HTTP/1.1 {status} {reason}\r\n{headers}\r\n\r\n".encode() + body)
        self.transport.close()
