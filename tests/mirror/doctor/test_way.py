"""What the doctor says of the way to upstream and of the mirror: each fault, with its remedy."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from headrace.cli.mirror.group import mirror as command
from headrace.mirror.clients.tools import Mirror
from headrace.mirror.doctor.findings import Finding
from headrace.mirror.doctor.serving import Visit
from headrace.mirror.doctor.upstream import Way
from headrace.mirror.index.page import JSON_TYPE
from headrace.mirror.policy.rules import Policy
from tests.mirror.certificates import self_signed
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import mirroring


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def states(findings: list[Finding]) -> dict[str, str]:
    assert all((each.remedy == "") == (each.state in ("ok", "skipped")) for each in findings), "every fault has a remedy"
    return {each.about.rpartition(": ")[2]: each.state for each in findings}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def way(url: str, project: str = "demo", **more: Any) -> Way:
    return Way("main", url, project, 10.0, **more)


async def found(looked_at: Way | Visit) -> list[Finding]:
    return await asyncio.to_thread(lambda: list(looked_at.look()))


def with_index(work: Callable[[IndexServer], Awaitable[None]]) -> None:
    async def run() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0", 1000)
            await work(index)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_an_upstream_in_order_and_its_faults() -> None:
    async def work(index: IndexServer) -> None:
        assert states(await found(way(index.url))) == dict.fromkeys(("name", "connection", "answer", "clock", "JSON API"), "ok")
        skewed = await found(way(index.url, clock=lambda: time.time() + 4000))
        assert "ahead of" in next(each.said for each in skewed if each.about == "clock")
        assert states(skewed)["clock"] == "failed"
        assert states(await found(way(index.url, "nothing")))["answer"] == "warning"
        index.down = True
        assert states(await found(way(index.url)))["answer"] == "failed"
        index.down = False
        del index.documents["demo"]["files"][0]["upload-time"]
        lacking = await found(way(index.url))
        assert (states(lacking)["JSON API"], "upload-time" in lacking[-1].said) == ("warning", True)
        index.documents["demo"]["files"] = "no list"
        assert states(await found(way(index.url)))["JSON API"] == "failed"
        plain = await found(way(index.url.replace("http:", "https:")))
        assert (states(plain)["TLS"], states(plain)["answer"]) == ("failed", "skipped")

    with_index(work)


def test_a_name_that_is_not_known_and_a_port_that_is_closed() -> None:
    unknown = list(way("http://nothing.invalid/simple/").look())
    assert (states(unknown), "resolv.conf" in unknown[0].remedy) == ({"name": "failed", "answer": "skipped"}, True)
    closed = list(way(f"http://127.0.0.1:{free_port()}/simple/").look())
    assert states(closed) == {"name": "ok", "connection": "failed", "answer": "skipped"}
    assert "firewall" in closed[1].remedy


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{free_port()}")
    asked = list(way("http://index.example/simple/").look())
    assert states(asked) == {"proxy": "ok", "answer": "failed"}
    assert "secret" not in str(asked)


def test_a_certificate_that_nobody_signed(tmp_path: Path) -> None:
    async def work() -> None:
        async with answering({}, self_signed(tmp_path)) as url:
            asked = await found(way(f"{url}/simple/"))
            assert states(asked) == {"name": "ok", "connection": "ok", "TLS": "failed", "answer": "skipped"}
            assert "SSL_CERT_FILE" in asked[2].remedy
            visited = await found(Visit(Mirror(url), "demo", 10.0))
            assert "SSL_CERT_FILE" in visited[0].remedy

    asyncio.run(asyncio.wait_for(work(), 60))


@contextlib.asynccontextmanager
async def answering(answers: dict[str, web.Response], context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that says what it is told to."""

    async def answer(request: web.Request) -> web.Response:
        given = answers.get(request.path)
        if given is None:
            return web.Response(status=404)
        return web.Response(status=given.status, body=given.body, headers=given.headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_a_mirror_in_order_and_what_it_refuses(tmp_path: Path) -> None:
    async def work() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0", 1000)
            index.add("denied", "1.0")
            async with mirroring(tmp_path, index, Policy(deny=("denied",))) as setting:
                visit = Visit(Mirror(setting.url), "demo", 10.0)
                assert states(await found(visit)) == dict.fromkeys(("mirror", "page", "freshness", "file"), "ok")
                refused = await found(replace(visit, project="denied"))
                assert (states(refused)["file"], "--project" in refused[-1].remedy) == ("failed", True)
                assert states(await found(replace(visit, project="nothing"))) == {
                    "mirror": "ok",
                    "page": "failed",
                    "file": "skipped",
                }
                (tmp_path / "partial").rename(tmp_path / "away")
                assert "is not ready: its folder" in (await found(visit))[0].said
                (tmp_path / "away").rename(tmp_path / "partial")

    asyncio.run(asyncio.wait_for(work(), 60))


def page(content: bytes, url: str = "../../files/demo.whl", **more: Any) -> web.Response:
    entry = {"filename": "demo.whl", "url": url, "size": len(content), "hashes": {"sha256": hashlib.sha256(content).hexdigest()}}
    body = json.dumps({"name": "demo", "files": [{**entry, **more}]}).encode()
    return web.Response(body=body, headers={"Content-Type": JSON_TYPE, "X-Headrace-Staleness": "30000"})


def test_a_mirror_with_faults() -> None:
    async def work() -> None:
        live = web.json_response({"live": True})
        answers = {"/livez": live, "/simple/demo/": page(b"right"), "/files/demo.whl": web.Response(body=b"wrong")}
        async with answering(answers) as url:
            visit = Visit(Mirror(url), "demo", 10.0)
            asked = await found(visit)
            assert states(asked) == {"mirror": "ok", "page": "ok", "freshness": "failed", "file": "failed"}
            assert "is not what the page says" in asked[-1].said
            answers["/simple/demo/"] = page(b"right", "http://other.example/demo.whl")
            assert "names other.example" in (await found(visit))[-1].said
            answers["/simple/demo/"] = page(b"right", size=1 << 40)
            assert states(await found(visit))["file"] == "warning"
            answers["/simple/demo/"] = web.Response(body=b"no JSON")
            assert states(await found(visit))["page"] == "failed"
            del answers["/livez"]
            assert "is no mirror" in (await found(visit))[0].said

    asyncio.run(asyncio.wait_for(work(), 60))


def test_the_command_ends_with_a_status_and_prints_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{free_port()}/simple/")
    url = f"http://127.0.0.1:{free_port()}"
    done = CliRunner().invoke(command, ["doctor", f"--root={tmp_path}", f"--url={url}", "--json"])
    told = json.loads(done.output)
    assert (done.exit_code, told["works"]) == (1, False)
    failed = [each["about"] for each in told["findings"] if each["state"] == "failed"]
    assert failed == ["upstream main: connection", "mirror"]
    shown = CliRunner().invoke(command, ["doctor", "--remote", f"--url={url}"]).output
    assert "FAILED   mirror: " in shown
    assert "-> start it: headrace mirror serve" in shown

    async def work() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0", 1000)
            async with mirroring(tmp_path / "root", index) as setting:
                options = [f"--root={tmp_path / 'root'}", f"--upstream={index.url}", f"--url={setting.url}", "--project=demo"]
                done = await asyncio.to_thread(CliRunner().invoke, command, ["doctor", *options])
                assert done.exit_code == 0, done.output

    asyncio.run(asyncio.wait_for(work(), 60))
    (tmp_path / "mirror.toml").write_text(
        f'root = "mine"\n[[upstream]]\nname = "a"\nurl = "http://127.0.0.1:{free_port()}/simple/"\n'
    )
    options = ["doctor", f"--config={tmp_path / 'mirror.toml'}", f"--url={url}", "--json"]
    told = json.loads(CliRunner().invoke(command, options).output)
    said = {each["about"]: each["said"] for each in told["findings"]}
    assert (said["configuration"], "/mine is not there" in said["folder"]) == ("can be read", True)
    assert "upstream a: connection" in said
    (tmp_path / "mirror.toml").write_text("roots = 1\n")
    told = json.loads(CliRunner().invoke(command, [*options, "--remote"]).output)
    (mistake,) = [each for each in told["findings"] if each["about"] == "configuration"]
    assert (mistake["state"], "roots" in mistake["said"]) == ("failed", True)
    assert "is no URL of a mirror" in CliRunner().invoke(command, ["doctor", "--url=x"]).output
