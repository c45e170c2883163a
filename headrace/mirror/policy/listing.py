"""Which names a policy lets into the list of all projects."""

from __future__ import annotations

from collections.abc import Callable

from headrace.mirror.policy.rules import Policy, selector


def listed_names(policy: Policy) -> Callable[[str], bool]:
    """Says of a normal name whether some version of its project may be given out, as far as the lists of the policy tell."""
    allowed = list(map(selector, policy.allow))
    denied = [each for each in map(selector, policy.deny) if each.versions is None]
    if not denied and any(each.pattern == "*" for each in allowed):
        return lambda _: True
    return lambda project: any(each.is_of(project) for each in allowed) and not any(each.is_of(project) for each in denied)
