"""Kills processes at moments all over the life of what they do, and looks at what they left. Run by test_kills.py, in a fork.

One process imports everything and then forks: a life is a child that does something and is killed with signal 9. Most are killed
when a certain line of our code is reached, counted over all threads, so that each moment between two steps has its turn; the
others at random times, so that moments within a step have theirs. After each life this process takes over, as a mirror that starts
again would.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from headrace.core.errors import AbortedError, DataLossError
from headrace.mirror.downloads import Downloads, Wanted
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.pages.stored import PageFiles, StoredPage
from headrace.mirror.private.index import PrivateIndex
from headrace.mirror.private.packages import Package
from headrace.mirror.upkeep import Upkeep
from headrace.mirror.upstream.source import FilePart, NoPartsError
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex, evict, open_index

OURS = str(Path(__file__).parents[3] / "headrace")
SIZE = 200_000
PIECE = 16_000


class KeptPart:
    """A part of a file that is in memory."""

    def __init__(self, content: bytes, offset: int) -> None:
        self.offset, self.total, self._content = offset, len(content), content

    async def pieces(self) -> AsyncIterator[bytes]:
        for place in range(self.offset, self.total, PIECE):
            yield self._content[place : place + PIECE]
            await asyncio.sleep(0)


class Memory:
    """An upstream without a network."""

    name = "memory"
    connections, parallel_bytes, segment_bytes = 3, SIZE, 3 * PIECE

    def __init__(self, content: bytes, parts: bool) -> None:
        self._content = content
        self._parts = parts

    @contextlib.asynccontextmanager
    async def file(self, url: str, offset: int) -> AsyncIterator[FilePart]:
        yield KeptPart(self._content, offset)

    @contextlib.asynccontextmanager
    async def part(self, url: str, start: int, stop: int) -> AsyncIterator[FilePart]:
        if not self._parts:
            raise NoPartsError
        yield KeptPart(self._content, start)

    async def document(self, url: str, max_bytes: int) -> tuple[bytes, str]:
        raise AssertionError(url)


@dataclass
class Mirror:
    """The parts of a mirror that keep something, opened as a start opens them."""

    root: Path

    def __enter__(self) -> Mirror:
        self.store = BlobStore(self.root)
        self.index: BlobIndex = open_index(self.root)
        self.pages = PageFiles(self.root / "pages")
        self.private = PrivateIndex(("acme-*",), self.pages, self.store, self.index, self.root / "locks")
        return self

    def __exit__(self, *_: object) -> None:
        self.index.close()

    async def fetch(self, content: bytes, digest: str, parts: bool, given: int | None = None) -> bytes:
        """What a client gets; `given` is a file that it is written to at once."""
        downloads = Downloads(self.store, self.index, 1 << 30, MirrorMetrics("0"))
        got = b""
        try:
            async with contextlib.aclosing(
                downloads.stream(Wanted(Memory(content, parts), digest, "http://x.invalid/f", SIZE), 0, SIZE)
            ) as stream:
                async for span in stream:
                    piece = span.follower.read(span.start, span.stop - span.start)
                    got += piece
                    if given is not None:
                        os.write(given, piece)
        finally:
            await downloads.close()
        return got

    def upload(self, content: bytes, digest: str, version: str) -> None:
        """As Uploads does."""
        work = self.root / "uploads" / f"upload-{os.getpid()}"
        work.parent.mkdir(exist_ok=True)
        work.write_bytes(content)
        self.store.adopt(work, digest)
        metadata = b"Name: acme-core\nVersion: %s\n" % version.encode()
        package = Package("acme-core", version, "", metadata)
        self.private.add(package, f"acme_core-{version}-py3-none-any.whl", digest, len(content))


class Life:
    """What a child does with the file of a number, and what must hold when it was killed.

    Args:
        root: of the mirror.
        number: makes the file.
        random: decides what.
    """

    def __init__(self, root: Path, number: int, chosen: random.Random) -> None:
        self.root = root
        self.number = number
        self.kind = chosen.choice(["fetch", "fetch", "fetch", "parallel", "wrong", "upload", "evict", "page"])
        self.content = random.Random(number).randbytes(SIZE)
        self.digest = hashlib.sha256(self.content).hexdigest()
        self.given = root / "given" / str(number)
        self.given.parent.mkdir(parents=True, exist_ok=True)

    def live(self) -> None:
        """In the child."""
        handle = os.open(self.given, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with Mirror(self.root) as mirror:
            if self.kind == "upload":
                mirror.upload(self.content, self.digest, f"{self.number}.0")
            elif self.kind == "evict":
                mirror.store.put(self.content, self.digest)
                mirror.index.add(self.digest, SIZE)
                mirror.index.pin([self.digest], "bundle")
                mirror.index.unpin("bundle")
                evict(mirror.store, mirror.index, 3 * SIZE, 2 * SIZE)
            elif self.kind == "page":
                for serial in range(3):
                    mirror.pages.write("main", "demo", StoredPage({"files": [self.digest] * 50}, "", serial, 0.0, 0.0))
            else:
                content = bytes([self.content[0] ^ 1]) + self.content[1:] if self.kind == "wrong" else self.content
                with contextlib.suppress(DataLossError, AbortedError):
                    asyncio.run(mirror.fetch(content, self.digest, self.kind == "parallel", handle))

    def check(self, whole_before: dict[str, int]) -> None:
        """In the one that takes over."""
        given = self.given.read_bytes() if self.given.exists() else b""
        if self.kind == "wrong":
            assert len(given) < SIZE, "a wrong file was given out to its end"
        else:
            assert self.content.startswith(given), "something wrong was given out"
        with Mirror(self.root) as mirror:
            there = dict(mirror.store.walk())
            if self.digest in there:
                assert there[self.digest].read_bytes() == self.content, "a file got its name before it was right"
            if self.kind != "evict":
                assert whole_before.keys() <= there.keys(), "a file that was whole is lost"
            Upkeep(self.root, mirror.store, mirror.index, None, 1 << 40, 1 << 40).tidy()  # type: ignore[arg-type]
            usage, files = mirror.index.usage(), list(mirror.store.walk())
            assert (usage.files, usage.bytes) == (len(files), sum(path.stat().st_size for _, path in files))
            self.go_on(mirror)

    def go_on(self, mirror: Mirror) -> None:
        """The same is asked for again, and comes; a wrong part that was left may have to be thrown away first."""
        if self.kind == "upload":
            mirror.upload(self.content, self.digest, f"{self.number}.0")
            document: Any = mirror.private.page("acme-core").document
            for file in document["files"]:
                digest = file["hashes"]["sha256"]
                assert digest in mirror.store, "a file is listed that is not here"
                assert mirror.store.pins.holds(digest), "an uploaded file could make room"
        elif self.kind == "page":
            page = mirror.pages.read("main", "demo")
            assert page is not None or not (self.root / "pages/main/demo.json").exists(), "the page is damaged"
        else:
            try:
                got = asyncio.run(mirror.fetch(self.content, self.digest, self.kind == "parallel"))
            except DataLossError:
                assert self.kind == "wrong", "what was left was wrong"
                got = asyncio.run(mirror.fetch(self.content, self.digest, False))
            assert got == self.content
            assert not mirror.store.partial_path(self.digest).exists()


def child(live: Callable[[], None], trace: Callable[[FrameType, str, object], object] | None) -> int:
    """Forks; the child does `live` and ends."""
    pid = os.fork()
    if pid:
        return pid
    try:
        if trace is not None:
            threading.settrace(trace)  # type: ignore[arg-type]
            sys.settrace(trace)  # type: ignore[arg-type]
        live()
    except BaseException as error:  # noqa: BLE001 (a forked child must not go on as its parent)
        os.write(2, f"{error!r}\n".encode())
        os._exit(1)
    os._exit(0)


def at_line(count: int) -> Callable[[FrameType, str, object], object]:
    """Kills this process when so many lines of our code have been reached."""
    lock, reached = threading.Lock(), 0

    def trace(frame: FrameType, event: str, _: object) -> object:
        nonlocal reached
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "line":
            with lock:
                reached += 1
                if reached == count:
                    os.kill(os.getpid(), 9)
        return trace

    return trace


def lines_of(life: Life) -> int:
    """How many lines of our code a life reaches that nobody ends."""
    reading, writing = os.pipe()
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> object:
        nonlocal count
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        count += event == "line"
        return trace

    def live() -> None:
        life.live()
        sys.settrace(None)
        os.write(writing, str(count).encode())

    _, status = os.waitpid(child(live, trace), 0)
    assert status == 0, f"a life of {life.kind} failed by itself"
    os.close(writing)
    found = int(os.read(reading, 100))
    os.close(reading)
    return found


def main(root: Path, seed: int, kills: int) -> None:
    chosen = random.Random(seed)
    lengths: dict[str, int] = {}
    killed: dict[str, int] = {}
    for number in range(10**6):
        life = Life(root, number, chosen)
        with Mirror(root) as mirror:
            before = {digest: 0 for digest, _ in mirror.store.walk()}
        if life.kind not in lengths:
            lengths[life.kind] = lines_of(life)
            life.check({} if life.kind == "evict" else before)
            continue
        if chosen.random() < 0.8:
            _, status = os.waitpid(child(life.live, at_line(chosen.randint(1, lengths[life.kind]))), 0)
        else:
            pid = child(life.live, None)
            time.sleep(chosen.uniform(0, 0.03))
            os.kill(pid, 9)
            _, status = os.waitpid(pid, 0)
        assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, f"life {number} of {life.kind} failed by itself"
        life.check(before)
        if os.WIFSIGNALED(status):
            killed[life.kind] = killed.get(life.kind, 0) + 1
            if sum(killed.values()) == kills:
                break
    with Mirror(root) as mirror:
        assert list(mirror.store.damaged()) == []
    print(json.dumps({"killed": killed, "lines": lengths}), flush=True)
