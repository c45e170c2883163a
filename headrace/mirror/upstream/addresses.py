"""Which hosts an upstream may send the mirror to: not into the network that the mirror stands in (SSRF)."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection

from aiohttp import ClientError, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from headrace.core.errors import PermissionDeniedError

_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.ip_network("::/96")
_ODD_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}\.?", re.IGNORECASE)
"""What resolvers take for an IPv4 address, or should: 2130706433, 0x7f.1, 127.1, 0177.0.0.1."""


class ForbiddenAddressError(ClientError):
    """A name stands for an address that may not be asked; told apart from errors of the network, which are tried again."""


class Hosts:
    """What may be asked.

    Args:
        index: the URL of the index; its host is trusted whatever its address.
        private: trusts the addresses of private networks.
    """

    def __init__(self, index: str, private: bool = False) -> None:
        self._url = URL(index)
        self._index = self._url.host
        self._private = private

    def check(self, url: str) -> URL:
        """A URL that may be asked; one of the index itself gets the index's name and password.

        Raises:
            PermissionDeniedError: it is not of HTTP, carries a name and password, or is a bare address of a private network.
        """
        try:
            found = URL(url)
            host = found.host
        except ValueError as error:
            raise PermissionDeniedError(f"upstream names {url[:200]!r}, which is no URL: {error}") from None
        if found.scheme not in ("http", "https") or not host:
            raise PermissionDeniedError(f"upstream names {url[:200]!r}; only HTTP is followed")
        if host == self._index:
            if self._url.user and found.origin() == self._url.origin():
                return found.with_user(self._url.user).with_password(self._url.password)
            return found
        if found.user or found.password:
            raise PermissionDeniedError(f"upstream names a URL of {host} with a password in it, which is not followed")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            if not self._private and _ODD_NUMBERS.fullmatch(host):
                raise PermissionDeniedError(f"upstream names {host}, an address in an odd form; it is not asked") from None
            return found
        if not self.allows(host, str(address)):
            raise PermissionDeniedError(f"upstream names {host}, an address of a private network; it is not asked")
        return found

    def allows(self, host: str, address: str) -> bool:
        """True when `host`, which stands for `address`, may be asked."""
        return host == self._index or self._private or _is_public(ipaddress.ip_address(address))


class GuardedResolver(AbstractResolver):
    """Looks names up, and leaves out addresses that may not be asked. It is what connects, so a name cannot change in between.

    Args:
        hosts: what may be asked.
        proxies: names of the proxies, which are asked wherever they are.
        inner: looks names up.
    """

    def __init__(self, hosts: Hosts, proxies: Collection[str | None] = (), inner: AbstractResolver | None = None) -> None:
        self._hosts = hosts
        self._proxies = proxies
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AddressFamily.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host."""
        found = await self._inner.resolve(host, port, family)
        if host in self._proxies:
            return found
        return self._allowed(host, found)

    async def check(self, host: str) -> None:
        """Looks at a name that a proxy is going to look up. One that is not known here is left to the proxy.

        Raises:
            ForbiddenAddressError: it stands for addresses of private networks here.
        """
        try:
            found = await self._inner.resolve(host, 0, socket.AddressFamily.AF_UNSPEC)
        except OSError:
            return
        self._allowed(host, found)

    def _allowed(self, host: str, found: list[ResolveResult]) -> list[ResolveResult]:
        allowed = [each for each in found if self._hosts.allows(host, each["host"])]
        if found and not allowed:
            raise ForbiddenAddressError(f"{host} stands for an address of a private network; it is not asked")
        return allowed

    async def close(self) -> None:
        """Nothing is kept."""
        await self._inner.close()


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """True for addresses of the public Internet; an IPv4 address inside one of IPv6 must be one, too."""
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    if address.is_site_local or address in _COMPATIBLE:
        return False
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and any(address in network for network in _NAT64):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner is None or _is_public(inner)
