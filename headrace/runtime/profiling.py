"""Profiles of what runs, by jax.profiler, in the layout that TensorBoard and XProf read."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import jax

from headrace.core.errors import AlreadyExistsError, ResourceExhaustedError, UnavailableError, UnknownError
from headrace.files.errors import named

RUNS = Path("plugins", "profile")
"""Where the runs stand below a log folder, one folder each."""


class ProfilerOptions(NamedTuple):
    """What is profiled.

    Attributes:
        host_tracer_level: 0 nothing of the host, 1 what users annotate, 2 the costly operations too, 3 all.
        python_tracer_level: 1 with the calls of Python functions.
        device_tracer_level: 1 with the accelerators; JAX profiles them always.
        delay_ms: taken for compatibility: when profiles of several hosts begin.
    """

    host_tracer_level: int = 2
    python_tracer_level: int = 0
    device_tracer_level: int = 1
    delay_ms: int | None = None


class _Session(NamedTuple):
    folder: str
    logdir: Path


_sessions: list[_Session] = []
_lock = threading.Lock()


def start(logdir: Any, options: ProfilerOptions | None = None) -> None:
    """Begins to profile; `stop` writes the profile.

    Args:
        logdir: the folder that TensorBoard is given, made if missing; "" when nothing is to be saved.
        options: what is profiled.

    Raises:
        AlreadyExistsError: a profile is being taken already.
    """
    chosen = options or ProfilerOptions()
    given = jax.profiler.ProfileOptions()
    given.host_tracer_level = chosen.host_tracer_level
    given.python_tracer_level = chosen.python_tracer_level
    name = os.fspath(logdir)
    target = Path(name) if name else Path(tempfile.gettempdir())
    with _lock:
        if _sessions:
            raise AlreadyExistsError(f"a profile for {_sessions[0].logdir} is being taken; stop it first")
        with named(str(target)):
            target.mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(prefix=".profile-", dir=target)
        try:
            jax.profiler.start_trace(folder, profiler_options=given)
        except RuntimeError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise AlreadyExistsError(f"JAX cannot begin a profile: {error}") from error
        _sessions.append(_Session(folder, target))


def stop(save: bool = True) -> None:
    """Ends the profile.

    Args:
        save: whether it is written, to `logdir/plugins/profile/<time>/`.

    Raises:
        UnavailableError: no profile is being taken.
        ResourceExhaustedError: the disk is full; nothing is left of the profile.
    """
    with _lock:
        if not _sessions:
            raise UnavailableError("no profile is being taken; call tf.profiler.experimental.start(logdir) first")
        session = _sessions.pop()
        try:
            _end(session)
            if save:
                with named(str(session.logdir)):
                    _publish(Path(session.folder), session.logdir)
        finally:
            shutil.rmtree(session.folder, ignore_errors=True)


def _end(session: _Session) -> None:
    """Has JAX write the profile, and end it even where it cannot be written."""
    try:
        jax.profiler.stop_trace()
    except RuntimeError as error:
        shutil.rmtree(session.folder, ignore_errors=True)
        with contextlib.suppress(RuntimeError):
            jax.profiler.stop_trace()  # JAX keeps a session that it could not write; the second time it is empty
        kind = ResourceExhaustedError if "RESOURCE_EXHAUSTED" in str(error) else UnknownError
        raise kind(f"the profile for {session.logdir} could not be written: {error}") from error


def _publish(folder: Path, logdir: Path) -> None:
    """Moves whole runs to their place; one of the same second gets a number behind its name."""
    (logdir / RUNS).mkdir(parents=True, exist_ok=True)
    for run in sorted((folder / RUNS).iterdir()):
        target, number = logdir / RUNS / run.name, 1
        while target.exists():
            target, number = logdir / RUNS / f"{run.name}_{number}", number + 1
        run.rename(target)


class Profile:
    """Profiles what runs inside a `with` statement; see `start`."""

    def __init__(self, logdir: Any, options: ProfilerOptions | None = None) -> None:
        self._logdir, self._options = logdir, options

    def __enter__(self) -> None:
        start(self._logdir, self._options)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        stop()


class Trace:
    """Names what runs inside a `with` statement in the profile.

    Args:
        name: for people.
        **kwargs: shown with it. `step_num` tells steps apart; with `_r=1` it is the step of a training loop.
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        self._annotation = jax.profiler.TraceAnnotation(name, **kwargs)

    def __enter__(self) -> Trace:
        self._annotation.__enter__()
        return self

    def set_metadata(self, **kwargs: Any) -> None:
        """Shows more with it."""
        self._annotation.set_metadata(**kwargs)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._annotation.__exit__(kind, error, trace)


def start_server(port: int) -> None:
    """Lets TensorBoard and XProf take profiles of this process over gRPC, until it ends.

    Args:
        port: of this machine.

    Raises:
        AlreadyExistsError: there is such a server already, or the port is taken.
    """
    try:
        jax.profiler.start_server(port)
    except (RuntimeError, ValueError) as error:
        raise AlreadyExistsError(f"the profiler's server cannot be started on port {port}: {error}") from error
