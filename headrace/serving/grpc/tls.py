"""--ssl_config_file: keys and certificates from the text of an SSLConfig."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

import grpc

from headrace.core.errors import InvalidArgumentError
from headrace.proto.serving import SSLConfig
from headrace.serving.configuration import text
from headrace.serving.grpc.options import Tls


def read_tls(path: Path) -> Tls:
    """The keys and certificates that an SSLConfig holds.

    Raises:
        OpError: the file cannot be read or is no such text; see `text.read`.
        InvalidArgumentError: the key or the certificate is missing, is no PEM text or does not fit the other, or clients are
            to be verified without an authority.
    """
    config = text.read(path, SSLConfig)
    for field, needed in (("server_key", True), ("server_cert", True), ("custom_ca", False)):
        value = getattr(config, field)
        if (needed or value) and "-----BEGIN " not in value:
            raise InvalidArgumentError(
                f"{path}: {field} is {'no PEM text' if value else 'missing'}; expected the text of a PEM file"
            )
    if config.client_verify and not config.custom_ca:
        raise InvalidArgumentError(f"{path}: client_verify needs custom_ca, the authority of clients' certificates")
    tls = Tls(config.server_key.encode(), config.server_cert.encode(), config.custom_ca.encode(), config.client_verify)
    _check(tls, path)
    return tls


def _check(tls: Tls, path: Path) -> None:
    """Raises InvalidArgumentError for texts that gRPC would refuse without saying why."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # Python's ssl reads keys from files only; nobody else can read this folder
        key, certificate = Path(folder, "key"), Path(folder, "certificate")
        key.write_bytes(tls.key)
        certificate.write_bytes(tls.certificate)
        try:
            context.load_cert_chain(certificate, key, password="")
            if tls.client_authority:
                context.load_verify_locations(cadata=tls.client_authority.decode())
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise InvalidArgumentError(f"{path}: the keys and certificates cannot be used: {reason}") from None


def credentials(tls: Tls) -> grpc.ServerCredentials:
    """What a secure port is opened with."""
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)],
        root_certificates=tls.client_authority or None,
        require_client_auth=tls.verify_clients,
    )
