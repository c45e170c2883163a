"""Reads a policy from a file, whole or not at all."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.policy.rules import Policy
from headrace.mirror.policy.sections import read_advisories, read_licences, read_models, read_publishers
from headrace.mirror.policy.table import Table

_KEYS = (
    "allow",
    "deny",
    "cooldown_days",
    "cooldown_exceptions",
    "only_wheels",
    "only_wheels_exceptions",
    "yanked",
    "advisories",
    "licences",
    "publishers",
    "publisher_changes",
    "require_attestations",
    "models",
)
_MAX_BYTES = 16 << 20


def read_policy(path: Path) -> Policy:
    """The policy in a TOML file.

    Raises:
        InvalidArgumentError: the file cannot be read, or has mistakes; all of them are named.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES} bytes")
        found = tomllib.loads(data.decode())
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"the policy {path} cannot be read: {error}") from None
    return parse_policy(found, str(path))


def parse_policy(found: dict[str, Any], where: str) -> Policy:
    """The policy in a table that came from `where`. Raises as `read_policy`."""
    table = Table(found, _KEYS)
    exceptions = table.days_by_pattern("cooldown_exceptions")
    policy = Policy(
        allow=table.selectors("allow", ("*",)),
        deny=table.selectors("deny"),
        cooldown_days=table.days("cooldown_days"),
        cooldown_exceptions=exceptions,
        only_wheels=table.flag("only_wheels"),
        only_wheels_exceptions=table.patterns("only_wheels_exceptions"),
        yanked=table.choice("yanked", ("give", "refuse")) == "give",
        advisories=read_advisories(table),
        licences=read_licences(table),
        publishers=read_publishers(table),
        models=read_models(table),
    )
    if table.mistakes:
        raise InvalidArgumentError(f"the policy {where} has mistakes: {'; '.join(table.mistakes)}")
    return policy
