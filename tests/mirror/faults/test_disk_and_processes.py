"""Disks that are full or read-only, and several mirrors on one store."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli.mirror.group import mirror as commands
from headrace.mirror.policy.rules import Policy
from headrace.store.blobs import BlobStore
from headrace.store.index import evict, open_index
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting, mirroring

SIZE = 300_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path], check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


async def fetched(setting: Setting, project: str) -> tuple[int, bool, str]:
    """The status, whether the answer was broken off, and the reason."""
    (file,) = (await setting.page(project))["files"]
    answer = await setting.get(file["url"])
    return answer.status, answer.broken, answer.reason


def test_a_disk_that_is_too_small(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system says so in the middle of a file; nothing of it is left, and other files still come."""
    monkeypatch.setattr("headrace.mirror.downloads._SPARE_BYTES", -(1 << 40))

    async def work() -> None:
        async with IndexServer() as index, mirroring(small_disk, index) as setting:
            large = index.add("large", "1.0", 3 << 20)
            index.add("small", "1.0", SIZE)
            status, broken, reason = await fetched(setting, "large")
            assert broken or (status, "cannot be kept: No space left on device" in reason) == (507, True)
            store = BlobStore(small_disk)
            assert large["hashes"]["sha256"] not in store
            assert not store.partial_path(large["hashes"]["sha256"]).exists()
            assert (await fetched(setting, "small"))[:2] == (200, False)
            assert b'not_kept"} 1' in (await setting.get("metrics")).body

    asyncio.run(asyncio.wait_for(work(), 60))


def test_what_was_used_longest_ago_makes_room_on_a_full_disk(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.mirror.downloads._SPARE_BYTES", 100_000)

    async def work() -> None:
        async with IndexServer() as index, mirroring(small_disk, index) as setting:
            digests = {name: index.add(name, "1.0", SIZE)["hashes"]["sha256"] for name in ("one", "two", "three")}
            for name in ("one", "two", "one", "three"):
                assert (await fetched(setting, name))[:2] == (200, False), name
            assert [name for name, digest in digests.items() if digest in BlobStore(small_disk)] == ["one", "three"]
            index.add("large", "1.0", 3 << 20)
            assert (await fetched(setting, "large"))[0] == 507, "more than fits is refused"

    asyncio.run(asyncio.wait_for(work(), 60))


def test_pages_are_given_out_while_the_disk_is_full(small_disk: Path) -> None:
    async def work() -> None:
        async with IndexServer() as index, mirroring(small_disk, index) as setting:
            (small_disk / "filler").write_bytes(bytes(1 << 10))
            with pytest.raises(OSError, match="No space left"):
                (small_disk / "filler").write_bytes(bytes(2 << 20))
            index.add("demo", "1.0", **{"requires-python": ">=3.9" + ",>=3.9" * 9000})
            assert len((await setting.page("demo"))["files"]) == 1
            assert b'not_kept"} 1' in (await setting.get("metrics")).body

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_store_on_a_disk_that_is_read_only(small_disk: Path) -> None:
    import hashlib

    digest = hashlib.sha256(b"content").hexdigest()
    BlobStore(small_disk).put(b"content", digest)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    store = BlobStore(small_disk, read_only=True)
    assert digest in store
    assert store.path(digest).read_bytes() == b"content"
    assert list(store.damaged()) == []


def test_a_year_that_no_calendar_has(tmp_path: Path) -> None:
    """A cooldown that ends after the year 9999: the file is too new, for ever, and the page can be read."""

    async def work() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0", **{"upload-time": "9999-12-31T23:59:59Z"})
            async with mirroring(tmp_path, index, Policy(cooldown_days=7.0)) as setting:
                status, _, reason = await fetched(setting, "demo")
                assert (status, "from a time that never comes on" in reason) == (403, True)

    asyncio.run(asyncio.wait_for(work(), 60))


def test_room_is_made_and_all_is_read_again_while_another_mirror_gives_out(tmp_path: Path) -> None:
    async def work() -> None:
        async with IndexServer() as index, mirroring(tmp_path, index) as one, mirroring(tmp_path, index) as two:
            entry = index.add("demo", "1.0", 8 << 20)
            (file,) = (await one.page("demo"))["files"]
            await two.get(file["url"])
            async with one.session.get(f"{one.url}/{file['url'].removeprefix('../../')}") as answer:
                got = await answer.content.readexactly(1000)
                other = await asyncio.to_thread(open_index, tmp_path)
                assert await asyncio.to_thread(evict, BlobStore(tmp_path), other, 0, 0) == entry["size"]
                other.close()
                checked = await asyncio.to_thread(CliRunner().invoke, commands, ["fsck", f"--root={tmp_path}", "--repair"])
                assert checked.exit_code == 0, checked.output
                assert got + await answer.read() == index.content(entry), "who has it open gets all of it"
            assert entry["hashes"]["sha256"] not in BlobStore(tmp_path)
            again = await asyncio.gather(*(each.get(file["url"]) for each in (one, two)))
            assert [each.body == index.content(entry) for each in again] == [True, True], "and it is fetched again"

    asyncio.run(asyncio.wait_for(work(), 100))
