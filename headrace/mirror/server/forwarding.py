"""Who really asks, and for which URL, where a proxy stands before the mirror (`X-Forwarded-For`, `-Proto`, `-Host`)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from headrace.core.errors import InvalidArgumentError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAX_HOPS = 20
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


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
        url: under which all clients reach the mirror; "" where each uses the one that it knows.

    Raises:
        InvalidArgumentError: one of them is neither.
    """

    def __init__(self, trusted: Sequence[str] = (), url: str = "") -> None:
        self._url = url.rstrip("/")
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

    def base(self, request: web.Request) -> str:
        """The mirror's URL as the client of a request knows it, without a slash at the end; "" when that cannot be told."""
        if self._url:
            return self._url
        host, scheme = request.headers.get("Host", ""), request.scheme
        if self._trusts(request.remote or ""):
            host = next(iter(_listed(request, "X-Forwarded-Host")[-1:]), host)
            scheme = next(iter(_listed(request, "X-Forwarded-Proto")[-1:]), scheme).lower()
        if scheme not in ("http", "https") or _HOST.fullmatch(host) is None:
            return ""
        return f"{scheme}://{host}"

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
