"""tf.device: where ops run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headrace.dispatch import context
from headrace.runtime import devices


@contextmanager
def device(name: str | None) -> Iterator[None]:
    """Runs the ops inside on a device such as `/GPU:0`; None leaves the choice to Headrace.

    Raises:
        InvalidArgumentError: this host has no such device.
    """
    if name:
        devices.resolve(name)
    state = context.state()
    before, state.device = state.device, name or ""
    try:
        yield
    finally:
        state.device = before
