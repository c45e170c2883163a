"""Reads an access configuration: TOML, checked whole, with every mistake named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.core import toml
from headrace.core.errors import InvalidArgumentError
from headrace.serving.access.callers import PREDICT, ROLES, Caller, Limits
from headrace.serving.access.policy import Policy

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}")
_MAX_CALLERS = 1000
_MOST_BYTES = 8 << 20
_LIMITS = ("requests_per_second", "burst", "body_bytes_per_second")
_ANONYMOUS_KEYS = {"roles", "models", *_LIMITS}
_CALLER_KEYS = _ANONYMOUS_KEYS | {"token_sha256", "certificates"}


def parse_access(data: bytes, source: str) -> Policy:
    """The policy that a text stands for.

    Args:
        data: the text.
        source: names it in errors.

    Raises:
        InvalidArgumentError: it is too long, no TOML, or has mistakes; the error names all of them.
    """
    content = toml.parse(data, source, _MOST_BYTES)
    reader = _Reader()
    policy = reader.policy(content)
    if reader.mistakes:
        raise InvalidArgumentError(f"{source}: {'; '.join(reader.mistakes)}")
    return policy


@dataclass(slots=True)
class _Reader:
    """Collects mistakes, so that one look at the file mends all."""

    mistakes: list[str] = field(default_factory=list)

    def policy(self, content: Mapping[str, Any]) -> Policy:
        self._no_others("the file", content, {"callers", "anonymous"})
        tokens: dict[str, Caller] = {}
        certificates: dict[str, Caller] = {}
        callers = self._table("callers", content.get("callers", {}))
        if len(callers) > _MAX_CALLERS:
            self.mistakes.append(f"there are {len(callers)} callers; expected at most {_MAX_CALLERS}")
        for name, given in callers.items():
            place = f"callers.{name}"
            table = self._table(place, given)
            if not _NAME.fullmatch(name):
                self.mistakes.append(f"{place}: expected a name of at most 64 letters, digits and ._@-")
            self._no_others(place, table, _CALLER_KEYS)
            caller = self._caller(name, place, table)
            hashes, names = self._strings(place, table, "token_sha256"), self._strings(place, table, "certificates")
            if not hashes and not names:
                self.mistakes.append(f"{place}: expected token_sha256 or certificates, by which the caller is known")
            if any(not _HASH.fullmatch(each) for each in hashes):  # what stands there may be a token: it is not repeated
                self.mistakes.append(f"{place}.token_sha256: expected 64 hex digits, as `headrace serve-token` prints them")
            self._add(tokens, hashes, caller, f"{place}.token_sha256")
            self._add(certificates, names, caller, f"{place}.certificates")
        anonymous = None
        if "anonymous" in content:
            table = self._table("anonymous", content["anonymous"])
            self._no_others("anonymous", table, _ANONYMOUS_KEYS)
            anonymous = self._caller("", "anonymous", table)
        if not callers and anonymous is None:
            self.mistakes.append("nobody may ask anything: expected [callers.NAME] or [anonymous]")
        return Policy(tokens, certificates, anonymous)

    def _caller(self, name: str, place: str, table: Mapping[str, Any]) -> Caller:
        roles = self._strings(place, table, "roles")
        if not roles:
            self.mistakes.append(f"{place}.roles: expected some of {', '.join(sorted(ROLES))}")
        for role in sorted(set(roles) - ROLES):
            self.mistakes.append(f"{place}.roles: {role!r} is no role; expected some of {', '.join(sorted(ROLES))}")
        models = self._strings(place, table, "models")
        if PREDICT in roles and not models:
            self.mistakes.append(f'{place}.models: expected the models of the role predict, such as ["risk-*"], or ["*"] for all')
        return Caller(name, frozenset(roles), tuple(models), self._limits(place, table))

    def _limits(self, place: str, table: Mapping[str, Any]) -> Limits:
        found: dict[str, float] = {}
        for key in _LIMITS:
            value = table.get(key)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e15:
                self.mistakes.append(f"{place}.{key} is {str(value)[:40]!r}; expected a number above 0")
            else:
                found[key] = float(value)
        if "burst" in found and "requests_per_second" not in found:
            self.mistakes.append(f"{place}.burst has no requests_per_second beside it")
        if found.get("burst", 1.0) < 1:
            self.mistakes.append(f"{place}.burst is {found['burst']:g}; expected at least 1 request")
        if "requests_per_second" in found:
            found.setdefault("burst", max(1.0, found["requests_per_second"]))
        return Limits(**found)

    def _strings(self, place: str, table: Mapping[str, Any], key: str) -> list[str]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
            self.mistakes.append(f"{place}.{key}: expected a list of strings")
            return []
        return value

    def _table(self, place: str, value: Any) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        self.mistakes.append(f"{place}: expected a table")
        return {}

    def _no_others(self, place: str, table: Mapping[str, Any], known: set[str]) -> None:
        for key in sorted(table.keys() - known):
            self.mistakes.append(f"{place} has {key!r}; expected some of {', '.join(sorted(known))}")

    def _add(self, found: dict[str, Caller], keys: list[str], caller: Caller, place: str) -> None:
        for key in keys:
            if key in found:
                self.mistakes.append(f"{place}: an entry is there twice, also for {found[key].name}; each stands for one caller")
            found[key] = caller
