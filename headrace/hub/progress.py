"""A bar on stderr for transfers that take long, where somebody looks."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

_QUIET_SECONDS = 1.5


@contextlib.contextmanager
def transfer(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Shows how far a transfer is, once it has taken a while; gives what is told how many bytes went.

    Args:
        what: goes.
        total: bytes; None when that is not known.
    """
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(what, total=total)
    begun = time.monotonic()

    def told(size: int) -> None:
        bar.advance(task, size)
        if not bar.live.is_started and console.is_terminal and time.monotonic() - begun > _QUIET_SECONDS:
            bar.start()

    try:
        yield told
    finally:
        if bar.live.is_started:
            bar.stop()
