"""Which servers a client trusts, and what it shows them."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates, as PEM texts.

    Attributes:
        authority: what the server's certificate is checked against; empty takes the system's.
        certificate: the client's own, for servers that ask; with the chain behind it.
        key: its private key.

    Raises:
        InvalidArgumentError: there is a certificate without a key, or a key without a certificate.
    """

    authority: bytes = b""
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise InvalidArgumentError("a client's certificate needs its key, and a key its certificate; expected both or none")


def ssl_context(tls: Tls) -> ssl.SSLContext:
    """What sockets are wrapped with: TLS 1.2 or newer, the server's certificate and name checked.

    Raises:
        InvalidArgumentError: the texts cannot be used.
    """
    try:
        context = ssl.create_default_context(cadata=tls.authority.decode("ascii") or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.certificate:
            with (
                tempfile.TemporaryDirectory() as folder
            ):  # Python's ssl reads keys from files only; nobody else can read this folder
                pair = Path(folder, "pair")
                pair.write_bytes(tls.key + b"\n" + tls.certificate)
                context.load_cert_chain(pair, password="")
    except (ssl.SSLError, ValueError) as error:
        raise InvalidArgumentError(f"the certificates cannot be used: {error}; expected PEM texts that fit together") from None
    return context
