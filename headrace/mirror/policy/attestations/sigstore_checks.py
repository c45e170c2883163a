"""The part that needs pypi-attestations and sigstore."""

from __future__ import annotations

import logging

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import ExtensionNotFound
from pyasn1.error import PyAsn1Error
from pypi_attestations import Attestation, Distribution, Provenance, Publisher
from sigstore.errors import Error as SigstoreError

logging.getLogger("sigstore._internal.tuf").setLevel(logging.ERROR)  # else it warns of what is meant: that it asks nobody

_WRONG = (
    SigstoreError,
    PyAsn1Error,
    ExtensionNotFound,
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    KeyError,
    OSError,
)
"""What damaged attestations and certificates raise, and a trust root that cannot be read. All else ends the request."""


def read(provenance: bytes, filename: str, digest: str) -> tuple[Distribution, list[tuple[Publisher, Attestation]]]:
    """The attestations of a provenance, each with the publisher that it should be of.

    Raises:
        ValueError: it is no provenance, or the file's name is that of no package.
    """
    found = Provenance.model_validate_json(provenance)
    pairs = [(bundle.publisher, each) for bundle in found.attestation_bundles for each in bundle.attestations]
    return Distribution(name=filename, digest=digest), pairs


def problem_of(publisher: Publisher, attestation: Attestation, distribution: Distribution) -> str:
    """What is wrong with an attestation; "" when it is valid, of this publisher, and of this file."""
    try:
        attestation.verify(publisher, distribution, offline=True)
    except _WRONG as error:
        return str(error) or type(error).__name__
    return ""
