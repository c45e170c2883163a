"""Versions by way of helper processes: these do what takes long, and what they have made is taken over in a moment."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable

import jax

from headrace.core.errors import InternalError
from headrace.core.log_lines import fields
from headrace.serving.digests import version_digest
from headrace.serving.engines.base import Engine, Movable
from headrace.serving.engines.moved import MovedModel
from headrace.serving.making import Making, Wanted, WarmUpListener
from headrace.serving.preparing.memory import anonymous, content_of
from headrace.serving.preparing.messages import Order, Outcome, asked_of
from headrace.serving.preparing.process import NotStartedError, run
from headrace.serving.servable import Servable
from headrace.serving.storage import Fingerprint, fingerprint
from headrace.serving.warmup import repeat

logger = logging.getLogger(__name__)

_REPEAT_SECONDS = 0.2
"""For runs here of a version that was warmed up elsewhere: they take the cores from requests."""


class Helpers:
    """Prepares versions in processes of their own.

    Args:
        at_work: true once requests are answered, which loads are to leave alone. Before that a load here is quicker.
    """

    def __init__(self, at_work: Callable[[], bool]) -> None:
        self._at_work = at_work

    def make(
        self,
        engine: Engine,
        wanted: Wanted,
        how: Making,
        before: Servable | None,
        cancelled: Callable[[], bool],
        on_warm_up: WarmUpListener | None,
    ) -> Servable | None:
        """A version, prepared elsewhere; None when it is to be loaded here. Arguments are those of `making.make`.

        Raises:
            CancelledError: it was cancelled.
            OpError: it cannot be loaded.
        """
        if not (self._at_work() and isinstance(engine, Movable) and jax.default_backend() == "cpu"):
            return None
        level = logging.getLevelName(logging.getLogger("headrace").getEffectiveLevel())
        order = Order(engine.recipe, wanted, how, None if before is None else asked_of(before), level)
        details = fields(model=wanted.model, version=wanted.number)
        files = fingerprint(wanted.path)
        memory = anonymous()
        try:
            outcome = run(order, memory, cancelled)
            if on_warm_up is not None and outcome.warm_up_seconds is not None:
                on_warm_up(wanted.path, outcome.warm_up_seconds, outcome.error)
            if outcome.error is not None:
                raise outcome.error
            return _taken_over(engine, wanted, how, outcome, files, memory)
        except NotStartedError as error:
            logger.warning("no helper process can be had (%s); loading in the server", error, extra=details)
        except _UnusableError as error:
            logger.warning("%s; loading in the server", error, extra=details)
        finally:
            os.close(memory)
        return None


class _UnusableError(Exception):
    """What a helper has made is of no use."""


def _taken_over(engine: Movable, wanted: Wanted, how: Making, outcome: Outcome, files: Fingerprint, memory: int) -> Servable:
    """A version that a helper has made of these files."""
    started = time.monotonic()
    try:
        loaded = engine.take_over(wanted.path, outcome.signatures, outcome.told, content_of(memory))
    except InternalError as error:
        raise _UnusableError(error.message) from error
    prepared = isinstance(loaded, MovedModel)
    same = prepared or fingerprint(wanted.path) == files  # else what was loaded here is something else by now
    digest = outcome.digest if same else version_digest(wanted.path)
    servable = Servable(wanted.model, wanted.number, loaded, wanted.batching, how.check_methods, digest, prepared)
    if how.warm_up:
        repeat(servable, outcome.asked, outcome.learned, _REPEAT_SECONDS if prepared else math.inf)
    seconds = round(time.monotonic() - started, 4)
    logger.info("taken over", extra=fields(model=wanted.model, version=wanted.number, seconds=seconds))
    return servable
