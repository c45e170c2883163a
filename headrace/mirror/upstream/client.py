"""Asks one upstream: pages, and parts of files."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from headrace.core.errors import (
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
from headrace.mirror.upstream.parts import UpstreamPart, number, paced
from headrace.mirror.upstream.patience import retry_after
from headrace.mirror.upstream.proxies import Proxies
from headrace.mirror.upstream.source import NoPartsError
from headrace.mirror.upstream.wording import shown, told

logger = logging.getLogger(__name__)

_ACCEPT = f"{JSON_TYPE}, {HTML_TYPE};q=0.2, text/html;q=0.1"
_TRIES = 3
_FIRST_WAIT_SECONDS = 0.2
_MAX_REDIRECTS = 5
_CONNECTIONS = 32
"""At the same time, for files; and as many again for pages, which do not wait for files."""
_PAGE_TIMEOUTS = 10
"""A page must have come within so many times the time-out for the head of an answer."""
_LONGEST_WAIT_SECONDS = 2.0
"""For an upstream that asks to be left alone for longer, nobody is kept waiting."""
_REDIRECTS = (301, 302, 303, 307, 308)
_MISSING = (404, 410)
_FORBIDDEN = (401, 403)


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
        authorization: a header for this upstream alone: where it redirects elsewhere, it is not sent along.
        refusal: makes the error of an answer with status 401, 403, 404 or 410, which say more in some protocols.
    """

    def __init__(
        self,
        options: UpstreamOptions,
        authorization: str = "",
        refusal: Callable[[aiohttp.ClientResponse], OpError] | None = None,
    ) -> None:
        self.options = options
        self._authorization = authorization
        self._refusal = refusal
        self.name = options.name
        self.breaker = Breaker(options.name)
        self._base = URL(options.url if options.url.endswith("/") else f"{options.url}/")
        self._hosts = Hosts(options.url, options.private_addresses)
        self._proxies = Proxies()
        self._resolver = GuardedResolver(self._hosts, self._proxies.hosts)
        self._pages, self._files = asyncio.Semaphore(_CONNECTIONS), asyncio.Semaphore(_CONNECTIONS)
        self._session: aiohttp.ClientSession | None = None

    @property
    def connections(self) -> int:
        """How many may bring parts of one file at the same time; see PartedSource."""
        return self.options.connections

    @property
    def parallel_bytes(self) -> int:
        """From which size on; see PartedSource."""
        return self.options.parallel_bytes

    @property
    def segment_bytes(self) -> int:
        """What one of them brings at once; see PartedSource."""
        return self.options.segment_bytes

    async def page(self, project: str, etag: str, max_bytes: int) -> PageAnswer:
        """Asks for the page of a project; `etag` is that of the one which is known, or "".

        Raises:
            UnavailableError: upstream does not answer, or with an error.
            ResourceExhaustedError: the page has more than `max_bytes` bytes.
            PermissionDeniedError: upstream refuses, or sends the mirror where it does not go.
        """
        headers = {"Accept": _ACCEPT, "Cache-Control": "max-age=0", **({"If-None-Match": etag} if etag else {})}
        async with self.small(self._base / project / "", headers) as response:
            if response.status == 304 or response.status in _MISSING:
                return PageAnswer(304 if response.status == 304 else 404)
            body = await self.read(response, max_bytes, f"the page of {project}")
            content_type, etag = response.headers.get("Content-Type", ""), response.headers.get("ETag", "")
            return PageAnswer(200, body, content_type, str(response.url), etag, _serial(response.headers))

    @contextlib.asynccontextmanager
    async def projects(self, etag: str) -> AsyncIterator[ListAnswer]:
        """Asks for the list of all projects; `etag` is that of the one which is known, or "". Raises what `page` does."""
        headers = {"Accept": _ACCEPT, "Cache-Control": "max-age=0", **({"If-None-Match": etag} if etag else {})}
        async with self.small(self._base, headers) as response:
            yield ListAnswer(response, self.options.timeout_seconds)

    @contextlib.asynccontextmanager
    async def file(self, url: str, offset: int) -> AsyncIterator[UpstreamPart]:
        """The rest of a file from `offset` on. Where upstream cannot do that, it comes from the start.

        Raises:
            NotFoundError: upstream does not have it.
            UnavailableError, PermissionDeniedError: as for `page`.
        """
        async with self._span(url, offset, f"bytes={offset}-" if offset else "") as part:
            yield part

    @contextlib.asynccontextmanager
    async def part(self, url: str, start: int, stop: int) -> AsyncIterator[UpstreamPart]:
        """The bytes from `start` to `stop` of a file; see PartedSource."""
        async with self._span(url, start, f"bytes={start}-{stop - 1}") as part:
            if not part.is_part or part.offset != start:
                raise NoPartsError
            yield part

    async def document(self, url: str, max_bytes: int) -> tuple[bytes, str]:
        """A small document that may change, such as a provenance, and its Content-Type; raises as `file` does."""
        async with self.small(self._hosts.check(url), {}) as response:
            if response.status in _MISSING:
                raise NotFoundError(f"upstream {self.options.name!r} does not have {shown(url)}")
            body = await self.read(response, max_bytes, shown(url))
            return body, response.headers.get("Content-Type", "application/octet-stream")

    async def close(self) -> None:
        """Gives back the connections."""
        if self._session is not None:
            await self._session.close()

    @contextlib.asynccontextmanager
    async def _span(self, url: str, offset: int, span: str) -> AsyncIterator[UpstreamPart]:
        """A file or a part of one, as it is stored: some servers call an archive that is compressed an encoding of another one."""
        headers = {"Accept-Encoding": "identity", **({"Range": span} if span else {})}
        async with self._files, self._answer(self._hosts.check(url), headers, decompress=False) as response:
            if response.status in _MISSING:
                raise NotFoundError(f"upstream {self.options.name!r} does not have {shown(url)}")
            yield UpstreamPart(response, offset, self.options.name, self.options.timeout_seconds)

    @contextlib.asynccontextmanager
    async def small(self, url: URL, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that is to be read at once; raises as `page` does."""
        async with self._pages, self._answer(url, headers, decompress=True) as response:
            yield response

    @contextlib.asynccontextmanager
    async def _answer(self, url: URL, headers: Mapping[str, str], decompress: bool) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose status is 200, 206, 304, 404, 410 or 416."""
        response = await self._ask(url, headers, decompress)
        async with response:
            try:
                yield response
            except (aiohttp.ClientError, TimeoutError) as error:
                self.breaker.failed(told(error))
                raise UnavailableError(f"upstream {self.options.name!r} broke off: {told(error)}") from None

    async def _ask(self, url: URL, headers: Mapping[str, str], decompress: bool) -> aiohttp.ClientResponse:
        wait = _FIRST_WAIT_SECONDS
        for left in reversed(range(_TRIES)):
            self.breaker.check()
            pause = 0.0
            try:
                response = await self._follow(url, headers, decompress)
            except OpError:
                raise
            except ForbiddenAddressError as error:
                logger.error("upstream %s led where the mirror does not go: %s", self.name, error)
                raise PermissionDeniedError(str(error)) from None
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                problem = told(error)
            else:
                if response.status < 500 and response.status not in (408, 425, 429):
                    self.breaker.succeeded()
                    return await self._accepted(response)
                problem, pause = f"status {response.status}", retry_after(response.headers)
                response.release()
            self.breaker.failed(problem)
            if pause > _LONGEST_WAIT_SECONDS:
                self.breaker.rest(pause)
                break
            if left:
                await asyncio.sleep(max(pause, wait * random.uniform(0.5, 1.5)))
                wait *= 4
        raise UnavailableError(f"upstream {self.options.name!r} cannot be asked for {shown(url)}: {problem}")

    async def _follow(self, url: URL, headers: Mapping[str, str], decompress: bool) -> aiohttp.ClientResponse:
        """Asks, and goes where redirects lead, as far as that is allowed."""
        for _ in range(_MAX_REDIRECTS + 1):
            response = await self._get(url, headers, decompress)
            if response.status not in _REDIRECTS:
                return response
            target = response.headers.get("Location", "")
            response.release()
            url = self._redirected(url, target)
        raise UnavailableError(f"upstream {self.options.name!r} redirects more than {_MAX_REDIRECTS} times")

    def _redirected(self, url: URL, target: str) -> URL:
        try:
            found = self._hosts.check(str(url.join(URL(target))))
        except ValueError as error:
            raise UnavailableError(f"upstream {self.name!r} redirects to {target[:200]!r}, which is no URL: {error}") from None
        except PermissionDeniedError as error:
            logger.error("upstream %s led where the mirror does not go: %s", self.name, error.message)
            raise
        if url.scheme == "https" and found.scheme == "http":
            raise PermissionDeniedError(f"upstream {self.name!r} redirects from HTTPS to {shown(found)}, which is not followed")
        return found

    async def _get(self, url: URL, headers: Mapping[str, str], decompress: bool) -> aiohttp.ClientResponse:
        """One request, through the proxy of the environment where there is one for it; its answer's head is waited for."""
        proxy = self._proxies.of(url)
        if (proxy is not None or url.host in self._proxies.hosts) and url.host is not None:
            await self._resolver.check(url.host)
        ours = {"Authorization": self._authorization} if self._authorization and url.origin() == self._base.origin() else {}
        async with asyncio.timeout(self.options.timeout_seconds):
            return await self._open_session().get(
                url, headers={**headers, **ours}, allow_redirects=False, proxy=proxy, auto_decompress=decompress
            )

    async def read(self, response: aiohttp.ClientResponse, max_bytes: int, what: str) -> bytes:
        """The body of an answer; raises ResourceExhaustedError when it has more than `max_bytes` bytes."""
        pieces = bytearray()
        async with asyncio.timeout(_PAGE_TIMEOUTS * self.options.timeout_seconds):
            async for piece in paced(response.content, self.options.timeout_seconds):
                pieces += piece
                if len(pieces) > max_bytes:
                    raise ResourceExhaustedError(f"{what} has more than {max_bytes} bytes")
        return bytes(pieces)

    async def _accepted(self, response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
        if self._refusal is not None and response.status in (*_FORBIDDEN, *_MISSING):
            response.release()
            raise self._refusal(response)
        if response.status in (200, 206, 304, 416, *_MISSING):
            return response
        response.release()
        if response.status in _FORBIDDEN:
            raise PermissionDeniedError(f"upstream {self.options.name!r} refuses {shown(response.url)}: status {response.status}")
        raise UnavailableError(f"upstream {self.options.name!r} answers {shown(response.url)} with status {response.status}")

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            seconds = self.options.timeout_seconds
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, resolver=self._resolver),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
                headers={"User-Agent": "headrace-mirror"},
            )
        return self._session


class ListAnswer:
    """What upstream says of its projects.

    Attributes:
        status: 200, 304 when the list is still the one that is known, or 404 when there is none.
        content_type, etag, serial: as of PageAnswer.
    """

    def __init__(self, response: aiohttp.ClientResponse, timeout_seconds: float) -> None:
        self._content = response.content
        self._timeout_seconds = timeout_seconds
        self.status = 404 if response.status in _MISSING else response.status
        self.content_type = response.headers.get("Content-Type", "")
        self.etag = response.headers.get("ETag", "")
        self.serial = _serial(response.headers)

    def pieces(self) -> AsyncIterator[bytes]:
        """The bytes of the list."""
        return paced(self._content, self._timeout_seconds)


def _serial(headers: Mapping[str, str]) -> int | None:
    return number(headers.get("X-PyPI-Last-Serial", ""))
