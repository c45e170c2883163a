"""Where the program is: under which strategy, and inside of which replica."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.distribute.replica import ReplicaContext
    from headrace.distribute.strategy import Strategy


class _Place(threading.local):
    """The strategy in force in this thread, and the replica; no replica while the program speaks for all of them."""

    def __init__(self) -> None:
        self.strategy: Any = None
        self.replica: Any = None
        self.inside = False


_place = _Place()
_defaults: list[Any] = []
"""The strategy that is in force where no other is, and that of the whole program, which may have taken its place."""


def set_default(strategy: Any) -> None:
    """Makes a strategy the one in force where no other is."""
    _defaults[:] = [strategy, *_defaults[1:]]


def set_program_strategy(strategy: Any) -> None:
    """Puts the whole program under a strategy, or ends that with None."""
    _defaults[1:] = [] if strategy is None else [strategy]


def get_strategy() -> Strategy:
    """The strategy in force."""
    found: Strategy = _place.strategy if _place.inside else _defaults[-1]
    return found


def has_strategy() -> bool:
    """True under a strategy that the program chose."""
    return get_strategy() is not _defaults[0]


def get_replica_context() -> ReplicaContext | None:
    """The replica that the program runs in, None while it speaks for all of them."""
    if _place.inside:
        found: ReplicaContext | None = _place.replica
        return found
    strategy = get_strategy()
    return None if strategy is not _defaults[0] else strategy.extended.replica_context


def in_cross_replica_context() -> bool:
    """True while the program speaks for all replicas: inside `strategy.scope()`, outside of `strategy.run`."""
    return get_replica_context() is None


@contextmanager
def within(strategy: Any, replica: Any) -> Iterator[Any]:
    """Runs under a strategy, in one replica or (None) for all of them."""
    before = _place.strategy, _place.replica, _place.inside
    _place.strategy, _place.replica, _place.inside = strategy, replica, True
    try:
        yield strategy
    finally:
        _place.strategy, _place.replica, _place.inside = before
