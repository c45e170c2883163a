"""Identities of publishers: what a policy may ask for, and whether a publisher is one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FIELDS = {
    "GitHub": ("repository", "workflow", "environment"),
    "GitLab": ("repository", "workflow_filepath", "environment"),
    "Google": ("email",),
    "CircleCI": ("project_id", "pipeline_definition_id", "vcs_origin", "vcs_ref"),
}
"""The kinds of publishers that attest, and what identifies one. The first field must be given."""
_FOLDED = ("repository", "vcs_origin")
"""Fields whose case does not count at their hosts."""


def mistake_of(identity: Any) -> str:
    """What is wrong with an identity in a policy; "" when nothing is."""
    if not isinstance(identity, dict) or identity.get("kind") not in FIELDS:
        kind = identity.get("kind") if isinstance(identity, dict) else identity
        return f"{kind!r} is no kind of publisher that attests; expected a table whose 'kind' is one of {', '.join(FIELDS)}"
    known = FIELDS[identity["kind"]]
    wrong = [
        key for key, value in identity.items() if key != "kind" and (key not in known or not isinstance(value, str) or not value)
    ]
    if wrong:
        return f"{', '.join(wrong)}: expected texts, of {', '.join(known)}"
    if known[0] not in identity:
        return f"{known[0]!r} is missing"
    return ""


def fits(wanted: Mapping[str, str], publisher: Mapping[str, str]) -> bool:
    """True when a publisher has all that an identity asks for."""
    return all(_folded(key, publisher.get(key, "")) == _folded(key, value) for key, value in wanted.items())


def fits_any(wanted: Sequence[Mapping[str, str]], publishers: Sequence[Mapping[str, str]]) -> bool:
    """True when one of the publishers is one of the identities."""
    return any(fits(identity, publisher) for identity in wanted for publisher in publishers)


def told(identity: Mapping[str, str]) -> str:
    """An identity in words."""
    rest = " ".join(identity[key] for key in FIELDS.get(identity.get("kind", ""), ()) if identity.get(key))
    return f"{identity.get('kind', '?')} {rest}".strip()


def _folded(key: str, value: str) -> str:
    return value.lower() if key in _FOLDED else value
