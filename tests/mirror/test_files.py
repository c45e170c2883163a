"""Files through the mirror: verified, fetched once, and gone on with."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting, mirroring, with_mirror

SIZE = 1 << 20


def test_files_and_their_metadata(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        entry = setting.index.add("demo", "1.0", SIZE)
        (file,) = (await setting.page("demo"))["files"]
        content = setting.index.content(entry)
        for _ in range(2):  # as it comes, then from the store
            answer = await setting.get(file["url"])
            assert (answer.status, answer.body == content) == (200, True)
            assert answer.headers["etag"] == f'"{entry["hashes"]["sha256"]}"'
            assert answer.headers["content-length"] == str(len(content))
        metadata = await setting.get(f"{file['url']}.metadata")
        assert hashlib.sha256(metadata.body).hexdigest() == entry["core-metadata"]["sha256"]
        assert sum(count for asked, count in setting.index.asked.items() if "/packages/" in asked) == 2

    with_mirror(tmp_path, work)


def test_parts(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        content = setting.index.content(setting.index.add("demo", "1.0", SIZE))
        (file,) = (await setting.page("demo"))["files"]
        url, size = file["url"], len(content)
        for _ in range(2):
            part = await setting.get(url, Range="bytes=1000-1999")
            assert (part.status, part.body) == (206, content[1000:2000])
            assert part.headers["content-range"] == f"bytes 1000-1999/{size}"
            assert (await setting.get(url, Range="bytes=-10")).body == content[-10:]
            assert (await setting.get(url, Range=f"bytes={size - 5}-")).body == content[-5:]
        head = await setting.get(url, "HEAD")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(size))
        assert head.headers["accept-ranges"] == "bytes"
        beyond = await setting.get(url, Range=f"bytes={size}-")
        assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{size}")
        etag = head.headers["etag"]
        assert (await setting.get(url, Range="bytes=0-9", If_Range=etag)).status == 206
        assert (await setting.get(url, Range="bytes=0-9", If_Range='"other"')).status == 200
        assert (await setting.get(url, If_None_Match=etag)).status == 304

    with_mirror(tmp_path, work)


def test_many_ask_and_one_transfer_answers_them(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.pause = 0.005
        entry = setting.index.add("demo", "1.0", SIZE)
        (file,) = (await setting.page("demo"))["files"]
        answers = await asyncio.gather(*(setting.get(file["url"]) for _ in range(50)))
        assert {hashlib.sha256(answer.body).hexdigest() for answer in answers} == {entry["hashes"]["sha256"]}
        assert sum(count for asked, count in setting.index.asked.items() if "/packages/" in asked) == 1

    with_mirror(tmp_path, work)


def test_two_mirrors_on_one_store_fetch_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with IndexServer() as index:
            index.pause = 0.005
            entry = index.add("demo", "1.0", SIZE)
            async with mirroring(tmp_path, index) as one, mirroring(tmp_path, index) as two:
                (file,) = (await one.page("demo"))["files"]
                answers = await asyncio.gather(*(each.get(file["url"]) for each in (one, two) * 5))
            assert {hashlib.sha256(answer.body).hexdigest() for answer in answers} == {entry["hashes"]["sha256"]}
            assert sum(count for asked, count in index.asked.items() if "/packages/" in asked) == 1

    asyncio.run(asyncio.wait_for(work(), 60))


def test_no_damaged_file_is_ever_completed(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.corrupt = True
        entry = setting.index.add("demo", "1.0", SIZE)
        small = setting.index.add("demo", "2.0", 10)
        for file, real in zip((await setting.page("demo"))["files"], (entry, small), strict=True):
            answer = await setting.get(file["url"])
            assert answer.broken or answer.status == 502
            assert len(answer.body) < len(setting.index.content(real)) or answer.status == 502
        assert answer.status == 502
        assert "is not what its page says" in answer.reason
        setting.index.corrupt = False
        whole = await setting.get((await setting.page("demo"))["files"][0]["url"])
        assert whole.status == 200, whole.reason
        assert hashlib.sha256(whole.body).hexdigest() == entry["hashes"]["sha256"]

    with_mirror(tmp_path, work)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_transfer_that_breaks_off_is_gone_on_with(tmp_path: Path, ranges: bool) -> None:
    async def work(setting: Setting) -> None:
        index = setting.index
        index.ranges = ranges
        index.truncate = SIZE // 4 if ranges else SIZE * 2
        entry = index.add("demo", "1.0", SIZE)
        (file,) = (await setting.page("demo"))["files"]
        answer = await setting.get(file["url"])
        assert hashlib.sha256(answer.body).hexdigest() == entry["hashes"]["sha256"]
        transfers = sum(count for asked, count in index.asked.items() if "/packages/" in asked)
        assert transfers >= 4 if ranges else transfers == 1

    with_mirror(tmp_path, work)


def test_a_part_from_before_is_gone_on_with_or_thrown_away(tmp_path: Path) -> None:
    async def work() -> None:
        async with IndexServer() as index:
            entry = index.add("demo", "1.0", SIZE)
            digest, content = entry["hashes"]["sha256"], index.content(entry)
            for left in (content[:5000], content, b"?" * 5000):
                async with mirroring(tmp_path / str(hash(left)), index) as setting:
                    (tmp_path / str(hash(left)) / "partial" / digest).write_bytes(left)
                    (file,) = (await setting.page("demo"))["files"]
                    answer = await setting.get(file["url"])
                    if left[:1] == b"?":
                        assert answer.broken or answer.status == 502
                        answer = await setting.get(file["url"])
                    assert hashlib.sha256(answer.body).hexdigest() == digest

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_client_that_goes_does_not_end_the_transfer(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        setting.index.pause = 0.01
        entry = setting.index.add("demo", "1.0", SIZE)
        (file,) = (await setting.page("demo"))["files"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(setting.get(file["url"]), 0.1)
        blob = tmp_path / "blobs" / entry["hashes"]["sha256"][:2] / entry["hashes"]["sha256"]
        while not blob.exists():
            await asyncio.sleep(0.02)

    with_mirror(tmp_path, work)


def test_what_is_gone_upstream_is_gone_here(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        index = setting.index
        index.add("demo", "1.0")
        index.add("demo", "2.0")
        first, second = (await setting.page("demo"))["files"]
        assert (await setting.get(first["url"])).status == 200
        del index.documents["demo"]["files"][0]
        index.serial += 1
        gone = await setting.get(first["url"])
        assert (gone.status, gone.reason.startswith("project demo has no file")) == (404, True)
        index.documents["demo"]["project-status"] = {"status": "quarantined"}
        index.serial += 1
        assert (await setting.get(second["url"])).status == 404

    with_mirror(tmp_path, work, fresh_seconds=0.0, revalidate_seconds=0.0)


def test_wrong_sizes_and_large_files(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        index = setting.index
        index.add("demo", "1.0", SIZE)["size"] -= 1
        index.add("demo", "2.0", SIZE)["size"] += 1
        for file in (await setting.page("demo"))["files"]:
            answer = await setting.get(file["url"])
            assert answer.status == 502
            assert "its page says" in answer.reason

    with_mirror(tmp_path, work)


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/", "http://[::1]:1/", "file:///etc/passwd", "http://10.0.0.1/x", "http://localhost:1/x"],
)
def test_redirects_do_not_lead_into_the_own_network(tmp_path: Path, target: str) -> None:
    async def work(setting: Setting) -> None:
        setting.index.redirect = target
        setting.index.add("demo", "1.0")
        (file,) = (await setting.page("demo"))["files"]
        answer = await setting.get(file["url"])
        assert answer.status == 403, answer
        assert "private network" in answer.reason or "only HTTP is followed" in answer.reason

    with_mirror(tmp_path, work)
