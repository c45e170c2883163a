"""The cache of pages against a model of it: a fake clock, a fake upstream, and what must come of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from headrace.core.errors import NotFoundError, OpError, UnavailableError
from headrace.mirror.index.page import JSON_TYPE
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.options import UpstreamOptions
from headrace.mirror.pages.cache import PageCache
from headrace.mirror.pages.stored import PageFiles, StoredPage
from headrace.mirror.upstream.client import PageAnswer, Upstream
from tests.store.test_model import examples

FRESH, STALE, ERROR = 600.0, 3600.0, 86400.0
OPTIONS = UpstreamOptions("main", "http://index.invalid/simple/", FRESH, STALE, ERROR)
Files = dict[str, str]
"""What a project has: digests by the name of the file."""


@dataclass(frozen=True)
class Kept:
    """What the model knows of a page."""

    files: Files | None
    etag: str
    serial: int | None
    fetched: float
    checked: float


class FakeUpstream:
    """Has one project, which changes."""

    options = OPTIONS
    name = OPTIONS.name

    def __init__(self) -> None:
        self.files: Files | None = None
        self.serial = 1
        self.etag = ""
        self.down = False
        self.asked = 0

    async def page(self, project: str, etag: str, max_bytes: int) -> PageAnswer:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise UnavailableError("upstream is down")
        if self.files is None:
            return PageAnswer(404)
        if etag and etag == self.etag:
            return PageAnswer(304)
        listed = [{"filename": name, "url": f"../{name}", "hashes": {"sha256": digest}} for name, digest in self.files.items()]
        body = json.dumps({"meta": {"api-version": "1.4"}, "name": project, "files": listed}).encode()
        return PageAnswer(200, body, JSON_TYPE, "http://index.invalid/simple/demo/", self.etag, self.serial)


class FullDisk(PageFiles):
    """Takes no pages while it is full."""

    full = False

    def write(self, upstream: str, project: str, page: StoredPage) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().write(upstream, project, page)


class PagesMachine(RuleBasedStateMachine):
    """What happens to a cache of pages. `disk` and `memory` are what the model says is kept there."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="pages-"))
        self.runner = asyncio.Runner()
        self.now = 1e9
        self.upstream = FakeUpstream()
        self.disk: Kept | None = None
        self.memory: Kept | None = None
        self.changed = False  # the file, other than by the cache
        self.files = FullDisk(self.root)
        self.open()
        self.upstream_changes("a", 0, 5)
        self.get()

    def open(self) -> None:
        upstreams = [cast(Upstream, self.upstream)]
        self.cache = PageCache(self.files, upstreams, None, [], 1 << 20, MirrorMetrics(), lambda: self.now)

    @property
    def path(self) -> Path:
        return self.root / "main" / "demo.json"

    @rule(name=st.sampled_from("abc"), content=st.integers(0, 2), step=st.sampled_from([1, 1, 1, 0, -1, 1000]))
    def upstream_changes(self, name: str, content: int, step: int) -> None:
        """A file comes, or changes in place; the serial goes on, stays, goes back, or leaps."""
        files = dict(self.upstream.files or {})
        files[f"demo-{name}.whl"] = hashlib.sha256(b"%d" % content).hexdigest()
        self.upstream.files = files
        self.upstream.serial = max(1, self.upstream.serial + step)
        self.upstream.etag = f'"{hash(tuple(sorted(files.items()))):x}-{self.upstream.serial}"'

    @rule(name=st.sampled_from("abc"))
    def upstream_removes_a_file(self, name: str) -> None:
        if self.upstream.files is not None and self.upstream.files.pop(f"demo-{name}.whl", None):
            self.upstream.serial += 1
            self.upstream.etag = f'"removed-{self.upstream.serial}-{len(self.upstream.files)}-{name}"'

    @rule(name=st.sampled_from("abc"), content=st.integers(0, 2))
    def upstream_goes_back(self, name: str, content: int) -> None:
        self.upstream_changes(name, content, -1)
        self.an_old_page_is_asked_for()

    @rule()
    def upstream_removes_the_project(self) -> None:
        self.upstream.files = None

    @rule(down=st.booleans())
    def upstream_is_down_or_up(self, down: bool) -> None:
        self.upstream.down = down

    @rule(full=st.booleans())
    def the_disk_is_full_or_not(self, full: bool) -> None:
        self.files.full = full

    @rule(seconds=st.sampled_from([0.0, FRESH, FRESH + STALE, FRESH + STALE + 1.0, ERROR + 1.0, -1.0, -ERROR, 1e9, -1e9]))
    def the_clock_goes_on_or_jumps(self, seconds: float) -> None:
        self.now += seconds
        self.get()

    @rule()
    def an_old_page_is_asked_for(self) -> None:
        """Whatever upstream did since then counts."""
        self.now += FRESH + STALE + 1.0
        self.get()

    @rule()
    def crash(self) -> None:
        self.memory = None
        self.changed = False
        self.open()

    @precondition(lambda self: self.disk is not None)
    @rule(place=st.integers(0, 10_000), lost=st.booleans())
    def the_file_is_damaged_or_lost(self, place: int, lost: bool) -> None:
        if lost:
            self.path.unlink()
        else:
            data = bytearray(self.path.read_bytes())
            data[place % len(data)] ^= 1
            self.path.unlink()
            self.path.write_bytes(data)
        self.disk, self.changed = None, True
        if not lost:
            assert self.files.read("main", "demo") is None, "a damaged page is not read"
            self.path.unlink()

    def fetched(self) -> None:
        """What the model says of an answer of upstream."""
        known = self.disk
        if self.upstream.down:
            raise UnavailableError("upstream is down")
        if self.upstream.files is None:
            fresh = Kept(None, "", None, self.now, self.now)
        elif (
            known is not None
            and known.etag == self.upstream.etag
            or (
                known is not None
                and known.serial is not None
                and self.upstream.serial < known.serial
                and 0 <= self.now - known.fetched <= ERROR
            )
        ):
            fresh = replace(known, checked=self.now)
        else:
            before = (known.files if known is not None else None) or {}
            files = {name: before.get(name, digest) for name, digest in self.upstream.files.items()}
            fresh = Kept(files, self.upstream.etag, self.upstream.serial, self.now, self.now)
        if not self.files.full:
            self.disk = fresh
        self.memory = fresh
        self.changed = False

    def expected(self) -> Kept:
        """What a client should get now, from the model."""
        known = self.memory
        age = self.now - known.checked if known is not None else 0.0
        if known is None or (self.changed and not 0 <= age <= FRESH):
            known = self.memory = self.disk
            self.changed = False
        if known is None:
            self.fetched()
            return cast(Kept, self.memory)
        age = self.now - known.checked
        if 0 <= age <= FRESH:
            return known
        if 0 <= age <= FRESH + STALE:
            with contextlib.suppress(UnavailableError):
                self.fetched()
            return known
        try:
            self.fetched()
        except UnavailableError:
            if age > ERROR:
                raise
            return known
        return cast(Kept, self.memory)

    @rule()
    def get(self) -> None:
        async def ask() -> Any:
            try:
                return await self.cache.get("demo")
            except OpError as error:
                return error
            finally:
                await asyncio.gather(*self.cache._asking.values(), return_exceptions=True)  # what goes on behind

        found = self.runner.run(ask())
        try:
            kept = self.expected()
        except UnavailableError:
            assert isinstance(found, UnavailableError), found
            return
        if kept.files is None:
            assert isinstance(found, NotFoundError), found
            return
        got = {file["filename"]: file["hashes"]["sha256"] for file in found.page.document["files"]}
        assert (got, found.page.serial, found.page.checked) == (kept.files, kept.serial, kept.checked)
        assert found.age >= 0

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.close()
            shutil.rmtree(self.root)


def test_the_pages_agree_with_a_model() -> None:
    run_state_machine_as_test(PagesMachine, settings=examples(40))
