"""The list of all projects."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from headrace.core.errors import DataLossError
from headrace.mirror.index.page import HTML_TYPE, JSON_TYPE
from headrace.mirror.options import MirrorOptions, UpstreamOptions
from headrace.mirror.policy.rules import Policy
from headrace.mirror.projects.reading import reader
from headrace.mirror.server.process import running
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting, mirroring, with_mirror

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


async def listed(setting: Setting) -> list[dict[str, Any]]:
    answer = await setting.get("simple/", Accept=JSON_TYPE)
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = json.loads(answer.body)["projects"]
    return found


@pytest.mark.parametrize("as_html", [False, True])
def test_forms(tmp_path: Path, as_html: bool) -> None:
    async def work(setting: Setting) -> None:
        setting.index.as_html = as_html
        for name in ("demo", "other", "zope-interface"):
            setting.index.add(name, "1.0")
        setting.index.documents["zope-interface"]["name"] = "Zope.Interface"
        plain = await setting.get("simple/", Accept=JSON_TYPE)
        document = json.loads(plain.body)
        assert document["meta"] == {"api-version": "1.4", "_last-serial": 1}
        assert plain.headers["content-type"] == JSON_TYPE
        if as_html:
            assert document["projects"] == [{"name": name} for name in ("demo", "other", "zope-interface")]
        else:
            names = ("demo", "other", "Zope.Interface")
            assert document["projects"] == [{"name": name, "_last-serial": 1} for name in names], "keys not known here are kept"
        for coding, unpack in (("gzip", gzip.decompress), ("zstd", zstd.decompress)):
            packed = await setting.get("simple/", Accept=JSON_TYPE, Accept_Encoding=coding)
            assert (packed.headers["content-encoding"], unpack(packed.body)) == (coding, plain.body)
            assert packed.headers["etag"] == f'{plain.headers["etag"][:-1]}-{coding}"'
            known = await setting.get("simple/", Accept=JSON_TYPE, Accept_Encoding=coding, If_None_Match=packed.headers["etag"])
            assert (known.status, known.body) == (304, b"")
        page = await setting.get("simple/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert '<a href="zope-interface/">' in page.body.decode()
        assert (await setting.get("simple/", Accept=HTML_TYPE)).body == page.body
        head = await setting.get("simple/", "HEAD", Accept=JSON_TYPE)
        assert (head.status, head.headers["content-length"], head.body) == (200, str(len(plain.body)), b"")
        assert (await setting.get("simple/", Accept="image/png")).status == 406
        assert (await setting.get("simple")).headers["location"] == "./simple/"
        assert setting.index.asked["GET /simple/"] == 1

    with_mirror(tmp_path, work)


def test_it_is_asked_for_again_when_it_is_old_and_kept_while_upstream_is_down(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.add("demo", "1.0")
        before = await setting.get("simple/", Accept=JSON_TYPE)
        again = await setting.get("simple/", Accept=JSON_TYPE)
        assert (again.body, setting.index.asked["GET /simple/"]) == (before.body, 2), "upstream said 304"
        setting.index.add("other", "1.0")
        assert [each["name"] for each in await listed(setting)] == ["demo", "other"]
        setting.index.down = True
        assert [each["name"] for each in await listed(setting)] == ["demo", "other"]
        kept = sorted(path.suffix for path in (tmp_path / "lists/main").iterdir())
        assert kept == [".gz", ".json"], "what has been replaced is gone"

    with_mirror(tmp_path, work, fresh_seconds=0.0, revalidate_seconds=0.0)


def test_a_list_that_has_lost_its_projects_is_not_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(setting: Setting) -> None:
        page = {"meta": {"api-version": "1.4"}, "versions": [], "files": []}
        setting.index.documents.update({f"p{n}": {**page, "name": f"p{n}"} for n in range(1500)})
        assert len(await listed(setting)) == 1500
        for n in range(700, 1500):
            del setting.index.documents[f"p{n}"]
        assert len(await listed(setting)) == 1500
        assert "went from 1500 projects to 700; the old one stays" in caplog.text
        setting.index.documents["p700"] = {**page, "name": "p700"}
        for n in range(701, 760):
            setting.index.documents[f"p{n}"] = {**page, "name": f"p{n}"}
        assert len(await listed(setting)) == 760

    with_mirror(tmp_path, work, fresh_seconds=0.0, revalidate_seconds=0.0)


def test_a_page_to_log_in_to_is_no_list(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.as_html = True
        setting.index.documents.update({"Log in, please": {}, "Forgot password?": {}, "help": {}})
        answer = await setting.get("simple/")
        assert (answer.status, "2 names that are none" in answer.reason) == (502, True)

    with_mirror(tmp_path, work)


def test_without_a_list_there_is_an_error(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.down = True
        answer = await setting.get("simple/")
        assert (answer.status, "upstream 'main'" in answer.reason) == (503, True)

    with_mirror(tmp_path, work)


def test_policy_patterns_and_the_order_of_upstreams(tmp_path: Path) -> None:
    async def work() -> None:
        async with IndexServer() as first, IndexServer() as second:
            for name in ("acme-core", "left-pad", "demo"):
                first.add(name, "1.0")
            for name in ("acme-evil", "acme-core", "demo", "secret-plan", "left-pad", "numpy"):
                second.add(name, "2.0")
            one = UpstreamOptions("one", first.url, projects=("acme-*", "left-*"))
            two = UpstreamOptions("two", second.url)
            policy = Policy(deny=("left-*",))
            options = MirrorOptions(tmp_path, (one, two), policy, private=("secret-*",), port=0)
            async with running(options) as url, aiohttp.ClientSession() as session:
                names = [each["name"] for each in await listed(Setting(url, first, session))]
                assert names == ["acme-core", "acme-evil", "demo", "numpy"]
            only = replace(options, policy=Policy(allow=("numpy",)))
            async with running(only) as url, aiohttp.ClientSession() as session:
                assert [each["name"] for each in await listed(Setting(url, first, session))] == ["numpy"]

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_large_list_comes_while_other_requests_are_answered(tmp_path: Path) -> None:
    count = 20_000

    async def work() -> None:
        projects = [{"name": f"p{n}", "_last-serial": n} for n in range(count)]
        body = json.dumps({"meta": {"api-version": "1.4"}, "projects": projects})

        async def answer(_: web.Request) -> web.Response:
            return web.Response(text=body, content_type=JSON_TYPE)

        async with IndexServer() as index:
            app = web.Application()
            app.router.add_get("/simple/", answer)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            index.url = f"http://127.0.0.1:{runner.addresses[0][1]}/simple/"
            async with mirroring(tmp_path, index) as setting:
                asking = asyncio.create_task(listed(setting))
                answered = 0
                while not asking.done():
                    assert (await setting.get("livez")).status == 200
                    answered += 1
                    await asyncio.sleep(0.01)
                assert len(await asking) == count
                assert answered > 10, "requests were answered all the while"
                started = time.process_time()
                packed = await setting.get("simple/", Accept=JSON_TYPE, Accept_Encoding="gzip")
                assert time.process_time() - started < 1.0, "it is kept packed"
                assert json.loads(gzip.decompress(packed.body))["projects"][-1]["name"] == f"p{count - 1}"
            await runner.cleanup()

    asyncio.run(asyncio.wait_for(work(), 100))


def read(content_type: str, body: bytes, size: int) -> list[str]:
    entries = reader(content_type)
    found = [entry["name"] for start in range(0, len(body), size) for entry in entries.feed(body[start : start + size])]
    entries.close()
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_reading_in_pieces(size: int) -> None:
    document = {"x": [1, {"projects": 2}, "é"], "projects": [{"name": "a\u20ac"}, {"name": "b", "y": [1, 2]}], "meta": {"n": 12}}
    for text in (json.dumps(document), json.dumps(document, indent=2, ensure_ascii=False)):
        assert read(JSON_TYPE, text.encode(), size) == ["a\u20ac", "b"]
    assert read(JSON_TYPE, b'{"projects": []}', size) == []
    page = '<!DOCTYPE html><html><body><a href="/simple/a-b/">A.B &amp; c</a>\n<a href="/simple/d%2De/"></a></body></html>'
    assert read("text/html; charset=utf-8", page.encode(), size) == ["A.B & c", "d-e"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON_TYPE, b""),
        (JSON_TYPE, b"[]"),
        (JSON_TYPE, b"{}"),
        (JSON_TYPE, b'{"projects": [{"name": "a"}'),
        (JSON_TYPE, b'{"projects": [{"name": "a"}]'),
        (JSON_TYPE, b'{"projects": [1]}'),
        (JSON_TYPE, b'{"projects": [{"name": 1}]}'),
        (JSON_TYPE, b'{"projects": {"name": "a"}}'),
        (JSON_TYPE, b'{"projects": [{"name": "\xff"}]}'),
        (JSON_TYPE, b'{"projects": ' + b"[" * 200_000),
        (JSON_TYPE, b'{"projects": [{"name": "' + b"a" * 3_000_000),
        ("text/html", b"nothing at all"),
        ("text/html", b"<a " + b"a" * 3_000_000),
        ("application/pdf", b"%PDF"),
    ],
)
def test_what_is_no_list(content_type: str, body: bytes) -> None:
    with pytest.raises(DataLossError):
        read(content_type, body, 100_000)
