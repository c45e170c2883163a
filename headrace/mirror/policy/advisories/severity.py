"""How bad an advisory is, as a CVSS score."""

from __future__ import annotations

from typing import Any

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

LEVELS = {"low": 0.1, "medium": 4.0, "moderate": 4.0, "high": 7.0, "critical": 9.0}
"""The least score of a level."""
_VECTORS = {"CVSS_V2": CVSS2, "CVSS_V3": CVSS3, "CVSS_V4": CVSS4}
_MAX_VECTOR = 500


def score(document: dict[str, Any], entry: dict[str, Any]) -> float | None:
    """The highest base score of an OSV document's vectors; without one, the least score of the level that its database gives.

    Args:
        document: the advisory.
        entry: of its `affected`, which may have vectors of its own.
    """
    found = [value for each in (entry, document) for value in _vectors(each)]
    if found:
        return max(found)
    for each in (entry, document):
        named = each.get("database_specific")
        level = str(named.get("severity", "")).lower() if isinstance(named, dict) else ""
        if level in LEVELS:
            return LEVELS[level]
    return None


def _vectors(holder: dict[str, Any]) -> list[float]:
    found = []
    listed = holder.get("severity")
    for each in listed if isinstance(listed, list) else ():
        kind = _VECTORS.get(str(each.get("type"))) if isinstance(each, dict) else None
        text = str(each.get("score", "")) if kind is not None else ""
        if kind is not None and len(text) <= _MAX_VECTOR:
            try:
                found.append(float(kind(text).base_score))
            except (CVSSError, ValueError):
                continue  # a damaged vector says nothing
    return found
