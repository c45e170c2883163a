"""The rules that a project's page is enough for: lists of projects, kinds of files, yanked files, and age.

A rule is bound to a project once, and its check then looks at each of the project's files.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime

from headrace.mirror.policy.candidates import Candidate
from headrace.mirror.policy.rules import Policy, Selector, Verdict, first_pattern, selector

Check = Callable[[Candidate, float], Verdict | None]
"""What a rule says of a file of one project at a time, in seconds since 1970."""

_ASK = "ask who runs the mirror"
_DAY_SECONDS = 86400.0

_selector = functools.lru_cache(maxsize=4096)(selector)


def projects(policy: Policy, project: str) -> Check | None:
    """The lists of what is allowed and denied."""
    denied = [each for each in map(_selector, policy.deny) if each.is_of(project)]
    allowed = [each for each in map(_selector, policy.allow) if each.is_of(project)]
    whole = next((each for each in denied if each.versions is None), None)
    if whole is not None:
        return _always(f"{project} is denied by this mirror's policy (deny {whole.text!r}); {_ASK}")
    if not allowed:
        return _always(f"{project} is not among the projects that this mirror's policy allows; {_ASK}")
    if any(each.versions is None for each in allowed):
        allowed = []
    return functools.partial(_versions, denied, allowed) if denied or allowed else None


def _versions(denied: list[Selector], allowed: list[Selector], found: Candidate, _: float) -> Verdict | None:
    version = found.version
    if version is None:
        return Verdict(f"{found.name} has no version that this mirror could compare with its policy; {_ASK}")
    wrong = next((each for each in denied if each.has(version)), None)
    if wrong is not None:
        return Verdict(f"{found.name} is denied by this mirror's policy (deny {wrong.text!r}); {_ASK}")
    if allowed and not any(each.has(version) for each in allowed):
        told = ", ".join(each.text for each in allowed)
        return Verdict(f"{found.name} is not among the versions that this mirror's policy allows ({told}); {_ASK}")
    return None


def file_types(policy: Policy, project: str) -> Check | None:
    """No code that runs when it is installed."""
    if not policy.only_wheels or first_pattern(policy.only_wheels_exceptions, project) is not None:
        return None
    return _wheel


def _wheel(found: Candidate, _: float) -> Verdict | None:
    if found.is_wheel:
        return None
    return Verdict(f"{found.name} is no wheel; this mirror gives out wheels only, since installing others runs their code")


def yanked(policy: Policy, _: str) -> Check | None:
    """What its authors have taken back."""
    return None if policy.yanked else _not_yanked


def _not_yanked(found: Candidate, _: float) -> Verdict | None:
    why = found.file.get("yanked")
    if not why:
        return None
    told = f": {why}" if isinstance(why, str) else ""
    return Verdict(f"{found.name} was yanked upstream, and this mirror's policy does not give out such files{told}")


def age(policy: Policy, project: str) -> Check | None:
    """Time enough for others to find out what is wrong with a file."""
    pattern = first_pattern(policy.cooldown_exceptions, project)
    days = policy.cooldown_days if pattern is None else policy.cooldown_exceptions[pattern]
    return functools.partial(_old, days) if days > 0 else None


def _old(days: float, found: Candidate, now: float) -> Verdict | None:
    uploaded = found.uploaded
    if uploaded is None:
        return Verdict(f"{found.name} has no upload time, so that this mirror cannot tell whether it is {days:g} days old")
    until = uploaded + days * _DAY_SECONDS
    if now >= until:
        return None
    when = _told(until)
    return Verdict(f"{found.name} is too new: this mirror gives out files after {days:g} days, this one from {when} on", until)


def _told(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="minutes")
    except (ValueError, OverflowError, OSError):  # upstream names a year that no calendar has
        return "a time that never comes"


def _always(reason: str) -> Check:
    verdict = Verdict(reason)
    return lambda _found, _now: verdict
