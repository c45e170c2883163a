"""Reads a policy from a file, whole or not at all."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.policy.rules import Policy

_KEYS = {"allow", "deny", "cooldown_days", "cooldown_exceptions"}


def read_policy(path: Path) -> Policy:
    """The policy in a TOML file.

    Raises:
        InvalidArgumentError: the file cannot be read, or has mistakes; all of them are named.
    """
    try:
        found = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"the policy {path} cannot be read: {error}") from None
    mistakes = [f"{key!r} is not known; expected one of {', '.join(sorted(_KEYS))}" for key in found if key not in _KEYS]
    mistakes += [
        f"{key!r} is {found[key]!r}; expected a list of patterns" for key in ("allow", "deny") if not _patterns(found, key)
    ]
    exceptions = found.get("cooldown_exceptions", {})
    if not isinstance(exceptions, dict):
        mistakes.append(f"'cooldown_exceptions' is {exceptions!r}; expected a table of days by pattern")
        exceptions = {}
    days = {"cooldown_days": found.get("cooldown_days", 0), **exceptions}
    mistakes += [f"{key!r} is {value!r}; expected a number of days from 0 up" for key, value in days.items() if not _is_days(value)]
    if mistakes:
        raise InvalidArgumentError(f"the policy {path} has mistakes: {'; '.join(mistakes)}")
    return Policy(
        tuple(found.get("allow", ("*",))),
        tuple(found.get("deny", ())),
        float(days["cooldown_days"]),
        {pattern: float(value) for pattern, value in exceptions.items()},
    )


def _patterns(found: dict[str, Any], key: str) -> bool:
    value = found.get(key, [])
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)


def _is_days(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e5
