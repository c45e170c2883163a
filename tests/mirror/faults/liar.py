"""An upstream that says what it is told to, byte by byte: no HTTP library keeps it from lying."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from headrace.mirror.index.page import JSON_TYPE

FILE = "/packages/demo-1.0-py3-none-any.whl"
CONTENT = random.Random(1).randbytes(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass(frozen=True)
class Asked:
    """A request."""

    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int:
        """The first byte that is asked for."""
        return int(self.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])

    @property
    def stop(self) -> int | None:
        """The one behind the last; None for all that follow."""
        last = self.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[2]
        return int(last) + 1 if last else None


Behaviour = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


def raw(status: str, headers: dict[str, str], body: bytes, length: int | None = -1) -> bytes:
    """An answer; its Content-Length is the body's, another one, or None: then the end of the connection is that of the body."""
    told = dict(headers)
    if length is not None:
        told["Content-Length"] = str(len(body) if length == -1 else length)
    lines = "".join(f"{key}: {value}\r\n" for key, value in told.items())
    return f"HTTP/1.1 {status}\r\n{lines}Connection: close\r\n\r\n".encode("latin-1") + body


def says(answer: bytes) -> Behaviour:
    """Answers this, whatever is asked."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return behave


def drips(answer: bytes, at_once: int, seconds: float) -> Behaviour:
    """The first bytes at once, the others one by one."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer[:at_once])
        for place in range(at_once, len(answer)):
            await writer.drain()
            await asyncio.sleep(seconds)
            writer.write(answer[place : place + 1])

    return behave


async def stalls(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.sleep(3600)


def sends(content: bytes = CONTENT, most: int | None = None, **headers: str) -> Behaviour:
    """A file and its parts, as it should be; `most` bytes are sent of each, then the connection ends."""

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        start, stop = asked.start, min(asked.stop or len(content), len(content))
        if start >= len(content):
            writer.write(raw("416 No", {"Content-Range": f"bytes */{len(content)}"}, b""))
            return
        told = {key.replace("_", "-"): value for key, value in headers.items()}
        body = content[start:stop]
        if "range" in asked.headers:
            told["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
            writer.write(raw("206 Part", told, body[:most], len(body)))
        else:
            writer.write(raw("200 OK", told, body[:most], len(body)))

    return behave


def whole(content: bytes = CONTENT, most: int | None = None) -> Behaviour:
    """The whole file, whatever part of it is asked for."""
    return says(raw("200 OK", {}, content[:most], len(content)))


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other; the last one from then on."""
    left = list(behaviours)

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(asked, writer)

    return behave


def page(*files: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A page of the project demo."""
    return {"meta": {"api-version": "1.4"}, "name": "demo", "files": list(files), **more}


def entry(**more: Any) -> dict[str, Any]:
    """The entry of the file."""
    return {"filename": FILE.rpartition("/")[2], "url": f"../..{FILE}", "hashes": {"sha256": DIGEST}, "size": len(CONTENT), **more}


def page_of(document: Any, serial: str = "", **headers: str) -> Behaviour:
    """A page, as it should be."""
    told = {"Content-Type": JSON_TYPE, **({"X-PyPI-Last-Serial": serial} if serial else {}), **headers}
    return says(raw("200 OK", told, json.dumps(document).encode()))


@dataclass
class Liar:
    """The upstream.

    Attributes:
        url: of its Simple API, once it runs.
        answers: what it does, by path.
        asked: counts requests by path.
        heads: of the requests, in order.
    """

    url: str = ""
    answers: dict[str, Behaviour] = field(default_factory=lambda: {"/simple/demo/": page_of(page(entry())), FILE: sends()})
    asked: Counter[str] = field(default_factory=Counter)
    heads: list[Asked] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/simple/"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._answer(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = [line.partition(":") for line in head[1:] if line]
                asked = Asked(head[0].split(" ")[1], {key.lower(): value.strip() for key, _, value in pairs})
                self.asked[asked.path] += 1
                self.heads.append(asked)
                behave = self.answers.get(asked.path, says(raw("404 Not Found", {}, b"")))
                await behave(asked, writer)
                await writer.drain()
        finally:
            writer.close()
