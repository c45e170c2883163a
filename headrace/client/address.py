"""Where a server is: the addresses that clients take."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from headrace.core.errors import InvalidArgumentError

_EXPECTED = "expected such as http://127.0.0.1:8501, https://..., grpc://127.0.0.1:8500, grpcs://... or unix:/path/of/socket"
_PORTS = {"http": 80, "https": 443, "grpc": 8500, "grpcs": 8500}


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address.

    Attributes:
        grpc: gRPC; else REST.
        secure: over TLS.
        target: what gRPC connects to; for REST the origin, such as `http://127.0.0.1:8501`.
        prefix: what stands before REST's paths, "" for nothing.
    """

    grpc: bool
    secure: bool
    target: str
    prefix: str = ""


def parse(text: str) -> Address:
    """The address that a URL names.

    Raises:
        InvalidArgumentError: it is none of the forms that are known.
    """
    if text.startswith("unix:"):
        if not text.removeprefix("unix:").strip("/"):
            raise InvalidArgumentError(f"the address {text!r} names no socket; {_EXPECTED}")
        return Address(True, False, text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidArgumentError(f"the address {text!r} is no URL ({error}); {_EXPECTED}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InvalidArgumentError(f"the address {text!r} is not understood; {_EXPECTED}")
    if not parts.hostname.isascii():
        raise InvalidArgumentError(f"the host of {text!r} has letters beyond ASCII; expected its name in Punycode (xn--...)")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidArgumentError(f"an address has no user, query or fragment; {_EXPECTED}")
    grpc = parts.scheme.startswith("grpc")
    prefix = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    if grpc and prefix:
        raise InvalidArgumentError(f"the address {text!r} has a path, which gRPC does not; {_EXPECTED}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = f"{host}:{_PORTS[parts.scheme] if port is None else port}"
    secure = parts.scheme in ("https", "grpcs")
    return Address(grpc, secure, place if grpc else f"{parts.scheme}://{place}", prefix)
