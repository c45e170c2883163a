"""The part that needs pypi-attestations and sigstore.

The trust root is always the one that the package sigstore brings along. Its own way to it, which pypi-attestations takes, goes by a
folder in the home of whoever runs it: it needs one that can be written, and an upgrade of the package changes nothing there.
"""

from __future__ import annotations

import functools
import json
import threading

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import ExtensionNotFound
from packaging.utils import parse_sdist_filename, parse_wheel_filename
from pyasn1.error import PyAsn1Error
from pypi_attestations import Attestation, AttestationType, Distribution, Provenance, Publisher
from sigstore._internal.tuf import DEFAULT_TUF_URL
from sigstore._utils import read_embedded
from sigstore.errors import Error as SigstoreError
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier
from sigstore_models.trustroot.v1 import TrustedRoot as TrustedRootDocument

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
_STATEMENT = "https://in-toto.io/Statement/v1"
_PAYLOAD = "application/vnd.in-toto+json"

_lock = threading.Lock()


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
        with _lock:
            kind, payload = _verifier().verify_dsse(attestation.to_bundle(), publisher._as_policy())
    except _WRONG as error:
        return f"it cannot be verified: {error or type(error).__name__}"
    return "it is no statement" if kind != _PAYLOAD else _problem_of_statement(payload, distribution)


@functools.cache
def _verifier() -> Verifier:
    document = TrustedRootDocument.from_json(read_embedded("trusted_root.json", DEFAULT_TUF_URL))
    return Verifier(trusted_root=TrustedRoot(document))


def _problem_of_statement(payload: bytes, distribution: Distribution) -> str:
    """What is wrong with a statement that its publisher has signed (in-toto, as PEP 740 uses it)."""
    try:
        statement = json.loads(payload)
        (subject,) = statement["subject"]
        name, digest = subject["name"], subject["digest"]["sha256"]
        same = _parsed(name) == _parsed(distribution.name)
        kind, predicate = statement["_type"], statement["predicateType"]
    except (ValueError, TypeError, KeyError) as error:
        return f"its statement cannot be read: {error}"
    if kind != _STATEMENT or predicate not in {each.value for each in AttestationType}:
        return f"it states something else: {predicate}"
    if not same or digest != distribution.digest:
        return f"it is of another file: {name} with sha256 {digest}"
    return ""


def _parsed(filename: str) -> tuple[object, ...]:
    return parse_wheel_filename(filename) if filename.endswith(".whl") else parse_sdist_filename(filename)
