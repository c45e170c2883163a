"""A server of archives whose faults can be switched on."""

from __future__ import annotations

import contextlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def archive(members: dict[str, bytes | tarfile.TarInfo], mode: str = "w:gz") -> bytes:
    """A tar archive of files, and of members that are no files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            if isinstance(data, tarfile.TarInfo):
                tar.addfile(data)
            else:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


@dataclass
class Server:
    """What is sent, and how.

    Attributes:
        url: where it answers.
        contents: by path.
        status: of all answers.
        cut: closes the connection after so many bytes of each answer.
        stall: sends the first half of a file, and of the rest nothing, and does not close.
        redirect: where to go instead.
        endless: sends without end and without a Content-Length.
        asked: the requests: path, Range and Authorization.
    """

    url: str = ""
    contents: dict[str, bytes] = field(default_factory=dict)
    status: int = 200
    cut: int | None = None
    stall: bool = False
    redirect: str = ""
    endless: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server that answers until the block ends."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(server, self)

        def log_message(self, *_: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def _answer(server: Server, handler: BaseHTTPRequestHandler) -> None:
    server.asked.append((handler.path, handler.headers.get("Range", ""), handler.headers.get("Authorization", "")))
    if server.redirect:
        handler.send_response(302)
        handler.send_header("Location", server.redirect)
        handler.end_headers()
        return
    content = server.contents.get(handler.path.partition("?")[0])
    if content is None or server.status != 200:
        handler.send_error(404 if content is None else server.status)
        return
    start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if not server.endless:
        handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    rest = content[start:]
    with contextlib.suppress(ConnectionError):
        if server.stall:
            handler.wfile.write(rest[: 0 if start else len(rest) // 2])
            server.ended.wait(60)
        elif server.cut is not None:
            handler.wfile.write(rest[: server.cut])
        else:
            handler.wfile.write(rest)
            while server.endless and not server.ended.is_set():
                handler.wfile.write(bytes(1 << 16))
