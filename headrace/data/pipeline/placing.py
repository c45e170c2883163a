"""Elements put on a device ahead of their use."""

from __future__ import annotations

from typing import Any

import jax

from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.stage import UNKNOWN, Cursor, Run, Stage, State


class ToDevice(Stage):
    """The same elements on a device; strings stay on the host."""

    kind = "copy_to_device"

    def __init__(self, source: Stage, device: Any) -> None:
        super().__init__((source,), source.element_spec)
        self._device = device

    def cardinality(self) -> int:
        """Unknown, as in TensorFlow."""
        return UNKNOWN

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _DeviceCursor(run.open(self.inputs[0]), self._device)


class _DeviceCursor(Cursor):
    __slots__ = ("_device",)

    def __init__(self, source: Cursor, device: Any) -> None:
        super().__init__(source)
        self._device = device

    def next(self) -> Element:
        """See Cursor.next."""
        return tuple(part if part.dtype.kind == "O" else jax.device_put(part, self._device) for part in self.inputs[0].next())

    def state(self) -> State:
        """See Cursor.state."""
        return self.inputs[0].state()

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self.inputs[0].restore(state)
