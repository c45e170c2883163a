"""What the admin API can be told."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.serving.tls import Tls


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """Where the admin API listens.

    Attributes:
        host: the address.
        port: 0 takes a free one.
        names: host names that requests may give beside `host`, `localhost` and plain addresses.
        tls: None speaks plain text.
    """

    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    tls: Tls | None = None
