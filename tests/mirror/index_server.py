"""An index to mirror, whose faults can be switched on."""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from headrace.mirror.index.page import JSON_TYPE


def wheel(project: str, version: str, size: int = 0, requires: tuple[str, ...] = (), licence: str = "") -> tuple[str, bytes, bytes]:
    """The name, content and METADATA of a wheel that pip can install; `size` bytes of data are in it, `licence` is a field."""
    name = f"{project.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {project}", f"Version: {version}", *(f"Requires-Dist: {each}" for each in requires)]
    metadata = "\n".join([*lines, *([licence] if licence else []), ""]).encode()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{project.replace('-', '_')}.py", f"version = {version!r}\n")
        archive.writestr(f"{project.replace('-', '_')}_data.bin", _noise(size))
        archive.writestr(f"{name}.dist-info/METADATA", metadata)
        archive.writestr(
            f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}.dist-info/RECORD", "")
    return f"{name}-py3-none-any.whl", content.getvalue(), metadata


def _noise(size: int) -> bytes:
    return b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(-(-size // 32)))[:size]


@dataclass
class IndexServer:
    """An index of the Simple API. Files have size, digest, metadata and upload time, as PEP 691 to 714 say.

    Attributes:
        url: of its Simple API, once it runs.
        documents: the pages, by project.
        contents: what is sent under each path.
        serial: of all pages.
        down: answers 503.
        truncate: ends files after so many bytes.
        corrupt: changes a byte in the middle of every file.
        ranges: whether it can send parts.
        pause: seconds between two pieces of a file.
        as_html: the list of projects comes as HTML.
        asked: counts requests by method and path.
    """

    url: str = ""
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    serial: int = 1
    down: bool = False
    truncate: int | None = None
    corrupt: bool = False
    ranges: bool = True
    pause: float = 0.0
    redirect: str = ""
    as_html: bool = False
    asked: Counter[str] = field(default_factory=Counter)

    def add(
        self, project: str, version: str, size: int = 0, requires: tuple[str, ...] = (), licence: str = "", **more: Any
    ) -> dict[str, Any]:
        """Publishes a wheel; its entry in the page."""
        filename, content, metadata = wheel(project, version, size, requires, licence)
        described = {"core-metadata": {"sha256": hashlib.sha256(metadata).hexdigest()}}
        entry = self.publish(project, version, filename, content, **described, **more)
        self.contents[f"{entry['url'].removeprefix('../..')}.metadata"] = metadata
        return entry

    def publish(self, project: str, version: str, filename: str, content: bytes, **more: Any) -> dict[str, Any]:
        """Publishes a file; its entry in the page. A `provenance` is the document, which gets an address."""
        path = f"/packages/{hashlib.sha256(filename.encode()).hexdigest()[:8]}/{filename}"
        self.contents[path] = content
        if "provenance" in more:
            self.contents[f"{path}.provenance"] = more["provenance"]
            more["provenance"] = f"../..{path}.provenance"
        entry = {
            "filename": filename,
            "url": f"..{path}".replace("../", "../../", 1),
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            "size": len(content),
            "upload-time": "2026-01-02T03:04:05.000006Z",
            "yanked": False,
            **more,
        }
        page = self.documents.setdefault(
            project, {"meta": {"api-version": "1.4", "_last-serial": 1}, "name": project, "versions": [], "files": []}
        )
        page["versions"].append(version)
        page["files"].append(entry)
        return entry

    def content(self, entry: dict[str, Any]) -> bytes:
        """What a file is."""
        return self.contents[entry["url"].removeprefix("../..")]

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/simple/", self._list)
        app.router.add_get("/simple/{project}/", self._page)
        app.router.add_get("/packages/{path:.+}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/simple/"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self.asked[f"{request.method} {request.path}"] += 1
        if self.down:
            return web.Response(status=503)
        etag = f'"{len(self.documents)}-{self.serial}"'
        headers = {"ETag": etag, "X-PyPI-Last-Serial": str(self.serial)}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        if self.as_html:
            text = "".join(f'<a href="/simple/{name}/">{name}</a><br/>\n' for name in self.documents)
            return web.Response(text=f"<!DOCTYPE html><html><body>{text}</body></html>", content_type="text/html", headers=headers)
        projects = [{"name": page["name"], "_last-serial": self.serial} for page in self.documents.values()]
        listed = {"projects": projects, "meta": {"api-version": "1.4", "_last-serial": self.serial}}
        return web.json_response(listed, headers=headers, content_type=JSON_TYPE)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        self.asked[f"{request.method} {request.path}"] += 1
        if self.down:
            return web.Response(status=503)
        document = self.documents.get(request.match_info["project"])
        if document is None:
            return web.Response(status=404)
        etag = f'"{len(document["files"])}-{self.serial}"'
        headers = {"ETag": etag, "X-PyPI-Last-Serial": str(self.serial)}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        return web.json_response(document, headers=headers, content_type=JSON_TYPE)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        self.asked[f"{request.method} {request.path}"] += 1
        if self.down:
            return web.Response(status=503)
        if self.redirect:
            return web.Response(status=302, headers={"Location": self.redirect})
        content = self.contents.get(request.path)
        if content is None:
            return web.Response(status=404)
        if self.corrupt:
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        start = int(request.headers["Range"].removeprefix("bytes=").partition("-")[0]) if "Range" in request.headers else 0
        if not self.ranges:
            start = 0
        if start >= len(content) > 0:
            return web.Response(status=416)
        response = web.StreamResponse(status=206 if start else 200)
        response.content_length = len(content) - start
        if start:
            response.headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        await response.prepare(request)
        sent = 0
        for place in range(start, len(content), 16 << 10):
            await response.write(content[place : place + (16 << 10)])
            sent += 16 << 10
            if self.truncate is not None and sent >= self.truncate and request.transport is not None:
                request.transport.abort()
                return response
            if self.pause:
                await asyncio.sleep(self.pause)
        await response.write_eof()
        return response
