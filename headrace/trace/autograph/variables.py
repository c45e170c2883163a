"""Stand-ins for Python variables that have no value (yet), and how converted code reads variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Undefined:
    """What a variable that was not assigned holds in converted code."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<undefined {self.name}>"


class UndefinedReturnValue:
    """The return value of a converted function that has not returned yet."""

    __slots__ = ()


def load(value: Any) -> Any:
    """The value of a variable that converted code reads.

    Raises:
        UnboundLocalError: the variable was not assigned, as in Python.
    """
    if isinstance(value, Undefined):
        raise UnboundLocalError(f"'{value.name}' is used before assignment")
    return value


def load_or_undefined(read: Callable[[], Any], name: str) -> Any:
    """The value of an attribute or element, Undefined where there is none yet."""
    try:
        return read()
    except (KeyError, IndexError, AttributeError, NameError):
        return Undefined(name)
