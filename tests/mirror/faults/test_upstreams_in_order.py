"""Several upstreams: the next is asked when one does not have a project, and never because one fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from headrace.mirror.options import MirrorOptions, UpstreamOptions
from headrace.mirror.server.process import running
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting


def test_they_are_asked_in_order(tmp_path: Path) -> None:
    async def work() -> None:
        async with IndexServer() as one, IndexServer() as two, IndexServer() as three:
            two.add("demo", "2.0", 1000)
            three.add("demo", "3.0", 1000)
            entry = three.add("only-here", "3.0", 1000)
            upstreams = [
                UpstreamOptions(name, index.url, fresh_seconds=0.0, revalidate_seconds=0.0)
                for name, index in (("one", one), ("two", two), ("three", three))
            ]
            options = MirrorOptions(tmp_path, tuple(upstreams), port=0)
            async with running(options) as url, aiohttp.ClientSession() as session:
                setting = Setting(url, one, session)
                assert (await setting.page("demo"))["versions"] == ["2.0"]
                (file,) = (await setting.page("only-here"))["files"]
                assert file["url"].startswith("../../files/three/")
                assert (await setting.get(file["url"])).body == three.content(entry)
                assert (await setting.get("simple/nowhere/")).status == 404
                asked = three.asked["GET /simple/demo/"]
                two.down = True
                assert (await setting.page("demo"))["versions"] == ["2.0"], "its page that is kept, and not the next one's"
                assert (await setting.get("simple/fresh/")).status == 503
                assert three.asked["GET /simple/fresh/"] == 0
                assert three.asked["GET /simple/demo/"] == asked == 0
                two.down = False
                one.add("demo", "1.0")
                assert (await setting.page("demo"))["versions"] == ["1.0"], "the first that has it is the only one"

    asyncio.run(asyncio.wait_for(work(), 60))
