"""Loads the runtime for those who come to it by another door than the names of `tf.*`."""

from __future__ import annotations

from collections.abc import Callable

_load: list[Callable[[], None]] = []


def on_first_use(load: Callable[[], None]) -> None:
    """Says what loads the runtime. Called once, by the package itself."""
    _load[:] = [load]


def load() -> None:
    """Loads the runtime; called by whoever needs it and finds that it is not there."""
    for each in _load:
        each()
