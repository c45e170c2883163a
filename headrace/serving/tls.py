"""Keys and certificates, as an SSLConfig text holds them: --ssl_config_file for gRPC, --rest_api_ssl_config_file for REST."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.errors import InvalidArgumentError
from headrace.proto.serving import SSLConfig
from headrace.serving.configuration import text


@dataclass(frozen=True, slots=True)
class Tls:
    """Keys and certificates, as PEM texts.

    Attributes:
        key: the server's private key.
        certificate: the server's certificate, with the chain behind it.
        client_authority: what clients' certificates are checked against; empty takes the system's.
        verify_clients: refuse clients that show no valid certificate.
    """

    key: bytes = field(repr=False)
    certificate: bytes
    client_authority: bytes = b""
    verify_clients: bool = False


def read_tls(path: Path) -> Tls:
    """The keys and certificates that an SSLConfig holds.

    Raises:
        OpError: the file cannot be read or is no such text; see `text.read`.
        InvalidArgumentError: the key or the certificate is missing, is no PEM text or does not fit the other, or clients are
            to be verified without an authority.
    """
    config = text.read(path, SSLConfig)
    for name, needed in (("server_key", True), ("server_cert", True), ("custom_ca", False)):
        value = getattr(config, name)
        if (needed or value) and "-----BEGIN " not in value:
            raise InvalidArgumentError(
                f"{path}: {name} is {'no PEM text' if value else 'missing'}; expected the text of a PEM file"
            )
    if config.client_verify and not config.custom_ca:
        raise InvalidArgumentError(f"{path}: client_verify needs custom_ca, the authority of clients' certificates")
    tls = Tls(config.server_key.encode(), config.server_cert.encode(), config.custom_ca.encode(), config.client_verify)
    try:
        ssl_context(tls)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise InvalidArgumentError(f"{path}: the keys and certificates cannot be used: {reason}") from None
    return tls


def ssl_context(tls: Tls) -> ssl.SSLContext:
    """What a socket of a server is wrapped with: TLS 1.2 or newer.

    Raises:
        SSLError, ValueError: the texts cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # Python's ssl reads keys from files only; nobody else can read this folder
        key, certificate = Path(folder, "key"), Path(folder, "certificate")
        key.write_bytes(tls.key)
        certificate.write_bytes(tls.certificate)
        context.load_cert_chain(certificate, key, password="")
    if tls.client_authority:
        context.load_verify_locations(cadata=tls.client_authority.decode())
    if tls.verify_clients:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
