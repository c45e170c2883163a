"""tf.__internal__.eager_context, and the part of tensorflow.python.eager.context that Keras uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax

from headrace.dispatch.context import executing_eagerly as executing_eagerly
from headrace.dispatch.context import init_scope


@contextmanager
def eager_mode() -> Iterator[None]:
    """Leaves every graph under construction."""
    with init_scope():
        yield


def async_wait() -> None:
    """Waits for what was started; an error that came meanwhile is raised here."""
    jax.effects_barrier()


class Context:
    """The eager runtime, as far as libraries steer it."""

    def clear_kernel_cache(self) -> None:
        """Nothing: executables are freed with the functions that they belong to."""

    def ensure_initialized(self) -> None:
        """Nothing: devices are found at their first use."""

    executing_eagerly = staticmethod(executing_eagerly)


_context = Context()


def context() -> Context:
    """The one eager runtime."""
    return _context
