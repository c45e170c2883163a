"""How a version is made ready to serve: loaded, its engines chosen, warmed up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.errors import OpError, UnknownError
from headrace.core.log_lines import fields
from headrace.serving.batching.versions import VersionBatching
from headrace.serving.digests import version_digest
from headrace.serving.engines.base import Engine, LoadedModel
from headrace.serving.servable import Servable
from headrace.serving.trials import decide
from headrace.serving.warmup import Learned, Served, warm_up
from headrace.serving.warmup_requests import replay

logger = logging.getLogger(__name__)

WarmUpListener = Callable[[Path, float, OpError | None], None]
"""Told of every warm-up file that was run: the version's directory, seconds, and the error of one that failed."""


@dataclass(frozen=True, slots=True)
class Making:
    """How versions are made ready.

    Attributes:
        warm_up: run a version's warm-up requests and every signature before it serves.
        iterations: how often each warm-up request is run.
        batches: the batch sizes of the signatures' runs.
        check_methods: use a signature only as what its method name says.
    """

    warm_up: bool = True
    iterations: int = 1
    batches: tuple[int, ...] = (1,)
    check_methods: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version that is to be made ready.

    Attributes:
        model: the model's name.
        number: the version's.
        path: its directory.
        batching: how its requests share runs; None runs each by itself.
    """

    model: str
    number: int
    path: Path
    batching: VersionBatching | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A version that is ready.

    Attributes:
        servable: the version.
        loaded: its model.
        learned: what its batches took in the warm-up.
    """

    servable: Servable
    loaded: LoadedModel
    learned: list[Learned] = field(default_factory=list)


def make(
    engine: Engine,
    wanted: Wanted,
    how: Making,
    before: Served | None,
    cancelled: Callable[[], bool],
    on_warm_up: WarmUpListener | None,
) -> Made:
    """Makes a version ready in this process.

    Args:
        engine: what loads it.
        wanted: the version.
        how: how.
        before: what is known of the version that serves meanwhile.
        cancelled: asked between the steps; once true, those that are left are left out.
        on_warm_up: told of the version's warm-up file.

    Raises:
        OpError: it cannot be loaded, or one of its own warm-up requests fails; it is unloaded then.
    """
    digest = version_digest(wanted.path)
    loaded = engine.load(wanted.path)
    if not cancelled():
        decide(loaded, wanted.path, how.batches, before, how.warm_up)
    made = Made(Servable(wanted.model, wanted.number, loaded, wanted.batching, how.check_methods, digest), loaded)
    if not how.warm_up or cancelled():
        return made
    _replay(made.servable, wanted.path, how, cancelled, on_warm_up)
    if not cancelled():
        warm_up(made.servable, how.batches, before, made.learned)
    return made


def _replay(servable: Servable, path: Path, how: Making, cancelled: Callable[[], bool], on_warm_up: WarmUpListener | None) -> None:
    """Runs the version's warm-up file."""
    started = time.monotonic()
    try:
        count = replay(servable, path, how.iterations, cancelled)
    except OpError as error:
        close(servable)
        if on_warm_up is not None:
            on_warm_up(path, time.monotonic() - started, error)
        raise
    if count and on_warm_up is not None:
        on_warm_up(path, time.monotonic() - started, None)


def close(servable: Servable) -> OpError | None:
    """Unloads a version, which no request uses; gives the error of a model that does not let itself be unloaded."""
    try:
        servable.close()
    except Exception as fault:  # the version is gone for requests either way
        logger.exception("unloading failed", extra=fields(model=servable.model, version=servable.version))
        return UnknownError(f"{type(fault).__name__}: {fault}")
    return None
