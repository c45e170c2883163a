"""Attestations that come with an upload, kept as the provenance of its file (PEP 740).

Their signatures are for those to verify who install. What is checked here is that they are about this very file.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from headrace.core.errors import InvalidArgumentError

_MAX_ATTESTATIONS = 16
PUBLISHER = "headrace-token"
"""The kind of publisher that a provenance of this mirror names: who held a token."""


def provenance(text: str, filename: str, digest: str, uploader: str) -> bytes:
    """The provenance object of a file, as JSON.

    Args:
        text: the field `attestations` of the upload: a JSON list of attestation objects.
        filename: the file's name.
        digest: the file's sha256.
        uploader: the name that the token stands for.

    Raises:
        InvalidArgumentError: it is no list of attestations, or one is about another file.
    """
    try:
        attestations = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"the attestations of {filename} are no JSON: {error}") from None
    if not isinstance(attestations, list) or not 0 < len(attestations) <= _MAX_ATTESTATIONS:
        raise InvalidArgumentError(f"the attestations of {filename} must be a list of 1 to {_MAX_ATTESTATIONS}")
    for place, attestation in enumerate(attestations, 1):
        problem = _problem(attestation, filename, digest)
        if problem:
            raise InvalidArgumentError(f"attestation {place} of {filename} {problem}")
    publisher = {"kind": PUBLISHER, "claims": None, "name": uploader}
    bundle = {"publisher": publisher, "attestations": attestations}
    return json.dumps({"version": 1, "attestation_bundles": [bundle]}, separators=(",", ":")).encode()


def _problem(attestation: Any, filename: str, digest: str) -> str:
    """What is wrong with an attestation; "" when nothing is."""
    if not isinstance(attestation, dict) or attestation.get("version") != 1:
        return "is no attestation object of version 1"
    envelope = attestation.get("envelope")
    if not isinstance(attestation.get("verification_material"), dict) or not isinstance(envelope, dict):
        return 'lacks its "verification_material" or its "envelope"'
    if not isinstance(envelope.get("signature"), str) or not isinstance(envelope.get("statement"), str):
        return "has an envelope without a statement and a signature"
    try:
        statement = json.loads(base64.b64decode(envelope["statement"], validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return "has a statement that is no JSON in base64"
    subjects = statement.get("subject") if isinstance(statement, dict) else None
    if not isinstance(subjects, list) or len(subjects) != 1 or not isinstance(subjects[0], dict):
        return "has a statement that is not about one file"
    named, digests = subjects[0].get("name"), subjects[0].get("digest")
    if named != filename or not isinstance(digests, dict) or digests.get("sha256") != digest:
        return f"is about another file: {str(named)[:80]!r}, or another content of it"
    return ""
