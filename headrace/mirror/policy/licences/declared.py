"""Which licence a file's metadata declares."""

from __future__ import annotations

import email.parser
import email.policy
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from headrace.mirror.policy.licences.names import CLASSIFIERS, TEXTS

_PREFIX = "License ::"
_NO_LICENCE = ("OSI Approved", "DFSG approved")
"""Classifiers that say something about a licence, and not which."""
_MAX_EXPRESSION = 1000
_MAX_TOLD = 80


def declared(metadata: bytes) -> dict[str, str]:
    """The licence of a file with this core metadata.

    Returns:
        `expression`, of SPDX; or else `unknown`, which says why it cannot be told.
    """
    fields = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(metadata, headersonly=True)
    stated = _text(fields["License-Expression"])
    if stated:
        found = _canonical(stated)
        return {"expression": found} if found else {"unknown": f"its License-Expression {stated[:_MAX_TOLD]!r} is not one of SPDX"}
    classifiers = [_text(each) for each in fields.get_all("Classifier") or ()]
    names = [each.rpartition("::")[2].strip() for each in classifiers if each.startswith(_PREFIX)]
    names = [each for each in names if each not in _NO_LICENCE]
    text = _text(fields["License"])
    old = _old(text)
    found_all = sorted({CLASSIFIERS[each] for each in names if each in CLASSIFIERS} | ({old} if old else set()))
    vague = [each for each in names if each not in CLASSIFIERS]
    if found_all and (old or not vague):
        return {"expression": found_all[0] if len(found_all) == 1 else " AND ".join(f"({each})" for each in found_all)}
    said = vague or ([text] if text else [])
    return {"unknown": f"{said[0].splitlines()[0][:_MAX_TOLD]!r} may mean several licences" if said else "its metadata names none"}


def _old(text: str) -> str:
    """The SPDX expression that the old field means; "" when it may mean several, or is the licence's text."""
    if not text or "\n" in text:
        return ""
    name = " ".join(text.lower().split())
    for ending in (" license", " licence"):
        name = name.removesuffix(ending)
    return TEXTS.get(name) or TEXTS.get(" ".join(text.lower().split())) or _canonical(text) or _canonical(name)


def _canonical(text: str) -> str:
    if len(text) > _MAX_EXPRESSION:
        return ""
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return ""


def _text(value: Any) -> str:
    return str(value or "").strip()
