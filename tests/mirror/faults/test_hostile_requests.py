"""Requests that no honest client sends: each gets an answer that says no, and nothing outside the mirror's files is reached."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.mirror.faults.liar import CONTENT, Liar
from tests.mirror.faults.setting import before, with_liar

SECRET = "nobody may read this"
FILE = "/files/main/demo/packages/demo-1.0-py3-none-any.whl"

REFUSED = [
    "/simple/%2e%2e/",
    "/simple/..%2f..%2fsecret/",
    "/simple/..%5c..%5csecret/",
    "/simple/%00/",
    "/simple/demo%00/",
    "/simple/demo%0d%0aX-Evil:%201/",
    "/simple/d\u00e9mo/",
    "/simple/%ff%fe/",
    "/simple/" + quote("\u017fix") + "/",  # a long s, which some call equal to s
    "/simple/" + quote("\u212aelvin") + "/",  # the sign for kelvin, which lower() makes a k
    "/simple/" + quote("\u202edemo") + "/",
    f"/simple/{'a' * 7000}/",
    f"/simple/{'a' * 70000}/",
    "/simple/demo/../../secret",
    "/files/main/demo/../../../secret",
    "/files/main/demo/%2e%2e/%2e%2e/%2e%2e/secret",
    "/files/main/demo/..%2f..%2f..%2fsecret",
    "/files/main/demo/packages/%2e%2e/packages/demo-1.0-py3-none-any.whl",
    "/files/main/demo/packages//demo-1.0-py3-none-any.whl",
    "/files/main/demo/packages/demo-1.0-py3-none-any.whl%00",
    "/files/main/demo/packages/demo-1.0-py3-none-any.whl%0d%0aX-Evil:%201",
    "/files/..%2f../demo/secret",
    "/files/private/demo/packages/demo-1.0-py3-none-any.whl",
    "/files/main/..%2fdemo/packages/demo-1.0-py3-none-any.whl",
    "/provenance/main/demo/..%2f..%2fsecret",
    "/pages/main/demo.json",
    "/blobs/",
    "/index.sqlite",
]
HEADERS = [
    f"Range: bytes={'9' * 5000}-",
    f"Range: bytes=-{'9' * 5000}",
    "Range: bytes=\u0661-\u0662",
    "Range: bytes=9-1, 5-3, -",
    "Range: bytes=0-0," * 500,
    "Accept: text/html;q=nan, */*;q=1e999",
    "Accept: " + "a/b," * 2000,
    "Accept-Encoding: " + "gzip;q=0.5," * 500,
    "If-None-Match: " + '"x",' * 1500,
    "If-None-Match: \xff\xfe",
    "If-Range: \x01",
    "Host: a\tb",
    "Host: " + "h" * 8000,
    "X-Forwarded-For: " + "1.2.3.4," * 800,
    "Authorization: Basic " + "A" * 7000,
    "Authorization: Basic /w==",
    "Authorization: Bearer \xe9",
]


LINES = [
    "OPTIONS *",
    "GET http://evil.invalid/simple/demo/",
    "GET //evil.invalid/",
    "BREW /simple/demo/",
    "GET x",
    "\0",
]


async def ask(url: str, line: str, *headers: str) -> tuple[int, str, bytes]:
    """The status, head and body of the answer to a request of these very bytes; 0 where the connection was closed."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    told = "".join(f"{each}\r\n" for each in headers)
    usual = "" if any(each.startswith("Host") for each in headers) else "Host: x\r\n"
    writer.write(f"{line} HTTP/1.1\r\n{usual}Connection: close\r\n{told}\r\n".encode())
    try:
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    except ConnectionError:
        return 0, "", b""
    finally:
        writer.close()
    return int(head.split(b" ")[1]) if head else 0, head.decode("latin-1"), body


def test_what_no_honest_client_asks_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "secret").write_text(SECRET)

    async def work(liar: Liar) -> None:
        async with before(tmp_path / "root", liar, fresh_seconds=3600.0) as setting:
            assert (await setting.get(FILE)).body == CONTENT
            for path in REFUSED:
                status, head, body = await ask(setting.url, f"GET {path}")
                assert status in (400, 404), (path, status, body[:200])
                assert "\nX-Evil" not in head, path
                assert SECRET.encode() not in body
            for header in HEADERS:
                for path in ("/simple/demo/", FILE):
                    status, _, body = await ask(setting.url, f"GET {path}", header)
                    assert status in (200, 206, 304, 400, 401, 406, 416), (header[:60], path, status)
                    if status == 200 and path == FILE:
                        assert body == CONTENT
            for line in LINES:
                assert (await ask(setting.url, line))[0] in (0, 200, 301, 400, 404, 405), line
            assert (await setting.get(FILE)).body == CONTENT, "it is well"
        assert [asked for asked in liar.asked if "secret" in asked or ".." in asked] == []
        assert [each for each in caplog.records if each.exc_info and each.name.startswith("headrace")] == [], (
            "nothing was unforeseen"
        )

    with_liar(work)


def test_what_clients_are_told_holds_no_control_characters(tmp_path: Path) -> None:
    async def work(liar: Liar) -> None:
        async with before(tmp_path, liar, fresh_seconds=3600.0) as setting:
            await setting.page("demo")
            for odd in ("%1b[31m", "%07", "%c2%85", "%e2%80%ae", "%f0%9f%92%a3"):
                for path in (f"/files/main/demo/{odd}", f"/simple/{odd}/", f"/provenance/main/demo/{odd}"):
                    _, head, _ = await ask(setting.url, f"GET {path}")
                    assert all(" " <= each <= "~" for each in head.split("\r\n")[0]), head

    with_liar(work)
