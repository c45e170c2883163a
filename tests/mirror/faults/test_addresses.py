"""Upstream cannot send the mirror into its own network, by whatever name or number."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from headrace.core.errors import InvalidArgumentError, PermissionDeniedError
from headrace.mirror.upstream.addresses import ForbiddenAddressError, GuardedResolver, Hosts
from headrace.mirror.upstream.proxies import Proxies

INDEX = "https://index.example/simple/"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fd00::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::1]",
        "[2002:0a00:0001::1]",
        "[2001:0:7f00:1::]",
        "\u2460\u2461\u2466.0.0.1",
    ],
)
def test_numbers_of_the_own_network(host: str) -> None:
    with pytest.raises(PermissionDeniedError, match="is not asked|no URL"):
        Hosts(INDEX).check(f"http://{host}/x")


@pytest.mark.parametrize(
    "url", ["http://u:p@other.example/", "ftp://other.example/", "file:///etc/passwd", "//[", "http://", "x", "http://:80/"]
)
def test_what_is_not_followed(url: str) -> None:
    with pytest.raises(PermissionDeniedError):
        Hosts(INDEX).check(url)


def test_what_is_followed() -> None:
    hosts = Hosts(INDEX)
    for url in ("http://8.8.8.8/", "http://[2606:4700::1111]/", "https://files.example/1.2.3.4/x", "http://[64:ff9b::808:808]/"):
        assert str(hosts.check(url)) == url
    assert str(Hosts("http://10.0.0.5:3141/simple/").check("http://10.0.0.5/x")) == "http://10.0.0.5/x", "its own host"
    assert str(Hosts(INDEX, private=True).check("http://10.0.0.5/x")) == "http://10.0.0.5/x"
    secret = Hosts("https://ann:s3cret@index.example/simple/")
    assert secret.check("https://index.example/f.whl").password == "s3cret"
    for elsewhere in ("http://index.example/f.whl", "https://index.example:444/f.whl", "https://files.example/f.whl"):
        assert secret.check(elsewhere).password is None, "the password is for the index alone"


class Names(AbstractResolver):
    """Gives other addresses each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        if not self.answers:
            raise OSError("no such name")
        return [ResolveResult(hostname=host, host=each, port=port, family=2, proto=0, flags=0) for each in self.answers.pop(0)]

    async def close(self) -> None:
        pass


def test_names_of_the_own_network() -> None:
    async def work() -> None:
        guard = GuardedResolver(Hosts(INDEX), inner=Names(["8.8.8.8"], ["127.0.0.1"], ["8.8.8.8", "10.0.0.1", "::1"]))
        assert [each["host"] for each in await guard.resolve("files.example")] == ["8.8.8.8"]
        with pytest.raises(ForbiddenAddressError, match="files.example stands for an address of a private network"):
            await guard.resolve("files.example")  # the name means something else now: what is looked up is what is connected to
        assert [each["host"] for each in await guard.resolve("files.example")] == ["8.8.8.8"]
        own = GuardedResolver(Hosts(INDEX), inner=Names(["10.0.0.1"]))
        assert [each["host"] for each in await own.resolve("index.example")] == ["10.0.0.1"]

    asyncio.run(work())


def test_names_that_a_proxy_looks_up() -> None:
    async def work() -> None:
        guard = GuardedResolver(Hosts(INDEX), {"proxy.example"}, Names(["10.0.0.9"], ["10.0.0.1"], ["8.8.8.8"]))
        assert [each["host"] for each in await guard.resolve("proxy.example")] == ["10.0.0.9"], "a proxy may be anywhere"
        with pytest.raises(ForbiddenAddressError):
            await guard.check("files.example")
        await guard.check("files.example")
        await guard.check("unknown.here.example")

    asyncio.run(work())


def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from yarl import URL

    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert Proxies().of(URL("https://a.example/")) is None
    monkeypatch.setenv("https_proxy", "http://user:pw@proxy.example:3128")
    monkeypatch.setenv("http_proxy", "plain.example:8080")
    monkeypatch.setenv("no_proxy", "b.example,10.0.0.5:3141,.inner.example")
    found = Proxies()
    assert found.hosts == {"proxy.example", "plain.example"}
    assert str(found.of(URL("https://a.example/x"))) == "http://user:pw@proxy.example:3128"
    assert str(found.of(URL("http://a.example/x"))) == "http://plain.example:8080"
    for direct in ("https://b.example/", "http://x.inner.example/", "http://10.0.0.5:3141/simple/"):
        assert found.of(URL(direct)) is None
    assert found.of(URL("http://10.0.0.5/")) is not None
    monkeypatch.setenv("https_proxy", "socks5://proxy.example:1080")
    with pytest.raises(InvalidArgumentError, match="HTTPS_PROXY is no URL of an HTTP proxy"):
        Proxies()
