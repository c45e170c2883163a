"""What the mirror tells of itself over HTTP."""

from __future__ import annotations

import asyncio
import importlib.resources
import json
import re
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from headrace.cli.mirror.group import mirror
from headrace.core.tokens import make_token, token_hash
from headrace.mirror.options import MirrorOptions, TlsOptions, UpstreamOptions
from headrace.mirror.policy.rules import Policy
from headrace.mirror.private.uploaders import Uploader
from headrace.mirror.server.process import assembled, listening, running
from headrace.mirror.status import refusals
from headrace.mirror.status.assets import SHARED
from tests.mirror.certificates import self_signed
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting, mirroring, with_mirror

OWN = importlib.resources.files("headrace.mirror.status") / "page"
SOURCES = {file.name: file.read_text() for file in OWN.iterdir()}


async def read(setting: Setting, path: str) -> Any:
    answer = await setting.get(path)
    assert answer.status == 200, answer
    return json.loads(answer.body)


def test_it_tells_what_happened(tmp_path: Path) -> None:
    async def work() -> None:
        async with IndexServer() as index:
            content = index.content(index.add("demo", "1.0", 100_000))
            index.add("new", "1.0", **{"upload-time": "2999-01-02T03:04:05Z"})
            index.url = index.url.replace("//", "//somebody:secret@")
            async with mirroring(tmp_path, index, Policy(deny=("bad-*",), cooldown_days=7)) as setting:
                before = await read(setting, "status.json")
                assert (before["upstreams"][0]["answered"], before["check"], before["refusals"]) == (None, None, [])
                (file,) = (await setting.page("demo"))["files"]
                for _ in range(2):
                    assert (await setting.get(file["url"])).body == content
                (file,) = (await setting.page("new"))["files"]
                assert (await setting.get(file["url"])).status == 403
                assert CliRunner().invoke(mirror, ["fsck", f"--root={tmp_path}"]).exit_code == 0
                told = await read(setting, "status.json")
        assert "secret" not in json.dumps(told)
        assert told["usage"] == {"files": 1, "bytes": len(content), "pinned_bytes": 0}
        assert told["counts"]["sent"] == {"file store": len(content), "file upstream": len(content)}
        assert told["counts"]["requests"]["file 403"] == 1
        assert told["counts"]["refused"] == {"age": 1}
        (refusal,) = told["refusals"]
        assert (refusal["project"], refusal["rule"], "is too new" in refusal["reason"]) == ("new", "age", True)
        (upstream,) = told["upstreams"]
        assert (upstream["is_open"], upstream["failures"], upstream["oldest_page"] < 60) == (False, 0, True)
        assert upstream["answered"] >= told["started"]
        assert (told["check"]["files"], told["check"]["damaged"]) == (1, 0)
        assert 0 < told["disk_free"] <= told["disk_total"]

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_transfer_is_seen_while_it_runs(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        index = setting.index
        size = len(index.content(index.add("demo", "1.0", 400_000)))
        (file,) = (await setting.page("demo"))["files"]
        index.pause = 0.02
        asked = asyncio.create_task(setting.get(file["url"]))
        while not (found := (await read(setting, "status.json"))["transfers"]) or not found[0]["bytes"]:
            assert not asked.done()
        (transfer,) = found
        assert (transfer["total"], transfer["waiting"], transfer["upstream"]) == (size, False, "main")
        assert 0 < transfer["bytes"] <= size
        assert "demo-1.0" in transfer["url"]
        assert (await asked).status == 200
        assert (await read(setting, "status.json"))["transfers"] == []

    with_mirror(tmp_path, work)


def test_an_upstream_that_fails_is_told(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.down = True
        for _ in range(2):
            assert (await setting.get("simple/demo/")).status == 503
        (upstream,) = (await read(setting, "status.json"))["upstreams"]
        assert upstream["failures"] >= 5
        assert upstream["is_open"]
        assert upstream["failing_seconds"] > 0

    with_mirror(tmp_path, work)


def test_a_search_asks_nobody_and_says_what_is_here(tmp_path: Path) -> None:
    async def work() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0", 1000)
            index.add("demo", "2.0", yanked="it is broken", **{"upload-time": "2999-01-02T03:04:05Z"})
            index.add("demo-part", "1.0")
            async with mirroring(tmp_path, index, Policy(cooldown_days=7)) as setting:
                assert (await read(setting, "status/search.json?q=demo"))["pages"] == []
                assert not index.asked
                files = (await setting.page("demo"))["files"]
                await setting.page("demo-part")
                assert (await setting.get(files[0]["url"])).status == 200
                asked = index.asked.total()
                found = await read(setting, "status/search.json?q=+Demo+")
                assert found["similar"] == ["demo-part"]
                (page,) = found["pages"]
                newest, oldest = page["files"]
                assert (oldest["cached"], oldest["refused"], oldest["yanked"]) == (True, None, False)
                assert (newest["cached"], newest["yanked"], "is too new" in newest["refused"]) == (False, True, True)
                for odd in ("", "../../etc/passwd", "%00", "x" * 5000, "<script>"):
                    assert (await read(setting, f"status/search.json?q={odd}"))["pages"] == []
                assert index.asked.total() == asked

    asyncio.run(asyncio.wait_for(work(), 60))


def test_the_pages_files_and_their_guard(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        page = await setting.get("")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        named = set(re.findall(r'(?:src|href)="(status/[^"]+)"', page.body.decode()))
        assert named == {"status/main.js", "status/mirror.css", "status/style.css", "status/icon.svg"}
        for name in [*named, *(f"status/{each}" for each in (*SOURCES, *SHARED) if each != "index.html")]:
            answer = await setting.get(name)
            assert answer.status == 200, name
            assert "default-src 'self'" in answer.headers["content-security-policy"]
            assert (await setting.get(name, If_None_Match=answer.headers["etag"])).status == 304
        for name in ("status/index.html", "status/..%2froutes.py", "status/nothing.js", "status/"):
            assert (await setting.get(name)).status == 404, name

    with_mirror(tmp_path, work)


@pytest.mark.parametrize("name", [name for name in SOURCES if name.endswith(".js")])
def test_scripts_make_no_markup_of_text_and_keep_nothing(name: str) -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage|sessionStorage|cookie|https?://"
    )
    assert not re.search(forbidden, SOURCES[name])
    imported = set(re.findall(r'from "\./([^"]+)"', SOURCES[name]))
    assert imported <= {*SOURCES, *SHARED}


def test_only_the_last_refusals_are_kept() -> None:
    kept = refusals.Refusals(lambda: 5.0)
    for number in range(refusals.MOST + 7):
        kept.note("p", f"f{number}", "deny", "x" * 10_000)
    assert len(kept.last) == refusals.MOST
    assert kept.last[0].file == f"f{refusals.MOST + 6}"
    assert len(kept.last[0].reason) == 500


def test_with_private_projects_it_tells_only_those_who_may_know(tmp_path: Path) -> None:
    tokens = {name: make_token() for name in ("ann", "ben")}
    patterns = {"ann": "acme-*", "ben": "b-*"}
    uploaders = tuple(Uploader(name, token_hash(token), (patterns[name],)) for name, token in tokens.items())
    options = {"private": ("acme-*", "b-*"), "uploaders": uploaders, "private_read": "token"}

    async def work() -> None:
        async with IndexServer() as index, mirroring(tmp_path, index, mirror=options) as setting:
            paths = ("status.json", "status/search.json?q=acme-x", "status/search.json?q=demo")
            asked = {
                name: [(await setting.get(path, Authorization=f"Bearer {token}")).status for path in paths]
                for name, token in {**tokens, "nobody": "x"}.items()
            }
            assert asked == {"ann": [200, 200, 200], "ben": [200, 403, 200], "nobody": [401, 401, 401]}
            assert [(await setting.get(path)).status for path in (*paths, "")] == [401, 401, 401, 200]

    asyncio.run(asyncio.wait_for(work(), 60))


def test_the_end_of_its_certificate_is_measured(tmp_path: Path) -> None:
    async def work() -> None:
        self_signed(tmp_path)
        options = MirrorOptions(
            tmp_path / "root",
            (UpstreamOptions("main", "http://127.0.0.1:9/simple/"),),
            port=0,
            tls=TlsOptions(tmp_path / "both.pem"),
        )
        async with running(options) as url, aiohttp.ClientSession(url) as session, session.get("/metrics", ssl=False) as answer:
            found = re.search(r"^headrace_mirror_certificate_expiry_timestamp_seconds (\S+)$", await answer.text(), re.MULTILINE)
        assert found
        assert 0 < float(found[1]) - time.time() <= 86400

    asyncio.run(asyncio.wait_for(work(), 60))


def test_it_is_ready_until_it_is_to_end(tmp_path: Path) -> None:
    async def work() -> None:
        options = MirrorOptions(tmp_path, (UpstreamOptions("main", "http://127.0.0.1:9/simple/"),), port=0)
        async with assembled(options) as parts, listening(parts.app, options) as url, aiohttp.ClientSession(url) as session:

            async def ready() -> tuple[int, str]:
                async with session.get("/readyz") as answer:
                    return answer.status, (await answer.json())["reason"]

            assert await ready() == (200, "")
            draining = asyncio.create_task(parts.readiness.drain(60.0))
            await asyncio.sleep(0)
            assert await ready() == (503, "it is about to end")
            async with session.get("/livez") as answer:
                assert answer.status == 200, "it still answers"
            draining.cancel()

    asyncio.run(asyncio.wait_for(work(), 60))
