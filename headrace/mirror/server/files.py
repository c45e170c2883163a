"""Sends files: those in the store by the operating system's hand, others as they come from upstream."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from aiohttp import web

from headrace.core.errors import OpError
from headrace.mirror.downloads import Downloads, Wanted
from headrace.mirror.server.conditions import is_known
from headrace.mirror.server.ranges import Unsatisfiable, part
from headrace.store.blobs import BlobStore

_FIRST_BYTES = 64 << 10
_ARCHIVES = {
    "gz": "application/gzip",
    "tgz": "application/gzip",
    "tar": "application/x-tar",
    "zip": "application/zip",
    "bz2": "application/x-bzip2",
    "xz": "application/x-xz",
}
KIND = web.RequestKey("kind", str)
"""Of a request: which part of the mirror it is for, as metrics call it."""
_FOREVER = "public, max-age=31536000, immutable"


class FileSender:
    """Answers requests for files whose digest is known.

    Args:
        store: has them, or will.
        downloads: fetches those that are missing.
    """

    def __init__(self, store: BlobStore, downloads: Downloads) -> None:
        self._store = store
        self._downloads = downloads

    async def answer(
        self, request: web.Request, wanted: Wanted, filename: str, more: Mapping[str, str] | None = None
    ) -> web.StreamResponse:
        """The answer to a request for a file, or a part of one; what it raises comes before the first byte.

        Args:
            request: for it.
            wanted: the file.
            filename: says what type of content it is.
            more: headers of the answer beside the usual ones, or in place of one of them.

        Raises:
            OpError: as Downloads.stream.
        """
        headers = {
            "ETag": f'"{wanted.digest}"',
            "Accept-Ranges": "bytes",
            "Cache-Control": _FOREVER,
            "Content-Type": _content_type(filename),
            "X-Content-Type-Options": "nosniff",
            **(more or {}),
        }
        etag = headers["ETag"]
        if is_known(request, etag):
            return web.Response(status=304, headers=headers)
        await self._downloads.mend(wanted)
        size = await self._downloads.size(wanted)
        try:
            header = request.headers.get("Range", "") if request.method == "GET" else ""  # ranges are of GET only
            asked = part(header, request.headers.get("If-Range", ""), etag, size)
        except Unsatisfiable:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
        start, stop = asked or (0, size)
        response = web.StreamResponse(status=200 if asked is None else 206, headers=headers)
        response.content_length = stop - start
        if asked is not None:
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        if size == 0:
            await self._downloads.whole(wanted)
        self._downloads.used(wanted.digest)
        try:
            file = await asyncio.to_thread(self._store.path(wanted.digest).open, "rb")
        except FileNotFoundError:  # not here yet, or no longer
            self._downloads.metrics.sent(request.get(KIND, "other"), "upstream", stop - start)
            return await self._relay(request, response, wanted, start, stop)
        self._downloads.metrics.sent(request.get(KIND, "other"), "store", stop - start)
        with file, _whole_or_broken(request):
            return await self._send(request, response, file, start, stop)

    async def _send(
        self, request: web.Request, response: web.StreamResponse, file: BinaryIO, start: int, stop: int
    ) -> web.StreamResponse:
        """Sends a file of the store."""
        await self._begin(request, response, file, start, stop)
        await response.write_eof()
        return response

    async def _relay(
        self, request: web.Request, response: web.StreamResponse, wanted: Wanted, start: int, stop: int
    ) -> web.StreamResponse:
        """Sends a file as it comes. When it breaks off, so does the connection, so that no client takes it for whole."""
        stream = self._downloads.stream(wanted, start, stop)
        async with contextlib.aclosing(stream):
            span = await anext(stream)  # until now there can be an answer that says what is wrong
            with _whole_or_broken(request):
                await self._begin(request, response, span.follower.file, span.start, span.stop)
                try:
                    async for span in stream:
                        await _hand_over(request, span.follower.file, span.start, span.stop)
                except OpError:
                    _break_off(request)
                    return response
                await response.write_eof()
        return response

    async def _begin(self, request: web.Request, response: web.StreamResponse, file: BinaryIO, start: int, stop: int) -> None:
        """Sends the headers and a part of a file, whose first bytes go the usual way, and the headers with them."""
        first = await asyncio.to_thread(os.pread, file.fileno(), min(_FIRST_BYTES, stop - start), start)
        await response.prepare(request)
        await response.write(first)
        await _hand_over(request, file, start + len(first), stop)


@contextlib.contextmanager
def _whole_or_broken(request: web.Request) -> Iterator[None]:
    """Whatever goes wrong while an answer is on its way, the connection is broken off: no second answer may get into the file."""
    try:
        yield
    except Exception:
        _break_off(request)
        raise


async def _hand_over(request: web.Request, file: BinaryIO, start: int, stop: int) -> None:
    """Has the operating system send a part of a file."""
    if start < stop and request.transport is not None:
        await asyncio.get_running_loop().sendfile(request.transport, file, start, stop - start)


def _break_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _content_type(filename: str) -> str:
    """Of an archive; anything else is nothing that a browser would show, since upstreams choose the names."""
    if filename.endswith(".metadata"):
        return "text/plain; charset=utf-8"
    return _ARCHIVES.get(filename.rpartition(".")[2].lower(), "application/octet-stream")
