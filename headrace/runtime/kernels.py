"""How many kernels the eager executor keeps: one is compiled for each combination of shapes, and a process may see any number.

A kernel takes about two megabytes. Once MOST_COMPILED programs were compiled since the last time, all eager kernels are forgotten;
those in use are compiled again, or come from the cache of executables (runtime/cache.py). Functions keep theirs.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax.monitoring

from headrace.dispatch import opdef

MOST_COMPILED = 1000
"""Programs between two times."""

_EVENT = "/jax/core/compile/backend_compile_duration"
_compiled = itertools.count(1)


def forget() -> None:
    """Drops every kernel of the eager executor; memory comes back once no call uses them."""
    for op in list(opdef.registered().values()):
        op.compiled.clear()
        if op.fast is not None:
            op.fast.clear()


def watch() -> None:
    """Starts to count what JAX compiles; called once, when the executor starts."""
    jax.monitoring.register_event_duration_secs_listener(_on_event)


def _on_event(event: str, duration_secs: float, **kwargs: Any) -> None:
    if event == _EVENT and next(_compiled) % MOST_COMPILED == 0:
        forget()
