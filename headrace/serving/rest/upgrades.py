"""A parser of HTTP requests that passes over wishes to change the protocol, as a server may (RFC 9110, 7.8).

Java's client asks so for HTTP/2 with its first request. httptools takes what comes behind such a head for that other protocol, and
the body of the request would be lost.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httptools

_EVENTS = ("on_message_begin", "on_url", "on_header", "on_body")
_OF_UPGRADES = {b"upgrade", b"http2-settings"}


class Parser:
    """What a connection of uvicorn reads with, in the place of httptools' own parser.

    Args:
        connection: is told what is read. Its `parser` is this one, and nothing else keeps the two alive.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._begin()

    def _begin(self) -> None:
        connection = self._connection
        events = SimpleNamespace(**{name: getattr(connection, name) for name in _EVENTS})
        events.on_headers_complete = lambda: connection.parser.asks_for_more or connection.on_headers_complete()
        events.on_message_complete = lambda: connection.parser.asks_for_more or connection.on_message_complete()
        parser = httptools.HttpRequestParser(events)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's: requests are sent without waiting
        self._parser = parser
        self.get_method, self.get_http_version = parser.get_method, parser.get_http_version
        self.should_keep_alive, self.should_upgrade = parser.should_keep_alive, parser.should_upgrade

    @property
    def asks_for_more(self) -> bool:
        """The request that is read asks for another protocol; it is read once more, without that."""
        return self.should_upgrade() and self.get_method() != b"CONNECT"

    def feed_data(self, data: bytes) -> None:
        """Reads on."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self.asks_for_more:
                raise
            head = self._plain_head()
            self._begin()
            self._parser.feed_data(head)
            self.feed_data(data[upgrade.args[0] :])

    def _plain_head(self) -> bytes:
        """The head that was read, without the wish."""
        lines = [b"%s %s HTTP/%s" % (self.get_method(), self._connection.url, self.get_http_version().encode())]
        for name, value in self._connection.headers:
            if name == b"connection":
                words = [word.strip() for word in value.split(b",")]
                lines.append(b"connection: " + b", ".join(word for word in words if word.lower() not in _OF_UPGRADES))
            elif name not in _OF_UPGRADES:
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])
