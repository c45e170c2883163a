"""Verifies provenances (PEP 740) without network. The extra `attestations` is imported when the first one is verified."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from headrace.mirror.policy.attestations.identities import FIELDS

logger = logging.getLogger(__name__)

_MOST = 20
"""Attestations of a file that are looked at."""
_MAX_PROBLEM = 200


@dataclass(frozen=True, slots=True)
class Verified:
    """What a provenance proves.

    Attributes:
        publishers: whose attestations of the file are valid.
        problems: what is wrong with the others.
    """

    publishers: list[dict[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def verify(provenance: bytes, filename: str, digest: str) -> Verified:
    """Verifies what a provenance says of a file, against Sigstore's trust root as the package `sigstore` brings it along.

    Args:
        provenance: PEP 740's JSON document.
        filename: the file's name.
        digest: the file's sha256, in hex.
    """
    try:
        from headrace.mirror.policy.attestations import sigstore_checks  # noqa: PLC0415  an optional extra
    except ImportError as error:
        return Verified(
            [], [f"attestations cannot be verified here, since {error.name} is missing: pip install 'headrace[attestations]'"]
        )
    try:
        distribution, bundles = sigstore_checks.read(provenance, filename, digest)
    except ValueError as error:
        return Verified([], [_short(f"the provenance cannot be read: {error}")])
    found = Verified()
    for publisher, attestation in bundles[:_MOST]:
        problem = sigstore_checks.problem_of(publisher, attestation, distribution)
        if problem:
            found.problems.append(_short(problem))
        else:
            identity = _identity(publisher.model_dump())
            found.publishers.extend([identity] if identity not in found.publishers else [])
    if not bundles:
        found.problems.append("the provenance has no attestation")
    return found


def _identity(dumped: dict[str, Any]) -> dict[str, str]:
    kind = str(dumped["kind"])
    return {"kind": kind, **{key: str(dumped[key]) for key in FIELDS.get(kind, ()) if dumped.get(key)}}


def _short(text: str) -> str:
    return " ".join(text.split())[:_MAX_PROBLEM]
