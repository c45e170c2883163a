"""What may be given out, and why not."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from headrace.mirror.index.page import Document

_DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a file is not given out.

    Attributes:
        reason: for the client and the log.
        until: when that may change by itself, in seconds since 1970; infinite when it does not.
    """

    reason: str
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a mirror. Patterns such as `acme-*` are of projects' normal names.

    Attributes:
        allow: only these projects are given out.
        deny: these are not, even if they are allowed.
        cooldown_days: a file is given out when it has been upstream for so long: time enough for others to find out what is
            wrong with it.
        cooldown_exceptions: other times, by pattern; the first that fits counts.
    """

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    cooldown_days: float = 0.0
    cooldown_exceptions: Mapping[str, float] = field(default_factory=dict)

    def judge_project(self, project: str) -> Verdict | None:
        """Why a project is not given out; None when it is."""
        found = _first(self.deny, project)
        if found is not None:
            return Verdict(f"{project} is denied by this mirror's policy (deny {found!r}); ask who runs the mirror")
        if _first(self.allow, project) is None:
            return Verdict(f"{project} is not among the projects that this mirror's policy allows; ask who runs the mirror")
        return None

    def judge(self, project: str, file: Document, now: float) -> Verdict | None:
        """Why a file is not given out at `now`, in seconds since 1970; None when it is."""
        verdict = self.judge_project(project)
        return verdict if verdict is not None else self._judge_age(project, file, now)

    def _judge_age(self, project: str, file: Document, now: float) -> Verdict | None:
        pattern = _first(self.cooldown_exceptions, project)
        days = self.cooldown_days if pattern is None else self.cooldown_exceptions[pattern]
        if days <= 0:
            return None
        uploaded = upload_time(file)
        name = file["filename"]
        if uploaded is None:
            return Verdict(f"{name} has no upload time, so that this mirror cannot tell whether it is {days:g} days old")
        until = uploaded + days * _DAY_SECONDS
        if now >= until:
            return None
        when = datetime.fromtimestamp(until).astimezone().isoformat(timespec="minutes")
        return Verdict(f"{name} is too new: this mirror gives out files after {days:g} days, this one from {when} on", until)


def upload_time(file: Document) -> float | None:
    """When a file came to be upstream, in seconds since 1970; None when its page does not say."""
    text = file.get("upload-time")
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.timestamp() if found.tzinfo is not None else None


def _first(patterns: tuple[str, ...] | Mapping[str, float], project: str) -> str | None:
    return next((pattern for pattern in patterns if fnmatch.fnmatchcase(project, pattern)), None)
