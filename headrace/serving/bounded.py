"""Work that may hang, done on a thread that can be left behind."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from headrace.core.errors import DeadlineExceededError

logger = logging.getLogger(__name__)

T = TypeVar("T")


def within(
    seconds: float, function: Callable[[Callable[[], bool]], T], discard: Callable[[T], object], what: str, name: str = "bounded"
) -> T:
    """What `function` returns, if it does in time. Else it is left to itself, and what it returns some day is discarded.

    Python cannot end a thread, so work that hangs keeps its thread and its memory.

    Args:
        seconds: how long it may take; infinity calls it right here.
        function: gets a function that says whether it was given up, so that it can end early.
        discard: called with what it returns too late, on its own thread.
        what: the work, for the error's text.
        name: of the thread.

    Raises:
        DeadlineExceededError: it takes longer.
        Exception: whatever `function` raises in time.
    """
    if math.isinf(seconds):
        return function(lambda: False)
    given_up = threading.Event()
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(function(given_up.is_set))
        except BaseException as error:  # noqa: BLE001  the future carries it to whoever waits
            future.set_exception(error)

    threading.Thread(target=work, name=name, daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # in the last moment, or the function itself raised this
            return future.result()
    given_up.set()
    future.add_done_callback(lambda ended: _late(ended, discard, what))
    raise DeadlineExceededError(f"{what} took longer than {seconds:g} s and was given up")


def _late(ended: Future[T], discard: Callable[[T], object], what: str) -> None:
    error = ended.exception()
    if error is None:
        discard(ended.result())
    logger.warning("%s has ended after it was given up%s", what, "" if error is None else f": {type(error).__name__}: {error}")
