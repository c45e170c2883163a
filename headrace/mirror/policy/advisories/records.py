"""An advisory, and which versions it is of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packaging.version import Version

from headrace.mirror.policy.candidates import parsed

_MALICIOUS = "MAL-"
_LOWEST = Version("0.dev0")
_ORDER = {"fixed": 0, "introduced": 1, "last_affected": 2}


@dataclass(frozen=True, slots=True)
class Advisory:
    """What is known to be wrong with some versions of a project.

    Attributes:
        id: such as "GHSA-...", "PYSEC-...", "MAL-...".
        aliases: other ids of the same.
        score: CVSS, 0 to 10; None when nothing says.
        summary: one line.
        versions: those that are named.
        ranges: of versions: each a list of events (`introduced`, `fixed` or `last_affected`, and a version).
    """

    id: str
    aliases: tuple[str, ...]
    score: float | None
    summary: str
    versions: tuple[str, ...]
    ranges: tuple[tuple[tuple[str, str], ...], ...]

    @property
    def malicious(self) -> bool:
        """True when the package was made to do harm."""
        return any(each.startswith(_MALICIOUS) for each in (self.id, *self.aliases))

    @property
    def ids(self) -> frozenset[str]:
        """Its id and its aliases, in capitals."""
        return frozenset(each.upper() for each in (self.id, *self.aliases))


@dataclass(frozen=True, slots=True)
class Affected:
    """The versions of an advisory, made ready to be asked for.

    Attributes:
        texts: versions as they are written.
        versions: those of them that are versions, without local parts.
        spans: from the first to the second version, which is among them where the third says so; None is without end.
    """

    texts: frozenset[str]
    versions: frozenset[Version]
    spans: tuple[tuple[Version, Version | None, bool], ...]

    def has(self, text: str, version: Version | None) -> bool:
        """True for a version that is affected. A local version (`1.0+cu118`) is as the public one; one that cannot be read
        is in every range."""
        if text in self.texts:
            return True
        if version is None:
            return bool(self.spans)
        public = Version(version.public) if version.local else version
        return public in self.versions or any(
            first <= public and (last is None or public < last or (closed and public == last)) for first, last, closed in self.spans
        )


def affected(advisory: Advisory) -> Affected:
    """The versions of an advisory."""
    versions = (parsed(each) for each in advisory.versions)
    spans = tuple(span for events in advisory.ranges for span in _spans(events))
    return Affected(frozenset(advisory.versions), frozenset(each for each in versions if each is not None), spans)


def _spans(events: Iterable[tuple[str, str]]) -> Iterable[tuple[Version, Version | None, bool]]:
    """Events in the order of their versions. What cannot be read begins at the first version, or never ends."""
    read: list[tuple[Version, str]] = []
    for kind, text in events:
        version = _LOWEST if text == "0" else parsed(text)
        if version is not None:
            read.append((version, kind))
        elif kind == "introduced":
            read.append((_LOWEST, kind))
    first = None
    for version, kind in sorted(read, key=lambda event: (event[0], _ORDER[event[1]])):
        if kind == "introduced":
            first = first if first is not None else version
        elif first is not None:
            yield first, version, kind == "last_affected"
            first = None
    if first is not None:
        yield first, None, False
