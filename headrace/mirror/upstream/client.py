"""Asks one upstream: pages, and parts of files."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from headrace.core.errors import (
    DataLossError,
    NotFoundError,
    OpError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnavailableError,
)
from headrace.mirror.index.page import HTML_TYPE, JSON_TYPE
from headrace.mirror.options import UpstreamOptions
from headrace.mirror.upstream.addresses import ForbiddenAddressError, GuardedResolver, Hosts
from headrace.mirror.upstream.breaker import Breaker

_ACCEPT = f"{JSON_TYPE}, {HTML_TYPE};q=0.2, text/html;q=0.1"
_TRIES = 3
_FIRST_WAIT_SECONDS = 0.2
_MAX_REDIRECTS = 5
_PIECE_BYTES = 256 << 10
_CONNECTIONS = 32
_REDIRECTS = (301, 302, 303, 307, 308)
_MISSING = (404, 410)


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What upstream says of a project.

    Attributes:
        status: 200, 304 when the page is still the one that is known, or 404.
        body: the page, if it is a new one.
        content_type: its form.
        url: where it came from at last.
        etag: to be sent when asking again; "" without one.
        serial: counts the changes of the project upstream; None without one.
    """

    status: int
    body: bytes = b""
    content_type: str = ""
    url: str = ""
    etag: str = ""
    serial: int | None = None


class Upstream:
    """One index. Used in an event loop; `close` gives back its connections.

    Args:
        options: where it is and how patient the mirror is with it.
    """

    def __init__(self, options: UpstreamOptions) -> None:
        self.options = options
        self.name = options.name
        self.breaker = Breaker(options.name)
        self._base = URL(options.url if options.url.endswith("/") else f"{options.url}/")
        self._hosts = Hosts(options.url, options.private_addresses)
        self._session: aiohttp.ClientSession | None = None

    async def page(self, project: str, etag: str, max_bytes: int) -> PageAnswer:
        """Asks for the page of a project; `etag` is that of the one which is known, or "".

        Raises:
            UnavailableError: upstream does not answer, or with an error.
            ResourceExhaustedError: the page has more than `max_bytes` bytes.
            PermissionDeniedError: upstream refuses, or sends the mirror where it does not go.
        """
        headers = {"Accept": _ACCEPT, "Cache-Control": "max-age=0", **({"If-None-Match": etag} if etag else {})}
        async with self._answer(self._base / project / "", headers) as response:
            if response.status == 304 or response.status in _MISSING:
                return PageAnswer(304 if response.status == 304 else 404)
            body = await _read(response, max_bytes, f"the page of {project}")
            content_type, etag = response.headers.get("Content-Type", ""), response.headers.get("ETag", "")
            return PageAnswer(200, body, content_type, str(response.url), etag, _serial(response.headers))

    @contextlib.asynccontextmanager
    async def file(self, url: str, offset: int) -> AsyncIterator[UpstreamPart]:
        """The rest of a file from `offset` on. Where upstream cannot do that, it comes from the start.

        Raises:
            NotFoundError: upstream does not have it.
            UnavailableError, PermissionDeniedError: as for `page`.
        """
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={offset}-"} if offset else {})}
        async with self._answer(self._hosts.check(url), headers) as response:
            if response.status in _MISSING:
                raise NotFoundError(f"upstream {self.options.name!r} does not have {url}")
            yield UpstreamPart(response, self.options.name)

    async def document(self, url: str, max_bytes: int) -> tuple[bytes, str]:
        """A small document that may change, such as a provenance, and its Content-Type; raises as `file` does."""
        async with self._answer(self._hosts.check(url), {}) as response:
            if response.status in _MISSING:
                raise NotFoundError(f"upstream {self.options.name!r} does not have {url}")
            return await _read(response, max_bytes, url), response.headers.get("Content-Type", "application/octet-stream")

    async def close(self) -> None:
        """Gives back the connections."""
        if self._session is not None:
            await self._session.close()

    @contextlib.asynccontextmanager
    async def _answer(self, url: URL, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose status is 200, 206, 304, 404, 410 or 416."""
        response = await self._ask(url, headers)
        async with response:
            try:
                yield response
            except (aiohttp.ClientError, TimeoutError) as error:
                self.breaker.failed()
                raise UnavailableError(f"upstream {self.options.name!r} broke off: {_told(error)}") from None

    async def _ask(self, url: URL, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        wait = _FIRST_WAIT_SECONDS
        for left in reversed(range(_TRIES)):
            self.breaker.check()
            try:
                response = await self._follow(url, headers)
            except OpError:
                raise
            except ForbiddenAddressError as error:
                raise PermissionDeniedError(str(error)) from None
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                problem = _told(error)
            else:
                if response.status < 500 and response.status not in (408, 425, 429):
                    self.breaker.succeeded()
                    return await self._accepted(response)
                problem = f"status {response.status}"
                response.release()
            self.breaker.failed()
            if left:
                await asyncio.sleep(wait * random.uniform(0.5, 1.5))
                wait *= 4
        raise UnavailableError(f"upstream {self.options.name!r} cannot be asked for {url}: {problem}")

    async def _follow(self, url: URL, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Asks, and goes where redirects lead, as far as that is allowed."""
        for _ in range(_MAX_REDIRECTS + 1):
            response = await self._open_session().get(url, headers=headers, allow_redirects=False)
            if response.status not in _REDIRECTS:
                return response
            target = response.headers.get("Location", "")
            response.release()
            url = self._hosts.check(str(url.join(URL(target))))
        raise UnavailableError(f"upstream {self.options.name!r} redirects more than {_MAX_REDIRECTS} times")

    async def _accepted(self, response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
        if response.status in (200, 206, 304, 416, *_MISSING):
            return response
        response.release()
        if response.status in (401, 403):
            raise PermissionDeniedError(f"upstream {self.options.name!r} refuses {response.url}: status {response.status}")
        raise UnavailableError(f"upstream {self.options.name!r} answers {response.url} with status {response.status}")

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            seconds = self.options.timeout_seconds
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, resolver=GuardedResolver(self._hosts)),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
                trust_env=True,  # HTTP_PROXY and NO_PROXY
                auto_decompress=True,
                headers={"User-Agent": "headrace-mirror"},
            )
        return self._session


class UpstreamPart:
    """Bytes of a file that come from upstream; see FilePart."""

    def __init__(self, response: aiohttp.ClientResponse, upstream: str) -> None:
        self._content = response.content
        length = response.headers.get("Content-Length")
        self.offset = 0
        self.total = int(length) if length is not None and length.isdecimal() else None
        if response.status == 206:
            self.offset, self.total = _content_range(response.headers.get("Content-Range", ""), upstream)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes."""
        async for piece in self._content.iter_chunked(_PIECE_BYTES):
            yield piece


def _content_range(header: str, upstream: str) -> tuple[int, int | None]:
    unit, _, rest = header.partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if unit != "bytes" or not first.isdecimal():
        raise DataLossError(f"upstream {upstream!r} sends a part of a file with the Content-Range {header[:80]!r}")
    return int(first), int(total) if total.isdecimal() else None


async def _read(response: aiohttp.ClientResponse, max_bytes: int, what: str) -> bytes:
    pieces = bytearray()
    async for piece in response.content.iter_chunked(_PIECE_BYTES):
        pieces += piece
        if len(pieces) > max_bytes:
            raise ResourceExhaustedError(f"{what} has more than {max_bytes} bytes")
    return bytes(pieces)


def _serial(headers: Mapping[str, str]) -> int | None:
    value = headers.get("X-PyPI-Last-Serial", "")
    return int(value) if value.isdecimal() else None


def _told(error: BaseException) -> str:
    return str(error) or type(error).__name__
