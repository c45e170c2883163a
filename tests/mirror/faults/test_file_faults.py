"""Whatever an upstream sends as a file: no client completes a wrong one, and when upstream is well again so is the mirror."""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
from pathlib import Path

import pytest
from yarl import URL

from headrace.core.errors import PermissionDeniedError
from headrace.mirror.options import UpstreamOptions
from headrace.mirror.upstream.client import Upstream
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex, open_index
from tests.mirror.faults.liar import (
    CONTENT,
    DIGEST,
    FILE,
    Asked,
    Behaviour,
    Liar,
    drips,
    entry,
    in_turn,
    page,
    page_of,
    raw,
    says,
    sends,
    stalls,
    whole,
)
from tests.mirror.faults.setting import before, events, with_liar
from tests.mirror.setting import Setting

pytestmark = pytest.mark.usefixtures("hurried")
SIZE = len(CONTENT)


def flipped(place: int) -> bytes:
    return CONTENT[:place] + bytes([CONTENT[place] ^ 4]) + CONTENT[place + 1 :]


def part(start: int, told: str) -> Behaviour:
    return says(raw("206 Part", {"Content-Range": told}, CONTENT[start:]))


def chunked(content: bytes) -> Behaviour:
    return says(raw("200 OK", {"Transfer-Encoding": "chunked"}, b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content), None))


BROKEN = 0
"""What is expected where the answer has begun: it breaks off."""
FAULTS: dict[str, tuple[Behaviour, set[int], str]] = {
    "a bit at the start": (sends(flipped(0)), {502, BROKEN}, "is not what its page says"),
    "a bit in the middle": (sends(flipped(SIZE // 2)), {502, BROKEN}, "is not what its page says"),
    "a bit at the end": (sends(flipped(SIZE - 1)), {502, BROKEN}, "is not what its page says"),
    "another file": (sends(bytes(SIZE)), {502, BROKEN}, "is not what its page says"),
    "too short": (sends(CONTENT[:-1]), {502}, "its page says"),
    "too long": (sends(CONTENT + b"x"), {502}, "its page says"),
    "empty": (sends(b""), {502, 503}, ""),
    "goes on after its end": (chunked(CONTENT + bytes(100_000)), {502, BROKEN}, "goes on after"),
    "ends early, without a length": (says(raw("200 OK", {}, CONTENT[:-5], None)), {502, BROKEN}, "is not what"),
    "a length that is none": (says(raw("200 OK", {"Content-Length": "12x"}, CONTENT, None)), {503}, "upstream 'main'"),
    "a part from elsewhere, unasked": (part(100, f"bytes 100-{SIZE - 1}/{SIZE}"), {502}, "from byte 100 on; asked for was 0"),
    "a part of unknown place": (part(0, "pages 1-2"), {502}, "Content-Range 'pages 1-2'"),
    "a part of an endless place": (part(0, f"bytes {'9' * 5000}-"), {502}, "Content-Range 'bytes 999"),
    "a part of a larger file": (part(0, f"bytes 0-{SIZE - 1}/{SIZE + 5}"), {502}, "its page says"),
    "not modified": (says(raw("304 Same", {}, b"")), {503}, "with status 304 instead of a file"),
    "no such part, unasked": (says(raw("416 No", {}, b"")), {503}, "with status 416 instead of a file"),
    "gone": (says(raw("410 Gone", {}, b"")), {404}, "does not have"),
    "refused": (says(raw("401 No", {}, b"")), {403}, "refuses"),
    "a page instead of a file": (says(raw("200 OK", {"Content-Type": "text/html"}, b"<h1>Login</h1>")), {502}, "its page says"),
    "breaks off each time, little by little": (sends(most=1000), {503, BROKEN}, "broke off"),
    "breaks off each time, and knows no parts": (whole(most=SIZE // 2), {503, BROKEN}, ""),
    "breaks off before the first byte": (sends(most=0), {503}, "broke off"),
    "stalls before it answers": (stalls, {503}, "at last: TimeoutError"),
    "stalls in the middle": (drips(raw("200 OK", {}, CONTENT), SIZE // 2, 3600), {503, BROKEN}, ""),
    "drips": (drips(raw("200 OK", {}, CONTENT), 1000, 0.05), {503, BROKEN}, "bytes came in"),
    "redirects inside": (says(raw("302 Found", {"Location": "http://2130706433/"}, b"")), {403}, "odd form"),
    "redirects for ever": (says(raw("302 Found", {"Location": FILE}, b"")), {503}, "redirects more than"),
}


async def file_url(setting: Setting) -> str:
    return str((await setting.page("demo"))["files"][0]["url"])


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "unsized"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault(tmp_path: Path, fault: str, sized: bool) -> None:
    behave, outcomes, reason = FAULTS[fault]
    if not sized and fault == "a part of a larger file":  # which then never comes whole
        outcomes, reason = {503, BROKEN}, "broke off"
    elif not sized and ("its page says" in reason or reason == "goes on after"):
        outcomes, reason = {502, BROKEN}, "sha256"

    async def work(liar: Liar) -> None:
        liar.answers["/simple/demo/"] = page_of(page(entry() if sized else {**entry(), "size": None}))
        liar.answers[FILE] = behave
        store = BlobStore(tmp_path)
        async with before(tmp_path, liar, fresh_seconds=3600.0, timeout_seconds=0.3) as setting:
            url = await file_url(setting)
            answer = await setting.get(url)
            assert (BROKEN if answer.broken else answer.status) in outcomes, answer
            assert answer.broken or reason in answer.reason
            assert answer.status != 200 or len(answer.body) < SIZE, "the file is not complete"
            assert (await events(setting, "downloads"))["failed"] >= 1
            assert liar.asked[FILE] <= 30, "upstream is not asked for ever"
        assert list(store.walk()) == [], "nothing wrong is in the store"
        liar.answers[FILE] = sends()
        async with before(tmp_path, liar, fresh_seconds=3600.0) as setting:
            answer = await setting.get(url)
            if answer.broken or answer.status != 200:  # a wrong part was left; it is thrown away when all of it is there
                assert (await events(setting, "downloads"))["wrong_digest"] == 1
                answer = await setting.get(url)
            assert (answer.status, answer.body == CONTENT, answer.broken) == (200, True, False)
        assert [digest for digest, _ in store.walk()] == [DIGEST]

    with_liar(work)


async def closes(_: Asked, __: object) -> None:
    """Ends the connection without a word."""


GOT_OVER: dict[str, tuple[Behaviour, int]] = {
    "sends less than it says": (in_turn(sends(most=100_000), sends(most=100_000), sends()), 3),
    "does not know parts": (in_turn(sends(most=100_000), whole()), 2),
    "another part than asked for": (in_turn(sends(most=100_000), part(0, f"bytes 0-{SIZE - 1}/{SIZE}")), 2),
    "says that there is no such part": (in_turn(sends(most=100_000), says(raw("416 No", {}, b"")), sends()), 3),
    "closes at first": (in_turn(closes, closes, sends()), 3),
    "busy at first": (in_turn(says(raw("503 Busy", {"Retry-After": "0"}, b"")), sends()), 2),
    "calls an archive an encoding": (sends(Content_Encoding="gzip"), 1),
    "calls it an encoding that there is not": (sends(Content_Encoding="made-up"), 1),
    "without a length": (says(raw("200 OK", {}, CONTENT, None)), 1),
    "in chunks": (chunked(CONTENT), 1),
}


@pytest.mark.parametrize("fault", GOT_OVER)
def test_a_fault_that_clients_do_not_see(tmp_path: Path, fault: str) -> None:
    behave, asked = GOT_OVER[fault]

    async def work(liar: Liar) -> None:
        liar.answers[FILE] = behave
        async with before(tmp_path, liar) as setting:
            answer = await setting.get(await file_url(setting))
            assert (answer.status, answer.body == CONTENT, answer.broken) == (200, True, False), answer.reason
            assert liar.asked[FILE] == asked

    with_liar(work)


def test_a_real_archive_that_is_called_an_encoding(tmp_path: Path) -> None:
    """Servers of plain folders say `Content-Encoding: gzip` of a .tar.gz; what counts is the file as it is stored."""
    import hashlib

    archive = gzip.compress(CONTENT)

    async def work(liar: Liar) -> None:
        found = {"sha256": hashlib.sha256(archive).hexdigest()}
        liar.answers["/simple/demo/"] = page_of(page(entry(hashes=found, size=len(archive))))
        liar.answers[FILE] = sends(archive, Content_Encoding="gzip", Content_Type="application/x-tar")
        async with before(tmp_path, liar) as setting:
            answer = await setting.get(await file_url(setting))
            assert (answer.status, answer.body == archive) == (200, True), answer.reason

    with_liar(work)


def test_a_file_that_changes_while_it_comes(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        liar.answers[FILE] = in_turn(sends(bytes(SIZE), most=150_000), sends())
        async with before(tmp_path, liar) as setting:
            url = await file_url(setting)
            answer = await setting.get(url)
            assert answer.broken or answer.status == 502
            assert (await events(setting, "downloads"))["wrong_digest"] == 1
            assert (await setting.get(url)).body == CONTENT

    with_liar(work)


def test_a_page_cannot_have_more_brought_than_is_allowed(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        liar.answers["/simple/demo/"] = page_of(page(entry(size=10**15)))
        liar.answers[FILE] = chunked(CONTENT)
        async with before(tmp_path, liar, {"max_file_bytes": 200_000}) as setting:
            answer = await setting.get(await file_url(setting))
            assert (answer.status, "at most 200000 are taken" in answer.reason) == (507, True)
            assert liar.asked[FILE] == 0
            liar.answers["/simple/demo/"] = page_of(page({**entry(), "size": None}))
            answer = await setting.get(await file_url(setting))
            assert answer.broken or (answer.status, "goes on after" in answer.reason) == (502, True)

    with_liar(work)


def test_no_secret_of_an_upstream_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The index asks for a name and a password; its files are asked for with them, and no error or log has them."""
    import base64

    asks = "Basic " + base64.b64encode(b"ann:s3cret").decode()

    def guarded(behave: Behaviour) -> Behaviour:
        async def guard(asked: Asked, writer: object) -> None:
            known = asked.headers.get("authorization") == asks
            await (behave if known else says(raw("401 Who", {}, b"")))(asked, writer)  # type: ignore[arg-type]

        return guard

    async def work(liar: Liar) -> None:
        liar.answers = {path: guarded(behave) for path, behave in liar.answers.items()}
        liar.url = liar.url.replace("//", "//ann:s3cret@")
        async with before(tmp_path, liar) as setting:
            url = await file_url(setting)
            assert "s3cret" not in url
            assert (await setting.get(url)).body == CONTENT
            for behave in (stalls, says(raw("451 No", {}, b"")), says(raw("403 No", {}, b"")), says(b"x")):
                liar.answers["/simple/other/"] = behave
                answer = await setting.get("simple/other/")
                assert answer.status in (403, 503)
                assert "s3cret" not in answer.reason + answer.body.decode() + caplog.text

    with_liar(work)


def test_a_file_of_the_store_that_lost_its_end_is_fetched_anew(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        store = BlobStore(tmp_path)
        async with before(tmp_path, liar, fresh_seconds=3600.0) as setting:
            url = await file_url(setting)
            assert (await setting.get(url)).body == CONTENT
            store.path(DIGEST).write_bytes(CONTENT[:-1000])
            answer = await setting.get(url)
            assert (answer.status, answer.body == CONTENT) == (200, True)
            assert (await events(setting, "downloads"))["damaged"] == 1
            assert (tmp_path / "quarantine" / DIGEST).stat().st_size == SIZE - 1000

    with_liar(work)


def test_a_page_that_is_wrong_about_the_size_does_not_cost_a_good_file(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        async with before(tmp_path, liar) as setting:
            url = await file_url(setting)
            assert (await setting.get(url)).body == CONTENT
            liar.answers["/simple/demo/"] = page_of(page(entry(size=SIZE + 1)))
            for _ in range(2):
                assert (await setting.get(url)).body == CONTENT
            assert (await events(setting, "downloads"))["damaged"] == 0
            assert liar.asked[FILE] == 1

    with_liar(work)


def test_a_file_is_given_out_though_the_index_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def work(liar: Liar) -> None:
        async with before(tmp_path, liar) as setting:
            with monkeypatch.context() as patched:
                patched.setattr(BlobIndex, "add", full)
                answer = await setting.get(await file_url(setting))
            assert (answer.status, answer.body == CONTENT, answer.broken) == (200, True, False)
            assert "is in the store but not in its index: database or disk is full" in caplog.text
        index = open_index(tmp_path)
        index.rebuild()
        assert index.digests() == {DIGEST}
        index.close()

    with_liar(work)


def test_no_redirect_from_https_to_http() -> None:
    async def work() -> None:
        upstream = Upstream(UpstreamOptions("main", "https://index.example/simple/"))
        there = URL("https://files.example/x")
        assert upstream._redirected(there, "https://other.example/y") == URL("https://other.example/y")
        with pytest.raises(PermissionDeniedError, match="redirects from HTTPS to http://other.example/y, which is not followed"):
            upstream._redirected(there, "http://other.example/y?token=secret")

    asyncio.run(work())
