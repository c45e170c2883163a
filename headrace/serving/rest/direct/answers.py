"""An answer as the bytes that are sent, the same as uvicorn would send for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from uvicorn.protocols.http.httptools_impl import HEADER_VALUE_RE, STATUS_LINE

Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")


def to_bytes(status: int, headers: Iterable[Header], body: bytes, keep_alive: bool) -> bytes:
    """A whole answer.

    Args:
        status: its HTTP status.
        headers: their names in lower case.
        body: what comes behind them.
        keep_alive: false says that the connection is closed afterwards.
    """
    parts = [STATUS_LINE[status]]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    if not keep_alive:
        parts.append(b"connection: close\r\n")
    parts += (b"\r\n", body)
    return b"".join(parts)


def encoded(headers: Mapping[str, str]) -> list[Header]:
    """Headers as they are sent.

    Raises:
        ValueError: one has characters that no header may have.
    """
    found = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if any(HEADER_VALUE_RE.search(value) for _, value in found):
        raise ValueError(f"headers of an answer have control characters: {headers}")
    return found
