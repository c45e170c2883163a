"""An advisory, and which versions it is of."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
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


class Affecting:
    """The advisories of a project by version. What is said of a version is worked out once.

    The versions at which a range begins or ends are put in order once. Each version then has a rank among them, even between two of
    them and odd on one, and a range is two ranks: so it costs two comparisons of numbers.

    Args:
        advisories: all of the project.
    """

    def __init__(self, advisories: Sequence[Advisory]) -> None:
        self.advisories = tuple(advisories)
        spans = [(place, span) for place, each in enumerate(advisories) for events in each.ranges for span in _spans(events)]
        self._bounds = sorted({bound for _, (first, last, _) in spans for bound in (first, last) if bound is not None})
        self._spans = [(place, *self._ranks(*span)) for place, span in spans]
        self._named: dict[str | Version, set[int]] = {}
        for place, each in enumerate(advisories):
            for text in each.versions:
                for key in (text, parsed(text)):
                    if key is not None:
                        self._named.setdefault(key, set()).add(place)
        self._known: dict[str, tuple[Advisory, ...]] = {}

    def of(self, text: str, version: Version | None) -> tuple[Advisory, ...]:
        """Those of a version. A local one (`1.0+cu118`) is as the public one; one that cannot be read is in every range.

        Args:
            text: the version as it is written.
            version: as it is read; None when it is none.
        """
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = tuple(self.advisories[place] for place in sorted(self._places(text, version)))
        return known

    def _places(self, text: str, version: Version | None) -> set[int]:
        found = set(self._named.get(text, ()))
        if version is None:
            return found | {place for place, _, _ in self._spans}
        public = Version(version.public) if version.local else version
        found |= self._named.get(public, set())
        rank = self._rank(public)
        return found | {place for place, first, last in self._spans if first <= rank <= last}

    def _rank(self, version: Version) -> int:
        place = bisect.bisect_left(self._bounds, version)
        return 2 * place + (place < len(self._bounds) and self._bounds[place] == version)

    def _ranks(self, first: Version, last: Version | None, closed: bool) -> tuple[int, int]:
        """The least and the greatest rank in a range."""
        if last is None:
            return self._rank(first), 2 * len(self._bounds)
        return self._rank(first), self._rank(last) - (not closed)


def _spans(events: Iterable[tuple[str, str]]) -> Iterable[tuple[Version, Version | None, bool]]:
    """Ranges of versions: from the first to the second, which is in it where the third says so; None is without end.

    The events may stand in any order. What cannot be read begins at the first version, or never ends.
    """
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
