"""Large files over several connections."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from pathlib import Path

import pytest

from headrace.store.blobs import BlobStore
from tests.mirror.faults.liar import FILE, Asked, Behaviour, Liar, entry, in_turn, page, page_of, raw, says, sends, stalls, whole
from tests.mirror.faults.setting import before, events, with_liar
from tests.mirror.setting import Setting

pytestmark = pytest.mark.usefixtures("hurried")
CONTENT = random.Random(2).randbytes(2_000_000)
SIZE = len(CONTENT)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PARALLEL = {"connections": 4, "parallel_bytes": 1_000_000, "segment_bytes": 150_000, "fresh_seconds": 3600.0}


def listed(liar: Liar) -> None:
    liar.answers["/simple/demo/"] = page_of(page(entry(hashes={"sha256": DIGEST}, size=SIZE)))


async def file_url(setting: Setting) -> str:
    return str((await setting.page("demo"))["files"][0]["url"])


class Together:
    """Sends parts, each only when `count` are asked for at the same time, or the last ones are."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.now = self.most = 0
        self.enough = asyncio.Event()

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now == self.count:
            self.enough.set()
        if asked.start:
            await self.enough.wait()
        await sends(CONTENT)(asked, writer)
        self.now -= 1


def test_several_connections_bring_one_file(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        listed(liar)
        together = liar.answers[FILE] = Together(3)  # those that follow the first
        async with before(tmp_path, liar, **PARALLEL) as setting:
            url = await file_url(setting)
            answers = await asyncio.gather(*(setting.get(url) for _ in range(5)))
            assert {(answer.status, answer.body == CONTENT, answer.broken) for answer in answers} == {(200, True, False)}
            assert (await events(setting, "downloads"))["parallel"] == 1
            assert 3 <= together.most <= 4
        spans = [(head.start, head.stop) for head in liar.heads if head.path == FILE]
        assert sorted(spans) == [(start, min(SIZE, start + 150_000)) for start in range(0, SIZE, 150_000)]
        assert [digest for digest, _ in BlobStore(tmp_path).walk()] == [DIGEST]

    with_liar(work)


FAULTS: dict[str, Behaviour] = {
    "knows no parts": whole(CONTENT),
    "breaks off parts": sends(CONTENT, most=70_000),
    "breaks off the first": in_turn(sends(CONTENT, most=100), sends(CONTENT)),
    "knows no parts after a while": in_turn(*[sends(CONTENT)] * 5, whole(CONTENT)),
    "sends more than is asked for": lambda asked, writer: sends(CONTENT)(
        Asked(asked.path, {**asked.headers, "range": f"bytes={asked.start}-"}), writer
    ),
    "is busy now and then": in_turn(*[sends(CONTENT), says(raw("503 Busy", {}, b""))] * 8, sends(CONTENT)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_clients_do_not_see(tmp_path: Path, fault: str) -> None:
    async def work(liar: Liar) -> None:
        listed(liar)
        liar.answers[FILE] = FAULTS[fault]
        async with before(tmp_path, liar, **PARALLEL) as setting:
            answer = await setting.get(await file_url(setting))
            assert (answer.status, answer.body == CONTENT, answer.broken) == (200, True, False), answer.reason
            assert liar.asked[FILE] <= 60

    with_liar(work)


@pytest.mark.parametrize("place", [0, 149_999, 150_000, SIZE - 1])
def test_a_damaged_part(tmp_path: Path, place: int) -> None:
    async def work(liar: Liar) -> None:
        listed(liar)
        liar.answers[FILE] = sends(CONTENT[:place] + bytes([CONTENT[place] ^ 1]) + CONTENT[place + 1 :])
        async with before(tmp_path, liar, **PARALLEL) as setting:
            url = await file_url(setting)
            answer = await setting.get(url)
            assert answer.broken or answer.status == 502
            assert (await events(setting, "downloads"))["wrong_digest"] == 1
            liar.answers[FILE] = sends(CONTENT)
            assert (await setting.get(url)).body == CONTENT

    with_liar(work)


def test_a_part_of_another_file(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        listed(liar)
        liar.answers[FILE] = in_turn(sends(CONTENT), sends(CONTENT + b"x"))
        async with before(tmp_path, liar, **PARALLEL) as setting:
            answer = await setting.get(await file_url(setting))
            assert answer.broken or (answer.status, "its page says" in answer.reason) == (502, True)
        assert list(BlobStore(tmp_path).walk()) == []

    with_liar(work)


def test_what_has_come_is_gone_on_with(tmp_path: Path) -> None:
    """A mirror ends while parts are on their way; what was in order is on the disk, and no byte of it is asked for again."""

    async def work(liar: Liar) -> None:
        listed(liar)

        async def half(asked: Asked, writer: asyncio.StreamWriter) -> None:
            await (sends(CONTENT) if asked.start < SIZE // 2 else stalls)(asked, writer)

        liar.answers[FILE] = half
        partial = BlobStore(tmp_path).partial_path(DIGEST)
        async with before(tmp_path, liar, **PARALLEL, timeout_seconds=30.0) as setting:
            asking = asyncio.create_task(setting.get(await file_url(setting)))
            while not partial.exists() or partial.stat().st_size < SIZE // 2:
                await asyncio.sleep(0.01)
            asking.cancel()
        there = partial.stat().st_size
        assert partial.read_bytes() == CONTENT[:there]
        liar.answers[FILE], heads = sends(CONTENT), len(liar.heads)
        async with before(tmp_path, liar, **{**PARALLEL, "parallel_bytes": 1}) as setting:
            assert (await setting.get(await file_url(setting))).body == CONTENT
        assert min(head.start for head in liar.heads[heads:]) == there

    with_liar(work)


@pytest.mark.parametrize("settings", [{"connections": 1}, {"parallel_bytes": SIZE + 1}], ids=json.dumps)
def test_one_connection_where_more_are_not_wanted(tmp_path: Path, settings: dict[str, int]) -> None:
    async def work(liar: Liar) -> None:
        listed(liar)
        liar.answers[FILE] = sends(CONTENT)
        async with before(tmp_path, liar, **{**PARALLEL, **settings}) as setting:
            assert (await setting.get(await file_url(setting))).body == CONTENT
            assert liar.asked[FILE] == 1

    with_liar(work)
