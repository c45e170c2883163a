"""Bytes of a file that come from upstream."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import aiohttp

from headrace.core.errors import DataLossError, UnavailableError
from headrace.mirror.upstream.source import NoPartsError

_PIECE_BYTES = 256 << 10
_LEAST_BYTES_PER_SECOND = 1 << 10
_NUMBER = re.compile(r"[0-9]{1,18}")


class UpstreamPart:
    """Bytes of a file that come from upstream; see FilePart.

    Args:
        response: whose body they are.
        asked: the offset that was asked for.
        upstream: its name, for errors.
        seconds: in which at least a little must come.

    Raises:
        DataLossError: the answer contradicts itself.
        UnavailableError: it is no file.
        NoPartsError: there is no part at `asked`, upstream says.
    """

    def __init__(self, response: aiohttp.ClientResponse, asked: int, upstream: str, seconds: float) -> None:
        self._content = response.content
        self._seconds = seconds
        self.offset = 0
        self.is_part = response.status == 206
        self.total = number(response.headers.get("Content-Length", ""))
        if self.is_part:
            self.offset, self.total = _content_range(response.headers.get("Content-Range", ""), upstream)
            if self.offset not in (0, asked):
                raise DataLossError(f"upstream {upstream!r} sends a file from byte {self.offset} on; asked for was {asked}")
        elif response.status == 416 and asked:
            raise NoPartsError
        elif response.status != 200:
            raise UnavailableError(f"upstream {upstream!r} answers with status {response.status} instead of a file")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes.

        Raises:
            TimeoutError: they come too slowly to be of use.
        """
        async for piece in paced(self._content, self._seconds):
            yield piece


async def paced(content: aiohttp.StreamReader, seconds: float) -> AsyncIterator[bytes]:
    """The bytes of an answer, as long as enough come in each span of time that is spent waiting for them.

    Raises:
        TimeoutError: fewer came.
    """
    loop = asyncio.get_running_loop()
    waited, came = 0.0, 0
    least = _LEAST_BYTES_PER_SECOND * seconds
    while True:
        began = loop.time()
        piece = await content.read(_PIECE_BYTES)
        if not piece:
            return
        waited, came = waited + loop.time() - began, came + len(piece)
        if waited > seconds:
            if came < least:
                raise TimeoutError(f"only {came} bytes came in {waited:.0f} s")
            waited, came = 0.0, 0
        yield piece


def number(text: str) -> int | None:
    """A number of bytes, or of a version; None for what cannot be one."""
    return int(text) if _NUMBER.fullmatch(text) else None


def _content_range(header: str, upstream: str) -> tuple[int, int | None]:
    unit, _, rest = header.partition(" ")
    span, _, total = rest.partition("/")
    first = number(span.partition("-")[0])
    if unit != "bytes" or first is None:
        raise DataLossError(f"upstream {upstream!r} sends a part of a file with the Content-Range {header[:80]!r}")
    return first, number(total)
