"""What a mirror's rules say; `judge` applies them."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.policy.models import ModelPolicy

_SELECTOR = re.compile(r"((?:(?!!=)[^<>=~\s])+)\s*(.*)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a file.

    Attributes:
        reason: for the client and the log.
        until: when that may change by itself, in seconds since 1970; infinite when it does not.
        rule: the name of the rule.
        refused: the file is not given out. Else it is, although the rule would refuse it, because of an exception.
        pending: the rule has to look at more of the file than its page, and has not yet.
        optional: of one that is pending: the file is given out all the same when it cannot be looked at now.
        alert: the name of an event that somebody should know of; "" for none.
    """

    reason: str
    until: float = math.inf
    rule: str = ""
    refused: bool = True
    pending: bool = False
    optional: bool = False
    alert: str = ""


@dataclass(frozen=True, slots=True)
class Selector:
    """Projects, and which versions of them, such as `torch<2.0` or `acme-*`.

    Attributes:
        text: as it was written.
        pattern: of projects' normal names.
        versions: None for all.
    """

    text: str
    pattern: str
    versions: SpecifierSet | None

    def is_of(self, project: str) -> bool:
        """True when the pattern fits a project."""
        return fnmatch.fnmatchcase(project, self.pattern)

    def has(self, version: Version) -> bool:
        """True for a version that it means."""
        return self.versions is None or self.versions.contains(version, prereleases=True)


def selector(text: str) -> Selector:
    """A pattern of names, with or without a version specifier (PEP 440).

    Raises:
        InvalidArgumentError: it is none.
    """
    found = _SELECTOR.fullmatch(text.strip())
    try:
        if found is None:
            raise InvalidSpecifier(text)
        return Selector(text, found[1], SpecifierSet(found[2]) if found[2] else None)
    except InvalidSpecifier:
        raise InvalidArgumentError(f"{text!r} is no pattern of projects; expected such as 'acme-*' or 'torch<2.0'") from None


@dataclass(frozen=True, slots=True)
class AdvisoryException:
    """An advisory, or those of some projects, that count for nothing for a while.

    Attributes:
        advisory: its id, or one of its aliases; "" for all of `project` but those of malicious packages.
        project: a pattern; "*" where the advisory alone counts.
        until: the first moment after it, in seconds since 1970.
        reason: why.
    """

    advisory: str
    project: str
    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class AdvisoryRules:
    """What advisories mean. Those of malicious packages (`MAL-...`) always refuse.

    Attributes:
        required: without an imported database every file is refused.
        minimum: the CVSS score from which an advisory refuses; above 10 none does.
        unrated: an advisory without a score refuses too.
        exceptions: see AdvisoryException.
    """

    required: bool = False
    minimum: float = math.inf
    unrated: bool = False
    exceptions: tuple[AdvisoryException, ...] = ()


@dataclass(frozen=True, slots=True)
class LicenceRules:
    """Which licences are given out.

    Attributes:
        allow: patterns of SPDX ids; empty allows all that are not denied.
        deny: these are not given out, even if they are allowed.
        unknown: files whose licence cannot be told are given out.
        exceptions: patterns of projects that are not looked at.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    unknown: bool = False
    exceptions: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """True when there is something to look at."""
        return bool(self.allow or self.deny or not self.unknown)


@dataclass(frozen=True, slots=True)
class PublisherRules:
    """Who must have published a file (PEP 740).

    Attributes:
        pinned: by pattern of projects, the identities of which one must have attested each file; the first pattern that fits
            counts. An identity has `kind` and the fields that its kind has; those left out may have any value. Where there is
            none at all, the projects may be published by anyone.
        required: patterns of projects whose files need an attestation, whosever it is.
        changes: what is done about a project whose publisher is not the one it had at first: "", "report" or "block".
    """

    pinned: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    changes: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a mirror. Patterns such as `acme-*` are of projects' normal names.

    Attributes:
        allow: only these are given out: patterns, or patterns with versions such as `torch>=2`.
        deny: these are not, even if they are allowed.
        cooldown_days: a file is given out when it has been upstream for so long: time enough for others to find out what is
            wrong with it.
        cooldown_exceptions: other times, by pattern; the first that fits counts.
        only_wheels: other files, whose installation runs code of theirs, are not given out.
        only_wheels_exceptions: patterns of projects that may have others.
        yanked: whether files that were yanked upstream (PEP 592) are given out.
        advisories: what is known of vulnerabilities and malice.
        licences: None looks at no licence.
        publishers: who must have published a file.
        models: the rules for model hubs.
    """

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    cooldown_days: float = 0.0
    cooldown_exceptions: Mapping[str, float] = field(default_factory=dict)
    only_wheels: bool = False
    only_wheels_exceptions: tuple[str, ...] = ()
    yanked: bool = True
    advisories: AdvisoryRules = field(default_factory=AdvisoryRules)
    licences: LicenceRules | None = None
    publishers: PublisherRules = field(default_factory=PublisherRules)
    models: ModelPolicy = field(default_factory=ModelPolicy)


def first_pattern(patterns: Iterable[str], project: str) -> str | None:
    """The first of some patterns that fits a project; None when none does."""
    return next((pattern for pattern in patterns if fnmatch.fnmatchcase(project, pattern)), None)
