"""Projects' pages through the mirror."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest

from headrace.mirror.index.page import HTML_TYPE, JSON_TYPE
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting, mirroring, with_mirror


def without_urls(page: dict[str, Any]) -> dict[str, Any]:
    files = [{key: value for key, value in file.items() if key not in ("url", "provenance")} for file in page["files"]]
    return {**page, "files": files}


def test_it_is_upstreams_but_for_urls(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        index = setting.index
        index.add("demo", "1.0", yanked="broken", **{"requires-python": ">=3.9", "odd-key": {"kept": True}})
        index.add("demo", "2.0", provenance="https://provenance.invalid/x")
        index.documents["demo"]["project-status"] = {"status": "deprecated", "reason": "use <other>"}
        page = await setting.page("demo")
        assert without_urls(page) == without_urls(index.documents["demo"])
        assert page["files"][1]["url"].startswith("../../files/main/demo/packages/")
        assert page["files"][1]["provenance"] == f"{setting.url}/provenance/main/demo/demo-2.0-py3-none-any.whl"

    with_mirror(tmp_path, work)


def test_forms(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        entry = setting.index.add("demo", "1.0", yanked='a "bad" one', **{"requires-python": ">=3.9"})
        plain = await setting.get("simple/demo/")
        assert (plain.status, plain.headers["content-type"]) == (200, "text/html; charset=utf-8")
        text = plain.body.decode()
        assert text.startswith("<!DOCTYPE html>")
        assert '<meta name="pypi:repository-version" content="1.4">' in text
        assert f'.whl#sha256={entry["hashes"]["sha256"]}"' in text
        assert 'data-yanked="a &quot;bad&quot; one"' in text
        assert 'data-requires-python="&gt;=3.9"' in text
        assert f'data-core-metadata="sha256={entry["core-metadata"]["sha256"]}"' in text
        assert ">demo-1.0-py3-none-any.whl</a>" in text
        versioned = await setting.get("simple/demo/", Accept=f"{JSON_TYPE};q=0.1, {HTML_TYPE}")
        assert versioned.headers["content-type"].startswith(HTML_TYPE)
        assert (await setting.get("simple/demo/", Accept="application/pdf")).status == 406
        zipped = await setting.get("simple/demo/", Accept_Encoding="gzip")
        assert gzip.decompress(zipped.body) == plain.body
        assert zipped.headers["etag"] != plain.headers["etag"]
        assert zipped.headers["vary"] == "Accept, Accept-Encoding"
        again = await setting.get("simple/demo/", If_None_Match=plain.headers["etag"])
        assert (again.status, again.body) == (304, b"")

    with_mirror(tmp_path, work)


def test_names_are_normal(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.add("my-demo", "1.0")
        targets = {"My_Demo/": "../my-demo/", "my-demo": "./my-demo/", "my.demo": "./my-demo/"}
        for asked, target in targets.items():
            answer = await setting.get(f"simple/{asked}")
            assert (answer.status, answer.headers["location"]) == (301, target)
        bad = await setting.get("simple/-bad-/")
        assert (bad.status, bad.reason) == (400, bad.body.decode().strip())
        assert "is no project name" in bad.reason
        assert (await setting.get("simple/nothing/")).status == 404
        assert (await setting.get("simple/..%2f..%2fetc/")).status == 400

    with_mirror(tmp_path, work)


def test_a_fresh_page_is_not_asked_for_again(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.add("demo", "1.0")
        await asyncio.gather(*(setting.page("demo") for _ in range(20)))
        assert setting.index.asked["GET /simple/demo/"] == 1

    with_mirror(tmp_path, work)


def test_a_stale_page_is_given_out_and_asked_for(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.add("demo", "1.0")
        await setting.page("demo")
        setting.index.add("demo", "2.0")
        assert (await setting.page("demo"))["versions"] == ["1.0"]
        while (await setting.page("demo"))["versions"] == ["1.0"]:
            await asyncio.sleep(0.01)

    with_mirror(tmp_path, work, fresh_seconds=0.0)


def test_an_old_page_is_asked_for_first(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.add("demo", "1.0")
        await setting.page("demo")
        setting.index.add("demo", "2.0")
        assert (await setting.page("demo"))["versions"] == ["1.0", "2.0"]

    with_mirror(tmp_path, work, fresh_seconds=0.0, revalidate_seconds=0.0)


def test_while_upstream_is_down_old_pages_are_given_out(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.add("demo", "1.0")
        before = await setting.page("demo")
        setting.index.down = True
        assert await setting.page("demo") == before
        missing = await setting.get("simple/other/")
        assert missing.status == 503
        assert "upstream 'main' cannot be asked" in missing.reason or "failed" in missing.reason

    with_mirror(tmp_path, work, fresh_seconds=0.0, revalidate_seconds=0.0)


def test_pages_outlive_the_process(tmp_path: Path) -> None:
    async def work() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0")
            async with mirroring(tmp_path, index) as setting:
                before = await setting.page("demo")
            index.down = True
            async with mirroring(tmp_path, index) as setting:
                assert await setting.page("demo") == before
                assert index.asked["GET /simple/demo/"] == 1

    asyncio.run(asyncio.wait_for(work(), 60))


def test_upstream_may_not_go_back_nor_change_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(setting: Setting) -> None:
        index = setting.index
        index.serial = 7
        entry = index.add("demo", "1.0")
        index.add("demo", "2.0")
        before = await setting.page("demo")
        index.serial = 5
        index.documents["demo"]["files"].pop()
        assert await setting.page("demo") == before
        assert "went back from serial 7 of demo to 5" in caplog.text
        index.serial = 8
        first = entry["hashes"]["sha256"]
        index.documents["demo"]["files"][0] = {**entry, "hashes": {"sha256": "0" * 64}}
        page = await setting.page("demo")
        assert [file["hashes"]["sha256"] for file in page["files"]] == [first]
        assert f"changed the content of demo-1.0-py3-none-any.whl of demo: {first} is now {'0' * 64}" in caplog.text

    with_mirror(tmp_path, work, fresh_seconds=0.0, revalidate_seconds=0.0)


def test_the_first_upstream_that_has_a_project_is_the_only_one(tmp_path: Path) -> None:
    from dataclasses import replace

    from headrace.mirror.options import MirrorOptions, UpstreamOptions
    from headrace.mirror.server.process import running

    async def work() -> None:
        import aiohttp

        async with IndexServer() as private, IndexServer() as public:
            private.add("acme-core", "1.0")
            public.add("acme-core", "9.0")
            public.add("demo", "1.0")
            first = UpstreamOptions("private", private.url, projects=("acme-*",), fresh_seconds=0.0, revalidate_seconds=0.0)
            second = replace(first, name="public", url=public.url, projects=("*",))
            options = MirrorOptions(tmp_path, (first, second), port=0)
            async with running(options) as url, aiohttp.ClientSession() as session:
                setting = Setting(url, private, session)
                assert (await setting.page("acme-core"))["versions"] == ["1.0"]
                assert (await setting.page("demo"))["versions"] == ["1.0"]
                assert public.asked["GET /simple/acme-core/"] == 0, "private names do not leak"
                assert private.asked["GET /simple/demo/"] == 0
                private.down = True
                assert (await setting.get("simple/acme-other/")).status == 503, "the next upstream is not asked instead"
                assert public.asked["GET /simple/acme-other/"] == 0

    asyncio.run(asyncio.wait_for(work(), 60))
