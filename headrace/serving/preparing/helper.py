"""The process that prepares one version: it loads, chooses, compiles and warms up, hands over what came of it, and ends."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading

from headrace.core import log_lines
from headrace.core.errors import OpError, ResourceExhaustedError, UnknownError
from headrace.serving.engines.base import Portable
from headrace.serving.engines.selection import made_of
from headrace.serving.making import make
from headrace.serving.preparing.memory import Filling
from headrace.serving.preparing.messages import Order, Outcome, asked_of

logger = logging.getLogger(__name__)

BEGUN = b"begun\n"
"""What it says first, before the outcome."""

_PR_SET_PDEATHSIG = 1


def main(life: int, memory: int) -> None:
    """Carries out the order on standard input, and writes the outcome to standard output.

    Args:
        life: a pipe that closes when the server is gone, and this process has nobody to work for.
        memory: the file that takes what is compiled.
    """
    _end_with_server(life)
    answer = os.dup(1)
    os.dup2(2, 1)  # libraries may print
    with os.fdopen(answer, "wb") as answers:
        answers.write(BEGUN)
        answers.flush()
        order = Order.read(sys.stdin.read())
        log_lines.configure(order.log_level)
        answers.write(prepare(order, memory).text().encode())
    os._exit(0)  # the system takes everything back at once


def prepare(order: Order, memory: int) -> Outcome:
    """What comes of an order; the compiled programs go to the file `memory`."""
    seconds: list[float] = []
    try:
        made = make(
            made_of(order.recipe),
            order.wanted,
            order.how,
            order.before,
            lambda: False,
            lambda path, taken, error: seconds.append(taken),
        )
        told = made.loaded.hand_over(Filling(memory).store) if isinstance(made.loaded, Portable) else {}
    except MemoryError as error:
        return Outcome(ResourceExhaustedError(f"not enough memory to load: {error}"))
    except OpError as error:
        return Outcome(error, seconds[0] if seconds else None)
    except Exception as error:  # whatever a version does while it loads
        logger.exception("load failed in an unforeseen way", extra=log_lines.fields(path=order.wanted.path))
        return Outcome(UnknownError(f"{type(error).__name__}: {error}"))
    servable = made.servable
    return Outcome(
        None, seconds[0] if seconds else None, servable.digest, servable.signatures, told, asked_of(servable), made.learned
    )


def _end_with_server(life: int) -> None:
    """Has this process end when the server does, however that ends."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def wait() -> None:
        os.read(life, 1)
        os._exit(1)

    threading.Thread(target=wait, name="server-watch", daemon=True).start()
