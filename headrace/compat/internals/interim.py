"""tf.__internal__.distribute.interim: merge calls where they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.distribute.context import get_replica_context


def strategy_supports_no_merge_call() -> bool:
    """False: replicas merge by merge_call."""
    return False


def maybe_merge_call(fn: Callable[..., Any], strategy: Any, *args: Any, **kwargs: Any) -> Any:
    """`fn(strategy, *args, **kwargs)`, by a merge call when the program runs in a replica."""
    replica = get_replica_context()
    if replica is None:
        return fn(strategy, *args, **kwargs)
    return replica.merge_call(fn, args=args, kwargs=kwargs)
