"""Until when a certificate is good, read from its PEM file with nothing but Python."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

_MAX_BYTES = 1 << 20
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_BEFORE_VALIDITY = 3
"""Serial number, algorithm and issuer stand before it (RFC 5280, 4.1)."""


def ends(path: Path) -> float | None:
    """When the first certificate of a file is no longer good, in seconds since 1970; None when it cannot be read."""
    try:
        with path.open("r", encoding="ascii", errors="replace") as file:
            text = file.read(_MAX_BYTES)
        _, begun, rest = text.partition(ssl.PEM_HEADER)
        body, ended, _ = rest.partition(ssl.PEM_FOOTER)
        if not begun or not ended:
            return None
        return _not_after(ssl.PEM_cert_to_DER_cert(f"{ssl.PEM_HEADER}\n{body.strip()}\n{ssl.PEM_FOOTER}\n"))
    except (OSError, ValueError, IndexError):
        return None


def _not_after(certificate: bytes) -> float:
    """The end of the validity in a certificate's DER."""
    _, whole, _ = _element(certificate)
    _, signed, _ = _element(whole)
    kind, _, rest = _element(signed)
    left = rest if kind == _VERSION else signed
    for _ in range(_BEFORE_VALIDITY):
        _, _, left = _element(left)
    kind, validity, _ = _element(left)
    if kind != _SEQUENCE:
        raise ValueError("no validity")
    _, _, left = _element(validity)
    kind, text, _ = _element(left)
    if kind == _UTC_TIME:
        year = int(text[:2])
        text = b"%d%b" % (20 if year < 50 else 19, text)  # RFC 5280, 4.1.2.5.1
    elif kind != _GENERALIZED_TIME:
        raise ValueError("no time")
    return datetime.strptime(text.decode(), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """The kind and content of the first element of DER, and what is behind it."""
    kind, size, start = data[0], data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        raise ValueError("cut off")
    return kind, data[start : start + size], data[start + size :]
