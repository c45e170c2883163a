"""A helper process from the server's side: started with the least priority there is, waited for, and ended in any case."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO

from headrace.core.errors import CancelledError, InternalError, ResourceExhaustedError
from headrace.serving.preparing.helper import BEGUN
from headrace.serving.preparing.memory import anonymous
from headrace.serving.preparing.messages import Order, Outcome

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.05
_IDLE, _LOW = 19, 10
"""How nice a helper is: at first it runs only when nothing else wants to (SCHED_IDLE, where the system has it)."""
_PATIENCE_SECONDS = 20.0
_LEAST_SHARE = 0.1
"""A helper that got less of a core than this, for so long, is started anew with a priority that is only low: none can be raised."""
_MOST_BYTES = 256 << 20
_FIRST_TO_GO = 1000
_COMMAND = "from headrace.serving.preparing.helper import main; main({life}, {memory})"
_BLOCK_BYTES = 1 << 16


class NotStartedError(Exception):
    """No helper process can be had; the version may well be loaded without one."""


def run(order: Order, memory: int, cancelled: Callable[[], bool]) -> Outcome:
    """Has an order carried out by a process of its own.

    Args:
        order: what is to be prepared.
        memory: the file that takes what is compiled.
        cancelled: asked again and again; once true, the process is killed.

    Raises:
        NotStartedError: the process does not come into being.
        CancelledError: it was cancelled.
        ResourceExhaustedError: the process was killed, which most often the system does for want of memory.
        InternalError: it ended in another way without an answer.
    """
    try:
        told, status = _run(order, memory, cancelled, _IDLE)
    except _StarvedError:
        logger.warning("a helper process hardly runs on this busy machine; starting it anew with more priority")
        os.ftruncate(memory, 0)
        told, status = _run(order, memory, cancelled, _LOW)
    if status == -signal.SIGKILL:
        raise ResourceExhaustedError("the process that prepared the version was killed, most likely for want of memory")
    if status < 0:
        name = signal.Signals(-status).name
        raise InternalError(f"the process that prepared the version ended with {name}; its last lines are in the log")
    if not told.startswith(BEGUN):
        raise NotStartedError(f"the process ended with status {status} before it began")
    if status > 0:
        raise InternalError(f"the process that prepared the version ended with status {status}; its last lines are in the log")
    return Outcome.read(told[len(BEGUN) :])


def _run(order: Order, memory: int, cancelled: Callable[[], bool], niceness: int) -> tuple[bytes, int]:
    """What a helper tells, and its exit status."""
    with os.fdopen(anonymous(), "w+", encoding="utf-8") as orders:  # it may hold strings of requests
        orders.write(order.text())
        orders.seek(0)
        with _started(orders, memory, niceness) as process:
            starved = _Starving(process.pid) if niceness == _IDLE else None
            told = _answer(process, cancelled, starved)
            return told, process.wait()


class _StarvedError(Exception):
    """A helper gets no processor."""


class _Starving:
    """Tells whether a process hardly runs, where the system says how long it ran (Linux)."""

    def __init__(self, pid: int) -> None:
        self._times = Path(f"/proc/{pid}/stat")
        self._seconds = 0.0
        self._since = time.monotonic()

    def check(self) -> None:
        """Raises _StarvedError when the process got too little for too long."""
        if time.monotonic() - self._since < _PATIENCE_SECONDS or not self._times.exists():
            return
        user, system = self._times.read_text().rpartition(")")[2].split()[11:13]
        seconds = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        if seconds - self._seconds < _LEAST_SHARE * _PATIENCE_SECONDS:
            raise _StarvedError
        self._seconds, self._since = seconds, time.monotonic()


@contextlib.contextmanager
def _started(orders: IO[str], memory: int, niceness: int) -> Iterator[subprocess.Popen[bytes]]:
    """A helper; it is killed at the end of the `with` block, if it lives then, or when this process ends."""
    life, ours = os.pipe()
    try:
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _COMMAND.format(life=life, memory=memory)],
                stdin=orders,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                pass_fds=(life, memory),
                start_new_session=True,  # a terminal's Ctrl-C goes to the server alone
            )
        except OSError as error:
            raise NotStartedError(str(error)) from error
        finally:
            os.close(life)
        with process:
            try:
                _step_back(process.pid, niceness)
                yield process
            finally:
                process.kill()
    finally:
        os.close(ours)


def _step_back(pid: int, niceness: int) -> None:
    """Gives a process little priority, and lets it be the first to go when memory is short."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
        if sys.platform == "linux":
            os.sched_setaffinity(pid, corner(os.sched_getaffinity(0)))
            if niceness == _IDLE:
                os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
            Path(f"/proc/{pid}/oom_score_adj").write_text(str(_FIRST_TO_GO))


def corner(cores: Collection[int]) -> set[int]:
    """The cores that a helper keeps to, a quarter of them. One that moves about delays others, however low its priority.

    Linux takes a core that runs nothing but such a process for idle, and has others wait there until its next tick, 4 ms at most.
    """
    return set(sorted(cores)[-max(1, len(cores) // 4) :])


def _answer(process: subprocess.Popen[bytes], cancelled: Callable[[], bool], starved: _Starving | None) -> bytes:
    """All that a process writes to its standard output until it ends."""
    assert process.stdout is not None
    told = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if cancelled():
                raise CancelledError("the version is not wanted any more")
            if starved is not None:
                starved.check()
            if not selector.select(_LOOK_SECONDS):
                continue
            block = os.read(process.stdout.fileno(), _BLOCK_BYTES)
            if not block:
                return bytes(told)
            told += block
            if len(told) > _MOST_BYTES:
                raise InternalError(f"the process that prepared the version tells more than {_MOST_BYTES} bytes of it")
