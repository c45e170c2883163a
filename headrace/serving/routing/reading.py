"""Tables of a configuration, read so that one error names everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence, Set
from typing import Any

from headrace.core.errors import InvalidArgumentError

_SHOWN = 20
_LARGEST = 1e300
_KINDS = {dict: "a table", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


class Table:
    """A table and what is wrong with it and those below it.

    The readers give a value of the right type also where the document has none: the fault is noted, and `finish` raises.

    Args:
        content: what stands there, of whatever type.
        where: names the place for people.
        allowed: the keys that it may have; None as long as `allow` has not said.
        problems: those found so far; a table below another shares its list.
    """

    def __init__(self, content: Any, where: str, allowed: Collection[str] | None = None, problems: list[str] | None = None) -> None:
        self._where = where
        self._problems = [] if problems is None else problems
        self._content: dict[str, Any] = content if isinstance(content, dict) else {}
        if not isinstance(content, dict):
            self.wrong(f"is {_kind(content)}; expected a table")
        if allowed is not None:
            self.allow(allowed)

    @property
    def given(self) -> Set[str]:
        """The keys that are there."""
        return self._content.keys()

    def allow(self, allowed: Collection[str]) -> None:
        """Notes every key that is not allowed."""
        for key in sorted(self._content.keys() - set(allowed)):
            self.wrong(f"has the unknown key {key[:80]!r}; expected some of {', '.join(sorted(allowed))}")

    def wrong(self, what: str) -> None:
        """Notes a fault of this table."""
        self._problems.append(f"{self._where}: {what}")

    def finish(self) -> None:
        """Raises InvalidArgumentError when something was wrong."""
        if self._problems:
            more = len(self._problems) - _SHOWN
            told = self._problems[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])
            raise InvalidArgumentError("; ".join(told))

    def table(self, key: str) -> Table:
        """The table under a key; an empty one when there is none."""
        return Table(self._content.get(key, {}), self._below(key), problems=self._problems)

    def tables(self, key: str, least: int, most: int) -> Iterator[Table]:
        """The tables of a list that has at least `least` and at most `most`."""
        content = self._content.get(key, [])
        if not isinstance(content, list):
            self.wrong(f"{key} is {_kind(content)}; expected a list of tables")
            return
        if not least <= len(content) <= most:
            self.wrong(f"{key} has {len(content)} entries; expected {least} to {most}")
        for number, item in enumerate(content[:most], 1):
            yield Table(item, f"{self._below(key)} {number}", problems=self._problems)

    def text(self, key: str, default: str | None, pattern: str) -> str:
        """A text that matches `pattern` as a whole; without a default it has to be there."""
        value = self._value(key, default, "text")
        if isinstance(value, str) and (re.fullmatch(pattern, value) or (key not in self._content)):
            return value
        if key in self._content:
            self.wrong(f"{key} is {_shown(value)}; expected text that matches {pattern}")
        return ""

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """A text that is one of `choices`."""
        value = self._value(key, None, "text")
        if value in choices:
            return str(value)
        if key in self._content:
            self.wrong(f"{key} is {_shown(value)}; expected one of {', '.join(choices)}")
        return ""

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._value(key, default, "true or false")
        if not isinstance(value, bool):
            self.wrong(f"{key} is {_shown(value)}; expected true or false")
        return value is True

    def number(self, key: str, default: float | None, least: float, most: float = _LARGEST) -> float:
        """A finite number from `least` to `most`; without a default it has to be there."""
        value = self._value(key, default, "a number")
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            return float(value)
        if key in self._content:
            self.wrong(f"{key} is {_shown(value)}; expected a number {_range(least, most)}")
        return least

    def optional(self, key: str, least: float, most: float = _LARGEST) -> float | None:
        """As `number`; None when it is not there."""
        return self.number(key, None, least, most) if key in self._content else None

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        value = self._value(key, default, "a whole number")
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(f"{key} is {_shown(value)}; expected a whole number {_range(least, most)}")
        return default

    def _value(self, key: str, default: Any, expected: str) -> Any:
        if key in self._content:
            return self._content[key]
        if default is None:
            self.wrong(f"{key} is missing; expected {expected}")
        return default

    def _below(self, key: str) -> str:
        key = key if len(key) <= 80 else f"{key[:77]}..."
        return key if self._where == "the document" else f"{self._where}.{key}"


def _range(least: float, most: float) -> str:
    return f"of at least {least:g}" if most >= _LARGEST else f"from {least:g} to {most:g}"


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
