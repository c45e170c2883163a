"""Reads advisories in OSV's format."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.mirror.index.names import normalize
from headrace.mirror.policy.advisories.records import Advisory
from headrace.mirror.policy.advisories.severity import score

_ECOSYSTEM = "pypi"
_KINDS = ("introduced", "fixed", "last_affected")
_MAX_SUMMARY = 300


def read_osv(document: Any, where: str) -> tuple[dict[str, Advisory], float]:
    """What an OSV document says of Python's packages.

    Args:
        document: as JSON has it.
        where: it is from, for errors.

    Returns:
        The advisory of each project, by normal name: none for one that was withdrawn, or is about other packages; and when it
        was last changed, in seconds since 1970.

    Raises:
        DataLossError: it is no such document.
    """
    if not isinstance(document, dict) or not isinstance(document.get("id"), str) or not document["id"]:
        raise DataLossError(f"{where} is no advisory of OSV: it has no id")
    modified = _time(document.get("modified"), where)
    if document.get("withdrawn"):
        return {}, modified
    found: dict[str, Advisory] = {}
    for entry in _list(document, "affected", where):
        package = entry.get("package") if isinstance(entry, dict) else None
        if not isinstance(package, dict) or str(package.get("ecosystem", "")).partition(":")[0].lower() != _ECOSYSTEM:
            continue
        try:
            project = normalize(str(package.get("name", "")))
        except InvalidArgumentError:
            continue  # no name that anyone could ask for
        found[project] = _joined(found.get(project), _of_entry(document, entry, where))
    return found, modified


def _of_entry(document: dict[str, Any], entry: dict[str, Any], where: str) -> Advisory:
    ranges = []
    for each in _list(entry, "ranges", where):
        if not isinstance(each, dict) or each.get("type") == "GIT":
            continue
        events = [event for event in _list(each, "events", where) if isinstance(event, dict)]
        ranges.append(tuple((kind, str(event[kind])) for event in events for kind in _KINDS if kind in event))
    return Advisory(
        document["id"],
        tuple(sorted({str(each) for each in _list(document, "aliases", where)})),
        score(document, entry),
        " ".join(str(document.get("summary") or document.get("details") or "").split())[:_MAX_SUMMARY],
        tuple(str(each) for each in _list(entry, "versions", where)),
        tuple(ranges),
    )


def _joined(before: Advisory | None, found: Advisory) -> Advisory:
    """One advisory that names a project twice."""
    if before is None:
        return found
    known = max((each.score for each in (before, found) if each.score is not None), default=None)
    return Advisory(found.id, found.aliases, known, found.summary, before.versions + found.versions, before.ranges + found.ranges)


def _list(holder: dict[str, Any], key: str, where: str) -> list[Any]:
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DataLossError(f"{where} is no advisory of OSV: its {key!r} is no list")
    return value


def _time(text: Any, where: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise DataLossError(f"{where} is no advisory of OSV: its 'modified' is {str(text)[:40]!r}; expected a time") from None
    seconds = (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    return seconds if math.isfinite(seconds) else 0.0
