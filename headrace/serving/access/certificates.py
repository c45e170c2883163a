"""The names in a client's certificate, as the two TLS libraries tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def names_of_peer(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The alternative names, then the common names, of what `SSLSocket.getpeercert` gives for a verified certificate."""
    if not certificate:
        return ()
    alternative = [value for _, value in certificate.get("subjectAltName", ())]
    common = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return tuple(dict.fromkeys([*alternative, *common]))


def names_of_context(context: Mapping[str, Sequence[bytes]]) -> tuple[str, ...]:
    """The same of what gRPC's `auth_context` gives."""
    values = [*context.get("x509_subject_alternative_name", ()), *context.get("x509_common_name", ())]
    return tuple(dict.fromkeys(value.decode("utf-8", "replace") for value in values))
