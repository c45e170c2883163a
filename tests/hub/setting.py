"""A mirror in a thread of its own, for clients that wait."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from headrace.core.tokens import token_hash
from headrace.mirror.options import MirrorOptions, UpstreamOptions
from headrace.mirror.private.uploaders import Uploader
from headrace.mirror.server.process import running

TOKEN = "let-me-in"
UPLOADERS = (Uploader("ann", token_hash(TOKEN), models=("acme/*",)),)


@contextlib.contextmanager
def mirror(root: Path, max_file_bytes: int = 1 << 30) -> Iterator[str]:
    """The URL of a mirror that runs until the block ends. Its upstream is never asked."""
    upstream = UpstreamOptions("main", "http://127.0.0.1:9/simple/")
    options = MirrorOptions(root, (upstream,), uploaders=UPLOADERS, port=0, max_file_bytes=max_file_bytes)
    begun = threading.Event()
    told: list[str] = []

    async def work() -> None:
        nonlocal stop
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            loop.call_soon_threadsafe(ended.set)

        stop = end
        try:
            async with running(options) as url:
                told.append(url)
                begun.set()
                await ended.wait()
        finally:
            begun.set()

    stop = begun.set
    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        assert begun.wait(60)
        yield told[0]
    finally:
        stop()
        thread.join(60)
