"""Which hosts an upstream may send the mirror to: not into the network that the mirror stands in (SSRF)."""

from __future__ import annotations

import ipaddress
import socket

from aiohttp import ClientError, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from headrace.core.errors import PermissionDeniedError


class ForbiddenAddressError(ClientError):
    """A name stands for an address that may not be asked; told apart from errors of the network, which are tried again."""


class Hosts:
    """What may be asked.

    Args:
        index: the URL of the index; its host is trusted whatever its address.
        private: trusts the addresses of private networks.
    """

    def __init__(self, index: str, private: bool = False) -> None:
        self._index = URL(index).host
        self._private = private

    def check(self, url: str) -> URL:
        """A URL that may be asked.

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
        if host != self._index:
            if found.user or found.password:
                raise PermissionDeniedError(f"upstream names a URL of {host} with a password in it, which is not followed")
            try:
                address = ipaddress.ip_address(host)
            except ValueError:
                return found
            if not self.allows(host, str(address)):
                raise PermissionDeniedError(f"upstream names {host}, an address of a private network; it is not asked")
        return found

    def allows(self, host: str, address: str) -> bool:
        """True when `host`, which stands for `address`, may be asked."""
        return host == self._index or self._private or ipaddress.ip_address(address).is_global


class GuardedResolver(AbstractResolver):
    """Looks names up, and leaves out addresses that may not be asked. It is what connects, so a name cannot change in between."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AddressFamily.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host."""
        found = await self._inner.resolve(host, port, family)
        allowed = [each for each in found if self._hosts.allows(host, each["host"])]
        if found and not allowed:
            raise ForbiddenAddressError(f"{host} stands for an address of a private network; it is not asked")
        return allowed

    async def close(self) -> None:
        """Nothing is kept."""
        await self._inner.close()
