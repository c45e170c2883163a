"""TLS, proxies before the mirror, and tokens that may not go over plain HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from click.testing import CliRunner

from headrace.cli.mirror.group import mirror
from headrace.core.errors import InvalidArgumentError, PermissionDeniedError
from headrace.core.tokens import token_hash
from headrace.mirror.options import MirrorOptions, TlsOptions, UpstreamOptions
from headrace.mirror.private.uploaders import Uploader
from headrace.mirror.server.access import Access
from headrace.mirror.server.forwarding import Proxies
from headrace.mirror.server.process import running
from headrace.mirror.server.tls import Certificate
from tests.mirror.authority import Authority
from tests.mirror.index_server import IndexServer, wheel
from tests.mirror.setting import Setting
from tests.mirror.test_uploads import upload

ANN = Uploader("ann", token_hash("anns"), ("acme-*",), manage=("acme-*",))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@contextlib.asynccontextmanager
async def mirror_with(root: Path, **more: Any) -> AsyncIterator[Setting]:
    async with IndexServer() as index:
        index.add("demo", "1.0")
        options = MirrorOptions(root, (UpstreamOptions("main", index.url),), port=0, **more)
        async with running(options) as url, aiohttp.ClientSession() as session:
            yield Setting(url, index, session)


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.path)


async def asked(url: str, context: ssl.SSLContext) -> int:
    async with aiohttp.ClientSession() as session, session.get(url, ssl=context) as response:
        return response.status


def test_tls_and_certificates_of_clients(tmp_path: Path, authority: Authority) -> None:
    async def work() -> None:
        tls = TlsOptions(authority.issue("server"), client_ca=authority.path)
        async with mirror_with(tmp_path, tls=tls) as setting:
            assert setting.url.startswith("https://")
            known = trusting(authority)
            known.load_cert_chain(authority.issue("client"))
            assert await asked(f"{setting.url}/simple/demo/", known) == 200
            old = trusting(authority)
            old.load_cert_chain(authority.issue("client"))
            with pytest.warns(DeprecationWarning, match="TLSv1_1"):
                old.maximum_version = ssl.TLSVersion.TLSv1_1
            for refused in (trusting(authority), old, ssl.create_default_context()):
                with pytest.raises(aiohttp.ClientError):
                    await asked(f"{setting.url}/simple/demo/", refused)

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_new_certificate_is_used_and_a_broken_one_is_not(tmp_path: Path, authority: Authority) -> None:
    path = tmp_path / "mirror.pem"
    path.write_bytes(authority.issue("first").read_bytes())
    certificate = Certificate(TlsOptions(path))

    async def name() -> str:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=certificate.context)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2], ssl=trusting(authority))
            ((((_, found),),)) = writer.get_extra_info("peercert")["subject"]
            writer.close()
            await reader.read()
            return str(found)

    assert asyncio.run(name()) == "first"
    assert not certificate.refresh(), "nothing has changed"
    path.write_bytes(authority.issue("second").read_bytes())
    assert certificate.refresh()
    assert asyncio.run(name()) == "second"
    path.write_text("nonsense")
    assert not certificate.refresh()
    assert asyncio.run(name()) == "second", "the old one stays"
    path.write_bytes(authority.issue("third").read_bytes())
    assert certificate.refresh()
    path.unlink()
    assert not certificate.refresh()
    assert asyncio.run(name()) == "third"


def test_files_that_are_no_certificates(tmp_path: Path, authority: Authority) -> None:
    good, bad = authority.issue("server"), tmp_path / "bad.pem"
    bad.write_text("nonsense")
    for options in (TlsOptions(bad), TlsOptions(good, bad), TlsOptions(good, client_ca=bad), TlsOptions(tmp_path / "none")):
        with pytest.raises(InvalidArgumentError, match="cannot be"):
            Certificate(options)
    with pytest.raises(InvalidArgumentError, match="cannot be used"):
        Certificate(TlsOptions(good, authority.issue("other")))


def request_from(address: str, scheme: str = "http", **headers: str) -> web.Request:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return make_mocked_request("GET", "/", headers=named).clone(remote=address, scheme=scheme)


@pytest.mark.parametrize(
    ("address", "headers", "found", "secure"),
    [
        ("192.0.2.7", {}, "192.0.2.7", False),
        ("127.0.0.1", {}, "127.0.0.1", True),
        ("192.0.2.7", {"X_Forwarded_For": "203.0.113.5", "X_Forwarded_Proto": "https"}, "192.0.2.7", False),
        ("10.1.2.3", {"X_Forwarded_For": "203.0.113.5", "X_Forwarded_Proto": "https"}, "203.0.113.5", True),
        ("10.1.2.3", {"X_Forwarded_For": "203.0.113.5", "X_Forwarded_Proto": "http"}, "203.0.113.5", False),
        ("10.1.2.3", {"X_Forwarded_For": "203.0.113.5"}, "203.0.113.5", False),
        ("10.1.2.3", {"X_Forwarded_For": "127.0.0.1, 203.0.113.5, 10.9.9.9", "X_Forwarded_Proto": "https"}, "203.0.113.5", True),
        ("10.1.2.3", {"X_Forwarded_Proto": "https, http"}, "10.1.2.3", False),
        ("10.1.2.3", {}, "10.1.2.3", False),
        ("::1", {"X_Forwarded_For": "not an address"}, "::1", True),
    ],
)
def test_only_trusted_proxies_are_believed(address: str, headers: dict[str, str], found: str, secure: bool) -> None:
    origin = Proxies(["10.0.0.0/8"]).origin(request_from(address, **headers))
    assert (origin.address, origin.secure) == (found, secure)
    assert Proxies().origin(request_from("192.0.2.7", "https")).secure


@pytest.mark.parametrize(
    ("address", "headers", "found"),
    [
        ("192.0.2.7", {"Host": "mirror.example:8466"}, "http://mirror.example:8466"),
        ("192.0.2.7", {"Host": "[2001:db8::1]"}, "http://[2001:db8::1]"),
        ("192.0.2.7", {"Host": "a", "X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https"}, "http://a"),
        ("10.1.2.3", {"Host": "a", "X_Forwarded_Host": "mirror.example", "X_Forwarded_Proto": "https"}, "https://mirror.example"),
        ("10.1.2.3", {"Host": "a", "X_Forwarded_Proto": "javascript"}, ""),
        ("192.0.2.7", {"Host": 'a"><script>'}, ""),
        ("192.0.2.7", {"Host": "user@a/b"}, ""),
        ("192.0.2.7", {"Host": ""}, ""),
    ],
)
def test_the_url_that_a_client_knows(address: str, headers: dict[str, str], found: str) -> None:
    assert Proxies(["10.0.0.0/8"]).base(request_from(address, **headers)) == found
    assert Proxies(url="https://mirror.example/x/").base(request_from(address, **headers)) == "https://mirror.example/x"


def test_a_token_over_plain_http_is_refused() -> None:
    far = request_from("192.0.2.7", Authorization="Bearer anns")
    with pytest.raises(PermissionDeniedError, match="plain HTTP"):
        Access(None, [ANN]).uploader(far)
    with pytest.raises(PermissionDeniedError, match="plain HTTP"):
        Access(None, []).check_transport(far.clone(method="PUT"))
    Access(None, []).check_transport(far)  # who reads may have tokens that are not for the mirror
    Access(None, [], insecure=True).check_transport(far.clone(method="PUT"))
    assert Access(None, [ANN], insecure=True).uploader(far) is ANN
    assert Access(None, [ANN]).uploader(request_from("192.0.2.7", "https", Authorization="Bearer anns")) is ANN
    with pytest.raises(InvalidArgumentError, match="is no address"):
        Proxies(["everywhere"])


def test_what_would_show_tokens_does_not_start(tmp_path: Path) -> None:
    upstream = (UpstreamOptions("main", "http://127.0.0.1:1/simple/"),)
    open_to_all = MirrorOptions(tmp_path, upstream, private=("acme-*",), uploaders=(ANN,), host="0.0.0.0", port=0)

    async def start(options: MirrorOptions) -> None:
        async with running(options):
            pass

    with pytest.raises(InvalidArgumentError, match="give a certificate"):
        asyncio.run(start(open_to_all))
    asyncio.run(start(replace(open_to_all, insecure_tokens=True)))
    with pytest.raises(InvalidArgumentError, match="no uploaders"):
        asyncio.run(start(replace(open_to_all, uploaders=(), private_read="token")))


def test_a_path_before_all_routes(tmp_path: Path) -> None:
    async def work() -> None:
        async with mirror_with(tmp_path, url="https://mirror.example/packages/") as setting:
            for before in ("", "packages/"):
                page = await setting.get(f"{before}simple/demo/")
                assert (page.status, 'href="../../files/main/demo/' in page.body.decode()) == (200, True)
                assert (await setting.get(f"{before}simple/")).status == 200
                assert (await setting.get(f"{before}simple/Demo/")).headers["location"] == "../demo/"
            assert (await setting.get("packages")).status == 404
            metrics = (await setting.get("packages/metrics")).body.decode()
            assert 'headrace_mirror_requests_total{kind="page",status="200"} 4' in metrics

    asyncio.run(asyncio.wait_for(work(), 60))


def test_the_commands_manage_a_mirror_over_tls(tmp_path: Path, authority: Authority) -> None:
    tls = TlsOptions(authority.issue("server"))
    token, wrong = tmp_path / "token", tmp_path / "wrong"
    token.write_text("anns\n")
    wrong.write_text("others")

    def run(action: str, url: str, file: Path, requirement: str = "acme-core==1.0", *more: str) -> tuple[int, str]:
        arguments = [action, requirement, f"--url={url}", f"--token_file={file}", f"--ca={authority.path}", *more]
        done = CliRunner().invoke(mirror, arguments)
        return done.exit_code, done.output

    async def work() -> None:
        async with (
            mirror_with(tmp_path / "root", tls=tls, private=("acme-*",), uploaders=(ANN,)) as setting,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting(authority))) as session,
        ):
            own = replace(setting, session=session)
            assert (await upload(own, *wheel("acme-core", "1.0")[:2], "anns")).status == 200
            name = "acme_core-1.0-py3-none-any.whl"
            assert await asyncio.to_thread(run, "yank", own.url, token) == (0, f"yank: {name}\n")
            assert (await own.page("acme-core"))["files"][0]["yanked"] is True
            assert await asyncio.to_thread(run, "unyank", own.url, token) == (0, f"unyank: {name}\n")
            status, said = await asyncio.to_thread(run, "yank", own.url, wrong)
            assert (status, "the token is not known here" in said) == (1, True)
            status, said = await asyncio.to_thread(run, "remove", own.url, token, "acme-core==2.0")
            assert (status, "no private file" in said) == (1, True)
            removed = await asyncio.to_thread(run, "remove", own.url, token, "acme-core==1.0", f"--file={name}")
            assert removed == (0, f"remove: {name}\n")
            assert (await own.page("acme-core"))["files"] == []

    asyncio.run(asyncio.wait_for(work(), 60))
    assert run("yank", "https://127.0.0.1:1", token)[0] == 1
    assert "would show the token" in run("yank", "http://192.0.2.1", token)[1]
    assert "is not NAME==VERSION" in run("yank", "https://127.0.0.1:1", token, "acme-core")[1]
