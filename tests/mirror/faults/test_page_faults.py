"""Whatever an upstream sends as a page: clients get the last good one, or an error that says what is wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from headrace.mirror.index.page import JSON_TYPE
from headrace.mirror.options import UpstreamOptions
from headrace.mirror.pages.stored import PageFiles
from tests.mirror.faults.liar import Behaviour, Liar, drips, entry, page, page_of, raw, says, stalls
from tests.mirror.faults.setting import before, events, with_liar

pytestmark = pytest.mark.usefixtures("hurried")
MAX_PAGE_BYTES = 1 << 20
JSON = {"Content-Type": JSON_TYPE}
GOOD = json.dumps(page(entry())).encode()


def body(data: bytes, **headers: str) -> Behaviour:
    return says(raw("200 OK", {**JSON, **{key.replace("_", "-"): value for key, value in headers.items()}}, data))


def text(document: Any) -> Behaviour:
    return body(json.dumps(document).encode())


def moved(target: str) -> Behaviour:
    return says(raw("302 Found", {"Location": target}, b""))


FAULTS: dict[str, tuple[Behaviour, int, str]] = {
    "garbage": (body(b"{nope"), 502, "is no JSON"),
    "not UTF-8": (body(b'{"name": "\xff\xfe"}'), 502, "is no JSON"),
    "no object": (body(b"[]"), 502, "is no JSON object"),
    "another project": (text(page() | {"name": "other"}), 502, "says that it is that of 'other'"),
    "a name that is none": (text(page() | {"name": "../demo"}), 502, "says that it is that of '../demo'"),
    "meta that is none": (text(page() | {"meta": []}), 502, '"meta" that is no JSON object'),
    "another API": (text(page() | {"meta": {"api-version": "2.0"}}), 502, "API version 2"),
    "deep": (body(GOOD[:-1] + b', "x": ' + b"[" * 100 + b"]" * 100 + b"}"), 502, "nested more than"),
    "deeper": (body(b"[" * 200_000), 502, "is no JSON"),
    "no number": (text(page(entry(size=float("nan")))), 502, "NaN is no number of JSON"),
    "too large a number": (body(GOOD[:-1] + b', "x": ' + b"9" * 5000 + b"}"), 502, "is no JSON"),
    "half a character": (text(page(entry(yanked="\ud800"))), 502, "is no JSON"),
    "a header in a name": (text(page(entry(filename="a\r\nX-Evil: 1.whl"))), 502, "is no name of a file"),
    "a path in a name": (text(page(entry(filename="../../etc/passwd"))), 502, "is no name of a file"),
    "no name": (text(page({"url": "x"})), 502, "a file without name or URL"),
    "hashes that are none": (text(page(entry(hashes=["sha256"]))), 502, "damaged hashes"),
    "a URL that is none": (text(page(entry(url="http://[::1"))), 502, "which is no URL"),
    "a path that leads out": (text(page(entry(url="https://x.invalid/a/../../private/b.whl"))), 502, "a path that leads elsewhere"),
    "an encoded path that leads out": (text(page(entry(url="/a/%2e%2e/b.whl"))), 502, "a path that leads elsewhere"),
    "another type": (says(raw("200 OK", {"Content-Type": "image/png"}, GOOD)), 502, "came as 'image/png'"),
    "HTML that is none": (says(raw("200 OK", {"Content-Type": "text/html"}, b"<![x ]]>")), 502, "is no HTML"),
    "a login": (says(raw("200 OK", {"Content-Type": "text/html"}, b'<a href="/login">Login</a>')), 502, "but no list of files"),
    "an empty login": (says(raw("200 OK", {"Content-Type": "text/html"}, b"<form>")), 502, "but no list of files"),
    "huge": (body(GOOD + b" " * MAX_PAGE_BYTES), 507, "more than 1048576 bytes"),
    "a bomb": (body(gzip.compress(bytes(64 << 20)), Content_Encoding="gzip"), 507, "more than 1048576 bytes"),
    "no gzip": (body(b"no gzip at all", Content_Encoding="gzip"), 503, "broke off"),
    "half a gzip": (body(gzip.compress(GOOD)[:-20], Content_Encoding="gzip"), 502, "is no JSON"),
    "shorter than it says": (says(raw("200 OK", JSON, GOOD, len(GOOD) + 10)), 503, "broke off"),
    "longer than it says": (says(raw("200 OK", JSON, GOOD, len(GOOD) - 10)), 503, "cannot be asked"),
    "refused": (says(raw("403 No", {}, b"")), 403, "refuses"),
    "an odd status": (says(raw("451 No", {}, b"")), 503, "with status 451"),
    "not modified, unasked": (says(raw("304 Same", {}, b"")), 502, "which there is none of"),
    "busy": (says(raw("503 Busy", {}, b"")), 503, "status 503"),
    "wants to be left alone": (says(raw("429 Slow", {"Retry-After": "120"}, b"")), 503, "status 429"),
    "no HTTP": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), 503, "cannot be asked"),
    "nothing": (says(b""), 503, "cannot be asked"),
    "never answers": (stalls, 503, "cannot be asked"),
    "drips its head": (drips(raw("200 OK", JSON, GOOD), 10, 0.1), 503, "cannot be asked"),
    "drips its body": (drips(raw("200 OK", JSON, GOOD), 150, 0.1), 503, "bytes came in"),
    "redirects to itself": (moved("/simple/demo/"), 503, "redirects more than 5 times"),
    "redirects nowhere": (moved("http://[::1"), 503, "which is no URL"),
    "redirects without saying where": (says(raw("302 Found", {}, b"")), 503, "redirects more than 5 times"),
    "redirects to a file": (moved("file:///etc/passwd"), 403, "only HTTP is followed"),
    "redirects inside": (moved("http://169.254.169.254/latest/"), 403, "private network"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault(tmp_path: Path, fault: str) -> None:
    behave, status, reason = FAULTS[fault]

    async def work(liar: Liar) -> None:
        liar.answers["/simple/demo/"] = behave
        async with before(tmp_path / "cold", liar, {"max_page_bytes": MAX_PAGE_BYTES}) as setting:
            answer = await setting.get("simple/demo/")
            assert (answer.status, reason in answer.reason) == (status, True), answer
            assert (await events(setting, "pages"))["upstream_error"] == 1
        assert PageFiles(tmp_path / "cold" / "pages").read("main", "demo") is None, "nothing of it is kept"
        if fault == "not modified, unasked":
            return
        liar.answers["/simple/demo/"] = page_of(page(entry()))
        async with before(tmp_path / "warm", liar, {"max_page_bytes": MAX_PAGE_BYTES}) as setting:
            good = await setting.get("simple/demo/")
            liar.answers["/simple/demo/"] = behave
            again = await setting.get("simple/demo/")
            assert (again.status, again.body) == (200, good.body), "the last good page is given out"
            assert (await events(setting, "pages"))["stale_if_error"] == 1

    with_liar(work)


def test_odd_pages_that_are_good(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        async with before(tmp_path, liar) as setting:
            liar.answers["/simple/demo/"] = page_of(page(entry()), serial="9" * 5000)
            assert "x-pypi-last-serial" not in (await setting.get("simple/demo/")).headers
            liar.answers["/simple/demo/"] = moved("/elsewhere/")
            liar.answers["/elsewhere/"] = page_of(page(entry(url="x.whl")))
            (file,) = (await setting.page("demo"))["files"]
            assert file["url"] == "../../files/main/demo/elsewhere/x.whl", "URLs start where the page came from"
            link = f'<a href="/packages/d\xe9.whl#sha256={"0" * 64}">d\xe9.whl</a>'.encode("latin-1")
            liar.answers["/simple/demo/"] = says(raw("200 OK", {"Content-Type": "text/html"}, link))
            (file,) = (await setting.page("demo"))["files"]
            assert file["filename"] == "d\N{REPLACEMENT CHARACTER}.whl"
            quarantined = b'<meta name="pypi:project-status" content="quarantined">' + link
            liar.answers["/simple/demo/"] = says(raw("200 OK", {"Content-Type": "text/html"}, quarantined))
            assert (await setting.page("demo"))["project-status"] == {"status": "quarantined"}

    with_liar(work)


def test_a_project_that_is_deleted_and_comes_back(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        async with before(tmp_path, liar) as setting:
            good = await setting.page("demo")
            found, liar.answers = liar.answers, {}
            assert (await setting.get("simple/demo/")).status == 404
            assert (await setting.get(good["files"][0]["url"])).status == 404
            liar.answers = found
            assert await setting.page("demo") == good

    with_liar(work)


def test_upstream_is_left_alone_when_it_asks_for_that(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        async with before(tmp_path, liar) as setting:
            liar.answers["/simple/demo/"] = says(raw("429 Slow", {"Retry-After": "120"}, b""))
            for _ in range(3):
                answer = await setting.get("simple/demo/")
                assert answer.status == 503
            assert "asks to be left alone; it is asked again in 1" in answer.reason
            assert liar.asked["/simple/demo/"] == 1

    with_liar(work)


def test_a_later_serial_that_was_a_mistake_is_got_over(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        options = UpstreamOptions("main", "http://x.invalid/")
        async with before(tmp_path, liar, error_seconds=options.error_seconds) as setting:
            liar.answers["/simple/demo/"] = page_of(page(entry()), serial="99999999")
            await setting.page("demo")
            liar.answers["/simple/demo/"] = page_of(page(), serial="7")
            assert len((await setting.page("demo"))["files"]) == 1, "the later page stays"
            assert (await events(setting, "pages"))["serial_went_back"] == 1
        files = PageFiles(tmp_path / "pages")
        kept = files.read("main", "demo")
        assert kept is not None
        long_ago = {**{key: getattr(kept, key) for key in ("document", "etag", "serial", "checked")}}
        files.write("main", "demo", type(kept)(fetched=kept.fetched - options.error_seconds - 1, **long_ago))
        async with before(tmp_path, liar, error_seconds=options.error_seconds) as setting:
            assert (await setting.page("demo"))["files"] == [], "but not for ever"

    with_liar(work)


def test_a_page_that_was_damaged_on_the_disk_is_not_given_out(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        async with before(tmp_path, liar) as setting:
            good = await setting.page("demo")
        path = tmp_path / "pages" / "main" / "demo.json"
        written = path.read_bytes()
        for place in (5, 50, 100, written.index(b"sha256", 100) + 15, len(written) - 1):
            path.write_bytes(written[:place] + bytes([written[place] ^ 1]) + written[place + 1 :])
            asked = liar.asked["/simple/demo/"]
            async with before(tmp_path, liar, fresh_seconds=3600.0) as setting:
                assert await setting.page("demo") == good
            assert liar.asked["/simple/demo/"] == asked + 1

    with_liar(work)
