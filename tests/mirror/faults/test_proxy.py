"""A mirror that reaches its upstream through a proxy."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.mirror.faults.liar import CONTENT, FILE, Asked, Liar, raw, says
from tests.mirror.faults.setting import before, with_liar


def test_pages_and_files_come_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The liar is the proxy, too: a proxy gets whole URLs. The upstream's name is one that only the proxy knows."""

    async def work(liar: Liar) -> None:
        proxy = liar.url.removesuffix("/simple/")
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "direct.invalid")
        liar.url = "http://index.invalid/simple/"
        inner = dict(liar.answers)
        liar.answers = {f"http://index.invalid{path}": behave for path, behave in inner.items()}
        async with before(tmp_path, liar) as setting:
            (file,) = (await setting.page("demo"))["files"]
            assert (await setting.get(file["url"])).body == CONTENT
            assert set(liar.asked) == {"http://index.invalid/simple/demo/", f"http://index.invalid{FILE}"}
            for target, reason in (
                ("http://127.0.0.1:1/x", "private network"),
                ("http://2130706433/x", "odd form"),
                ("http://localhost:1/x", "private network"),
            ):
                liar.asked.clear()
                liar.answers["http://index.invalid/simple/other/"] = says(raw("302 Found", {"Location": target}, b""))
                answer = await setting.get("simple/other/")
                assert (answer.status, reason in answer.reason) == (403, True), answer
                assert not [asked for asked in liar.asked if "index.invalid" not in asked], "the proxy is not asked for it"
                del liar.answers["http://index.invalid/simple/other/"]

    with_liar(work)


def test_a_proxy_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(raw("407 Proxy Authentication Required", {}, b""))

    async def work(liar: Liar) -> None:
        monkeypatch.setenv("http_proxy", liar.url.replace("//", "//ann:s3cret@").removesuffix("/simple/"))
        monkeypatch.delenv("no_proxy", raising=False)
        liar.url = "http://index.invalid/simple/"
        liar.answers = {"http://index.invalid/simple/demo/": refuse}
        async with before(tmp_path, liar) as setting:
            answer = await setting.get("simple/demo/")
            assert (answer.status, "407" in answer.reason, "s3cret" in answer.reason) == (503, True, False), answer
            assert liar.heads[0].headers["proxy-authorization"].startswith("Basic ")

    with_liar(work)
