"""Who really asks, where a proxy stands before the mirror (`X-Forwarded-For`, `X-Forwarded-Proto`)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from headrace.core.errors import InvalidArgumentError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAX_HOPS = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from.

    Attributes:
        address: of the client, as far as it can be believed; "" where it is not known.
        secure: it came by TLS, or from this machine.
    """

    address: str
    secure: bool


class Proxies:
    """Believes what trusted proxies say of their clients, and nobody else.

    Args:
        trusted: addresses and networks of proxies, such as "10.0.0.0/8".

    Raises:
        InvalidArgumentError: one of them is neither.
    """

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = tuple(_network(text) for text in trusted)

    def origin(self, request: web.Request) -> Origin:
        """Where a request comes from."""
        address, scheme = request.remote or "", request.scheme
        loopback = _is_loopback(address)
        if not self._trusts(address):
            return Origin(address, scheme == "https" or loopback)
        hops = _listed(request, "X-Forwarded-For")
        schemes = _listed(request, "X-Forwarded-Proto")
        for hop in reversed(hops):  # each proxy adds the one that asked it; the first that is no proxy of ours is the client
            address = hop
            if not self._trusts(hop):
                break
        secure = schemes[-1].lower() == "https" if schemes else scheme == "https" or (loopback and not hops)
        return Origin(address[:100], secure)

    def _trusts(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted if network.version == address.version)


def is_loopback(host: str) -> bool:
    """True for a name or address that only this machine reaches."""
    return host == "localhost" or _is_loopback(host)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise InvalidArgumentError(f"the trusted proxy {text!r} is no address and no network such as 10.0.0.0/8: {error}") from None


def _listed(request: web.Request, header: str) -> list[str]:
    values = ",".join(request.headers.getall(header, []))
    return [each for part in values.split(",") if (each := part.strip())][-_MAX_HOPS:]
