"""Which requests are answered directly, and what all of them share."""

from __future__ import annotations

import functools
import urllib.parse
from collections.abc import Mapping

import httptools
from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headrace.core.errors import OpError
from headrace.serving.access.callers import EVERYONE
from headrace.serving.rest import paths
from headrace.serving.rest.admission import Admission
from headrace.serving.rest.counting import Counting
from headrace.serving.rest.direct.exchange import Exchange
from headrace.serving.rest.direct.limits import TimeLimits
from headrace.serving.rest.predict import Predictor
from headrace.serving.rest.runner import SMALL_BYTES
from headrace.serving.waking import Waking, waking_here

_ELSEWHERE = frozenset({b"content-encoding", b"expect", b"transfer-encoding", b"upgrade"})
"""Headers of requests that ask for more than a body and its answer."""
_KNOWN_URLS = 1024
_LONGEST_URL = 256


class Direct:
    """Answers the small predict requests of one server's connections.

    Args:
        admission: says who may ask.
        counting: told of every request.
        predictor: runs them.
        timeout_seconds: for one request, from its head to its answer.
        max_body_bytes: of a request; those that could be over it are left to whoever can say so.
    """

    def __init__(
        self, admission: Admission, counting: Counting, predictor: Predictor, timeout_seconds: float, max_body_bytes: int
    ) -> None:
        self.admission = admission
        self.counting = counting
        self.predictor = predictor
        self.timeout_seconds = timeout_seconds
        self._most_bytes = min(SMALL_BYTES, max_body_bytes)
        self._shared: tuple[Waking, TimeLimits[Exchange]] | None = None

    def take(self, connection: HttpToolsProtocol) -> Exchange | None:
        """Begins to answer the request whose head has come; None for one that is to be answered the general way."""
        parser = connection.parser
        if parser.get_method() != b"POST" or parser.get_http_version() != "1.1" or connection.flow.write_paused:
            return None
        target = _target(connection.url) if len(connection.url) <= _LONGEST_URL else None
        if target is None:
            return None
        headers = dict(reversed(connection.headers))  # the first of two of the same name counts
        length = headers.get(b"content-length", b"")
        if not (length.isdigit() and len(length) <= len(str(SMALL_BYTES)) and int(length) <= self._most_bytes):
            return None
        if not _ELSEWHERE.isdisjoint(headers):
            return None
        if self._shared is None:
            self._shared = waking_here(), TimeLimits(connection.loop)
        exchange = Exchange(self, connection, *self._shared, keep_alive=parser.should_keep_alive())
        caller = EVERYONE
        if self.admission.asks:
            exchange.request = _request(connection)
            try:
                caller = self.admission.admit(exchange.request)
                caller.check_asks(target.spec.name)
            except OpError as error:
                exchange.refuse(error)
                return exchange
        exchange.enter(self.counting.entered(target, caller, functools.partial(_value, headers)))
        return exchange


@functools.lru_cache(_KNOWN_URLS)
def _target(url: bytes) -> paths.Target | None:
    """What a request asks for; None unless it is a prediction of a path without fault."""
    try:
        target = paths.parse("POST", httptools.parse_url(url).path.decode("ascii", "replace"))
    except (OpError, httptools.HttpParserError, AttributeError):
        return None
    return target if target.action == "predict" else None


def _value(headers: Mapping[bytes, bytes], name: str) -> str:
    return headers.get(name.encode("latin-1", "replace"), b"").decode("latin-1")


def _request(connection: HttpToolsProtocol) -> Request:
    """A request as the application would see it, for whoever lets it in."""
    url = httptools.parse_url(connection.url)
    path = {"path": urllib.parse.unquote(url.path.decode("ascii")), "raw_path": url.path, "query_string": url.query or b""}
    return Request({**connection.scope, **path, "method": "POST"})
