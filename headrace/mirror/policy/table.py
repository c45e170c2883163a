"""Reads values of a table of TOML, and collects what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.policy.rules import selector


class Table:
    """A table. Its readers give a default for a value that is missing or wrong.

    Args:
        found: the table.
        keys: those that it may have.
        name: stands before keys in mistakes.
        mistakes: the list to add to; a new one without.

    Attributes:
        mistakes: what is wrong.
    """

    def __init__(self, found: dict[str, Any], keys: Sequence[str], name: str = "", mistakes: list[str] | None = None) -> None:
        self.mistakes = mistakes if mistakes is not None else []
        self._found = found
        self._prefix = f"{name}." if name else ""
        self.mistakes += [
            f"{self._prefix + key!r} is not known; expected one of {', '.join(sorted(keys))}" for key in found if key not in keys
        ]

    def get(self, key: str) -> Any:
        """A value as it is; None when it is missing."""
        return self._found.get(key)

    def wrong(self, key: str, expected: str) -> None:
        """Notes that a value is wrong."""
        self.mistakes.append(f"{self._prefix + key!r} is {self._found.get(key)!r}; expected {expected}")

    def patterns(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of patterns."""
        value = self._found.get(key, list(default))
        if isinstance(value, list) and all(isinstance(each, str) and each for each in value):
            return tuple(value)
        self.wrong(key, "a list of patterns")
        return default

    def selectors(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of patterns, with or without versions."""
        found = self.patterns(key, default)
        for each in found:
            try:
                selector(each)
            except InvalidArgumentError as error:
                self.mistakes.append(f"{self._prefix + key!r}: {error.message}")
        return found

    def days(self, key: str) -> float:
        """A number of days, 0 without it."""
        value = self._found.get(key, 0)
        if _is_days(value):
            return float(value)
        self.wrong(key, "a number of days from 0 up")
        return 0.0

    def days_by_pattern(self, key: str) -> dict[str, float]:
        """A table of days."""
        value = self._found.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, "a table of days by pattern")
            return {}
        self.mistakes += [
            f"{pattern!r} is {days!r}; expected a number of days from 0 up" for pattern, days in value.items() if not _is_days(days)
        ]
        return {pattern: float(days) for pattern, days in value.items() if _is_days(days)}

    def flag(self, key: str) -> bool:
        """True or false, which it is without it."""
        value = self._found.get(key, False)
        if not isinstance(value, bool):
            self.wrong(key, "true or false")
        return value is True

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """One of some words, the first without it."""
        value = self._found.get(key, choices[0])
        if value not in choices:
            self.wrong(key, f"one of {', '.join(map(repr, choices))}")
            return choices[0]
        return str(value)

    def text(self, key: str) -> str:
        """A text, "" without it."""
        value = self._found.get(key, "")
        if not isinstance(value, str):
            self.wrong(key, "a text")
            return ""
        return value

    def inner(self, key: str, keys: Sequence[str]) -> Table | None:
        """A table in this one; None without it."""
        value = self._found.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(key, "a table")
            return None
        return Table(value, keys, f"{self._prefix}{key}", self.mistakes)

    def tables(self, key: str, keys: Sequence[str]) -> list[Table]:
        """A list of tables."""
        value = self._found.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.wrong(key, "a list of tables")
            return []
        return [Table(each, keys, f"{self._prefix}{key}[{place}]", self.mistakes) for place, each in enumerate(value, 1)]


def _is_days(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e5
