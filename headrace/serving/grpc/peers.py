"""Who is at the other end of a call, as gRPC says it."""

from __future__ import annotations

from urllib.parse import unquote


def address_of(peer: str) -> str:
    """The address of a peer such as `ipv4:127.0.0.1:50123` or `ipv6:%5B::1%5D:50123`; of any other the kind, such as `unix`."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return kind or "unknown"
    return unquote(rest).rpartition(":")[0].strip("[]")
