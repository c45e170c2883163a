"""An index that is far away: `python -m benchmarks.mirror.upstream FOLDER PORT MEGABYTES_A_SECOND LATENCY_MS`.

Gives out the wheels of a folder by the Simple API, with hashes, sizes, upload times and metadata files. Each answer waits for the
latency, and all answers share the rate. Beside the wheels there are the projects `many`, a page of a thousand files that are not
there, and `big`, a file of `BIG_BYTES`. `GET /sent` tells how many bytes of files were sent so far, by name.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from packaging.utils import canonicalize_name

JSON = "application/vnd.pypi.simple.v1+json"
BIG = "big-1.0-py3-none-any.whl"
BIG_BYTES = 500_000_000
_PIECE = 128 << 10
_MANY = 1000
_UPLOADED = "2026-01-02T03:04:05.000006Z"


class Link:
    """A line with so much latency, and a rate that all share."""

    def __init__(self, bytes_a_second: float, latency_seconds: float) -> None:
        self._rate = bytes_a_second
        self._latency = latency_seconds
        self._free_at = 0.0

    async def begin(self) -> None:
        """Waits for the latency."""
        await asyncio.sleep(self._latency)

    async def passed(self, size: int) -> None:
        """Waits until so many bytes have passed."""
        self._free_at = max(self._free_at, time.monotonic()) + size / self._rate
        await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))


@cache
def noise(number: int) -> bytes:
    """A piece of the big file."""
    return hashlib.shake_128(b"%d" % (number % 16)).digest(_PIECE)


def big(start: int, stop: int) -> bytes:
    """A part of the big file, within one piece."""
    number, offset = divmod(start, _PIECE)
    return noise(number)[offset : offset + min(stop - start, _PIECE - offset)]


class Index:
    """The index of a folder of wheels."""

    def __init__(self, folder: Path, link: Link) -> None:
        self._folder = folder
        self._link = link
        self._metadata: dict[str, bytes] = {}
        self._sent: Counter[str] = Counter()
        self._pages: dict[str, list[dict[str, Any]]] = {}
        for path in sorted(folder.glob("*.whl")):
            content = path.read_bytes()
            with zipfile.ZipFile(path) as archive:
                name = next(each for each in archive.namelist() if each.count("/") == 1 and each.endswith(".dist-info/METADATA"))
                self._metadata[path.name] = archive.read(name)
            digest = hashlib.sha256(content).hexdigest()
            self._add(canonicalize_name(path.name.split("-")[0]), path.name, digest, len(content), self._metadata[path.name])
        digest = hashlib.sha256()
        for start in range(0, BIG_BYTES, _PIECE):
            digest.update(big(start, BIG_BYTES))
        self._add("big", BIG, digest.hexdigest(), BIG_BYTES, None)
        for number in range(_MANY):
            name = f"many-{number}.0-py3-none-any.whl"
            self._add("many", name, hashlib.sha256(name.encode()).hexdigest(), 1000 + number, None)

    def _add(self, project: str, name: str, digest: str, size: int, metadata: bytes | None) -> None:
        found = {"sha256": hashlib.sha256(metadata).hexdigest()} if metadata is not None else False
        entry = {"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": digest}, "requires-python": ">=3.8"}
        entry |= {"size": size, "upload-time": _UPLOADED, "yanked": False, "core-metadata": found}
        self._pages.setdefault(project, []).append(entry)

    def app(self) -> web.Application:
        """The application."""
        app = web.Application()
        app.router.add_get("/simple/", self._list)
        app.router.add_get("/simple/{project}/", self._page)
        app.router.add_get("/files/{name}", self._file)
        app.router.add_get("/sent", self._tell)
        return app

    async def _list(self, request: web.Request) -> web.Response:
        await self._link.begin()
        if "json" in request.headers.get("Accept", ""):
            projects = [{"name": name} for name in self._pages]
            return _json({"meta": {"api-version": "1.4"}, "projects": projects})
        links = "".join(f'<a href="{name}/">{name}</a><br/>' for name in self._pages)
        return web.Response(text=f"<!DOCTYPE html><html><body>{links}</body></html>", content_type="text/html")

    async def _page(self, request: web.Request) -> web.Response:
        await self._link.begin()
        project = request.match_info["project"]
        files = self._pages.get(project)
        if files is None:
            raise web.HTTPNotFound
        if "json" in request.headers.get("Accept", ""):
            versions = sorted({each["filename"].split("-")[1] for each in files})
            page = {"meta": {"api-version": "1.4"}, "name": project, "versions": versions, "files": files}
            response = _json(page)
        else:
            lines = (
                f'<a href="{each["url"]}#sha256={each["hashes"]["sha256"]}" data-requires-python="&gt;=3.8"'
                + (f' data-core-metadata="sha256={each["core-metadata"]["sha256"]}"' if each["core-metadata"] else "")
                + f">{each['filename']}</a><br/>"
                for each in files
            )
            response = web.Response(text=f"<!DOCTYPE html><html><body>{''.join(lines)}</body></html>", content_type="text/html")
        response.headers["ETag"] = f'"{project}"'
        await self._link.passed(len(response.body or b""))  # type: ignore[arg-type]
        return response

    async def _file(self, request: web.Request) -> web.StreamResponse:
        await self._link.begin()
        name = request.match_info["name"]
        if name.removesuffix(".metadata") in self._metadata and name.endswith(".metadata"):
            return web.Response(body=self._metadata[name.removesuffix(".metadata")])
        path = self._folder / name
        size = BIG_BYTES if name == BIG else path.stat().st_size
        part = request.http_range
        start, stop = part.start or 0, min(part.stop or size, size)
        response = web.StreamResponse(status=206 if "Range" in request.headers else 200)
        response.headers.update({"Accept-Ranges": "bytes", "ETag": f'"{name}"', "Content-Length": str(stop - start)})
        if response.status == 206:
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        await response.prepare(request)
        with open("/dev/null" if name == BIG else path, "rb") as file:
            file.seek(start)
            while start < stop:
                piece = big(start, stop) if name == BIG else file.read(min(_PIECE, stop - start))
                await self._link.passed(len(piece))
                await response.write(piece)
                self._sent[name] += len(piece)
                start += len(piece)
        return response

    async def _tell(self, _: web.Request) -> web.Response:
        return web.json_response(dict(self._sent))


def _json(content: object) -> web.Response:
    """As the public index does, without a charset in the type."""
    return web.Response(body=json.dumps(content).encode(), headers={"Content-Type": JSON})


def main() -> None:
    folder, port, megabytes, milliseconds = sys.argv[1:]
    app = Index(Path(folder), Link(float(megabytes) * 1e6, float(milliseconds) / 1e3)).app()
    web.run_app(app, host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main()
