"""Pages of real projects through the mirror: as they were, but for URLs; and what has to do with HTTP."""

from __future__ import annotations

import copy
import gzip
import sys
from pathlib import Path

import pytest

from headrace.mirror.index.page import JSON_TYPE
from tests.mirror.recorded import pages
from tests.mirror.setting import Setting, with_mirror
from tests.mirror.test_pages import without_urls

if sys.version_info >= (3, 14):
    from compression.zstd import decompress as unzstd
else:
    from backports.zstd import decompress as unzstd


def test_all_keys_are_upstreams(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        recorded = pages()
        assert sum(bool(file["yanked"]) for page in recorded.values() for file in page["files"]) > 20
        setting.index.documents.update(copy.deepcopy(recorded))
        for name, page in recorded.items():
            found = await setting.page(name)
            assert without_urls(found) == {**without_urls(page), "meta": {**page["meta"], "api-version": "1.4"}}
            assert len(found["files"]) == len(page["files"]) > 1
            for file, known in zip(found["files"], page["files"], strict=True):
                path = known["url"].removeprefix("https://files.invalid/")
                assert file["url"] == f"../../files/main/{name}/{path}"
                assert ("provenance" in file) == ("provenance" in known)

    with_mirror(tmp_path, work)


@pytest.mark.parametrize("status", ["quarantined", "archived", "deprecated", "active"])
def test_the_status_of_a_project(tmp_path: Path, status: str) -> None:
    async def work(setting: Setting) -> None:
        content = setting.index.content(setting.index.add("demo", "1.0"))
        (file,) = (await setting.page("demo"))["files"]
        setting.index.documents["demo"]["project-status"] = {"status": status, "reason": "why"}
        setting.index.serial += 1
        page = await setting.page("demo")
        html = (await setting.get("simple/demo/")).body.decode()
        assert page["project-status"] == {"status": status, "reason": "why"}
        assert f'<meta name="pypi:project-status" content="{status}">' in html
        answer = await setting.get(file["url"])
        if status == "quarantined":
            assert (page["files"], page["versions"], "<a " in html, answer.status) == ([], ["1.0"], False, 404)
        else:
            assert (len(page["files"]), answer.status, answer.body) == (1, 200, content)

    with_mirror(tmp_path, work, fresh_seconds=0.0, revalidate_seconds=0.0)


def test_head_and_what_clients_have_already(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.add("demo", "1.0", 5000, provenance=b"{}")
        (file,) = (await setting.page("demo"))["files"]
        paths = ["simple/", "simple/demo/", file["url"], f"{file['url']}.metadata", file["provenance"], "livez"]
        for path in paths:
            whole = await setting.get(path)
            head = await setting.get(path, "HEAD")
            assert (whole.status, head.status, head.body) == (200, 200, b""), path
            assert head.headers["content-length"] == str(len(whole.body))
            etag = whole.headers.get("etag")
            assert head.headers.get("etag") == etag
            if etag is not None:
                for given in (etag, f"W/{etag}", f'"x", {etag}', "*"):
                    assert (await setting.get(path, If_None_Match=given)).status == 304
                assert (await setting.get(path, If_None_Match='"x"')).status == 200

    with_mirror(tmp_path, work)


def test_parts_of_files(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        content = setting.index.content(setting.index.add("demo", "1.0", 5000))
        (file,) = (await setting.page("demo"))["files"]
        size, etag = len(content), (await setting.get(file["url"])).headers["etag"]
        for header, found in (
            ("bytes=0-9", content[:10]),
            ("bytes=-7", content[-7:]),
            (f"bytes=-{size * 2}", content),
            ("bytes=100-", content[100:]),
            (f"bytes={size - 1}-{10**17}", content[-1:]),
        ):
            part = await setting.get(file["url"], Range=header, If_Range=etag)
            assert (part.status, part.body) == (206, found), header
            assert part.headers["content-range"].endswith(f"/{size}")
        for header, condition in (
            ("bytes=0-9,20-29", etag),
            ("bytes=9-0", etag),
            ("bytes=-", etag),
            ("lines=0-9", etag),
            (f"bytes=0-{'9' * 3000}", etag),
            ("bytes=0-9", '"other"'),
            ("bytes=0-9", f"W/{etag}"),
            ("bytes=0-9", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ):
            whole = await setting.get(file["url"], Range=header, If_Range=condition)
            assert (whole.status, whole.body) == (200, content), (header, condition)
        for header in (f"bytes={size}-", "bytes=-0"):
            none = await setting.get(file["url"], Range=header)
            assert (none.status, none.headers["content-range"]) == (416, f"bytes */{size}")
        head = await setting.get(file["url"], "HEAD", Range="bytes=0-9")
        assert (head.status, head.headers["content-length"]) == (200, str(size)), "ranges are of GET only"

    with_mirror(tmp_path, work)


def test_pages_are_packed_as_clients_like_it(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.add("demo", "1.0")
        plain = await setting.get("simple/demo/", Accept=JSON_TYPE)
        tags = {plain.headers["etag"]}
        for header, coding, unpack in (
            ("gzip, zstd", "zstd", unzstd),
            ("gzip, zstd;q=0.5", "gzip", gzip.decompress),
            ("deflate, br", None, bytes),
        ):
            packed = await setting.get("simple/demo/", Accept=JSON_TYPE, Accept_Encoding=header)
            assert (packed.headers.get("content-encoding"), unpack(packed.body)) == (coding, plain.body)
            assert packed.headers["vary"] == "Accept, Accept-Encoding"
            tags.add(packed.headers["etag"])
        assert len(tags) == 3, "each coding has its own"

    with_mirror(tmp_path, work)


def test_pages_that_are_asked_for_by_the_url(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.add("demo", "1.0")
        for path in ("simple/demo/", "simple/"):
            found = await setting.get(f"{path}?format=application/vnd.pypi.simple.latest%2Bjson", Accept="text/html")
            assert (found.status, found.headers["content-type"]) == (200, JSON_TYPE)
            assert (await setting.get(f"{path}?format=application/json")).status == 406
            refused = await setting.get(path, Accept="application/json")
            assert (refused.status, refused.headers["vary"]) == (406, "Accept, Accept-Encoding")
            assert (await setting.get(path, Accept_Encoding="identity;q=0")).status == 406

    with_mirror(tmp_path, work)
