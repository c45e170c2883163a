"""tf.device: where ops run, and the log of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from headrace.dispatch import context
from headrace.dispatch.opdef import Attrs, OpDef
from headrace.dispatch.tensor import HOST, Tensor, device_name
from headrace.ir.graph import Graph
from headrace.runtime import devices, executable
from headrace.runtime.eager import EagerExecutor


@contextmanager
def device(device_name: str | None) -> Iterator[None]:
    """Runs the ops inside on a device such as `/GPU:0`; None leaves the choice to Headrace.

    Raises:
        ValueError: the name is malformed.
        InvalidArgumentError: this host has no such device, and soft placement is off.
    """
    if device_name:
        devices.resolve(device_name)
    state = context.state()
    before, state.device = state.device, device_name or ""
    try:
        yield
    finally:
        state.device = before


class _LoggingExecutor(EagerExecutor):
    """Runs ops, and writes a line to stderr for each: where it ran."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[int] = set()

    def run(self, op: OpDef, args: Sequence[Any], attrs: Attrs, name: str | None) -> tuple[Tensor, ...]:
        """Runs one op; see dispatch.context.Executor."""
        outputs = super().run(op, args, attrs, name)
        _log(f"Executing op {op.name} in device {outputs[0].device if outputs else HOST}")  # type: ignore[attr-defined]
        return outputs

    def call(self, graph: Graph, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Runs a graph; see dispatch.context.Executor. Its nodes are listed the first time."""
        if id(graph) not in self._shown:
            self._shown.add(id(graph))
            for line in placements(graph):
                _log(line)
        return super().call(graph, inputs)


def placements(graph: Graph) -> list[str]:
    """Where the nodes of a graph run once it is optimized, one line a node: `name: (Op): device`."""
    lines = []
    for segment in executable.of(graph).plan.segments:
        for node in segment.nodes:
            where = HOST if segment.on_host else device_name(devices.resolve(node.device))
            lines.append(f"{node.name}: ({node.op}): {where}")
    return lines


def _log(line: str) -> None:
    print(line, file=sys.stderr)


def set_log_device_placement(enabled: bool) -> None:
    """Writes to stderr where each op runs, and where the nodes of each tf.function do, from now on; or ends that."""
    if enabled is not get_log_device_placement():
        context.install(_LoggingExecutor() if enabled else EagerExecutor())


def get_log_device_placement() -> bool:
    """True while it is logged where ops run."""
    return isinstance(context.ThreadState.default_executor, _LoggingExecutor)
