"""One model's life: its base path is polled, new versions are loaded, warmed and swapped in, old ones drained and unloaded.

A version goes START -> LOADING -> AVAILABLE -> UNLOADING -> END. One background thread takes all steps, so each step
sees a settled state; requests only take handles. A new version is AVAILABLE before the one it replaces starts to drain.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.errors import CancelledError, DeadlineExceededError, NotFoundError, OpError, ResourceExhaustedError, UnknownError
from headrace.core.log_lines import fields
from headrace.serving.batching.versions import Batching
from headrace.serving.bounded import within
from headrace.serving.engines.base import Engine
from headrace.serving.loads import LoadSlots
from headrace.serving.making import Making, Wanted, WarmUpListener, close, make
from headrace.serving.preparing.helpers import Helpers
from headrace.serving.servable import Handle, Servable, State, VersionStatus
from headrace.serving.storage import Fingerprint, Latest, Specific, VersionPolicy, fingerprint, list_versions

logger = logging.getLogger(__name__)
_KEPT_ENDED = 128
_LIVE = (State.LOADING, State.AVAILABLE, State.UNLOADING)
_SLOT_WAIT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class LifecycleOptions:
    """How versions are found and loaded.

    Attributes:
        poll_seconds: wait between two looks at the base path; 0 looks once, at the start.
        max_load_retries: further tries after a load that failed.
        retry_seconds: wait before such a try; cut short when the directory's content changes.
        warm_up: run a version's warm-up requests and every signature before it becomes AVAILABLE.
        warm_up_iterations: how often each warm-up request is run.
        warm_up_batches: the batch sizes of the signatures' runs.
        check_methods: use a signature only as what its method name says.
        load_seconds: for one load with its warm-up; over it the version is END, until its files change.
    """

    poll_seconds: float = 1.0
    max_load_retries: int = 5
    retry_seconds: float = 60.0
    warm_up: bool = True
    warm_up_iterations: int = 1
    warm_up_batches: tuple[int, ...] = (1,)
    check_methods: bool = False
    load_seconds: float = 1800.0

    @property
    def making(self) -> Making:
        """How a version is made ready."""
        return Making(self.warm_up, self.warm_up_iterations, self.warm_up_batches, self.check_methods)


@dataclass(slots=True)
class _Version:
    number: int
    path: Path
    state: State = State.START
    wanted: bool = True
    error: OpError | None = None
    servable: Servable | None = None
    failures: int = 0
    retry_at: float = 0.0
    content: Fingerprint = field(default=())

    def status(self) -> VersionStatus:
        if self.servable is None:
            return VersionStatus(self.number, self.state, self.error)
        servable = self.servable
        return VersionStatus(self.number, self.state, self.error, servable.engine, servable.engine_reason, servable.digest)


LoadListener = Callable[[str, int, float, OpError | None], None]
"""Told of every load: model, version, seconds, and the error of a load that failed."""


class ModelLifecycle:
    """Keeps the wanted versions of one model available.

    Args:
        name: the model's name.
        base_path: holds one numbered directory a version.
        engine: what loads a version.
        options: how versions are found and loaded.
        policy: which versions are wanted; the newest by default.
        on_load: told of every load.
        on_warm_up: told of every warm-up file that was run.
        slots: shared by all lifecycles of a server; a load waits until one is free.
        batching: how requests share runs; None runs each by itself.
        helpers: what prepares versions in processes of their own; None loads all in this one.
    """

    def __init__(
        self,
        name: str,
        base_path: Path,
        engine: Engine,
        options: LifecycleOptions | None = None,
        policy: VersionPolicy | None = None,
        on_load: LoadListener | None = None,
        on_warm_up: WarmUpListener | None = None,
        slots: LoadSlots | None = None,
        batching: Batching | None = None,
        helpers: Helpers | None = None,
    ) -> None:
        self.name = name
        self.base_path = base_path
        self.policy = policy or Latest()
        self._engine = engine
        self._options = options or LifecycleOptions()
        self._on_load = on_load
        self._batching = batching
        self._helpers = helpers
        self._slots = slots or LoadSlots(1)
        self._slot_missed = False
        self._on_warm_up = on_warm_up
        self._lock = threading.Lock()
        self._versions: dict[int, _Version] = {}
        self._latest: Servable | None = None
        """The highest AVAILABLE version, kept at hand for requests."""
        self._next_scan = 0.0
        self._rescan = False
        self._complaint = ""
        self._stopping = False
        self._wake = threading.Event()
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lifecycle-{name}", daemon=True)

    # Called by requests.

    def acquire(self, version: int | None = None) -> Handle | None:
        """A handle on `version`, or on the highest AVAILABLE one; None when there is none."""
        if version is None:
            latest = self._latest
            handle = latest.acquire() if latest is not None else None
            if handle is not None:
                return handle
        with self._lock:  # or a version has just gone, and another one has its place
            if version is None:
                servable = self._latest
            else:
                found = self._versions.get(version)
                servable = found.servable if found is not None and found.state is State.AVAILABLE else None
            return servable.acquire() if servable is not None else None

    def statuses(self) -> list[VersionStatus]:
        """The state of every version seen so far, highest first."""
        with self._lock:
            return [self._versions[number].status() for number in sorted(self._versions, reverse=True)]

    def loaded(self) -> list[Servable]:
        """The versions that are in memory."""
        with self._lock:
            return [version.servable for version in self._versions.values() if version.servable is not None]

    def paths(self) -> list[Path]:
        """The directory of every version seen so far."""
        with self._lock:
            return [version.path for version in self._versions.values()]

    @property
    def available_versions(self) -> list[int]:
        """The versions that can serve, highest first."""
        return [status.version for status in self.statuses() if status.state is State.AVAILABLE]

    @property
    def available(self) -> bool:
        """True when some version can serve."""
        with self._lock:
            return any(v.state is State.AVAILABLE for v in self._versions.values())

    def trouble(self) -> str | None:
        """Why no version is AVAILABLE: the error of a load, or what is wrong with the base path. None when neither is known."""
        with self._lock:
            wanted = sorted((v for v in self._versions.values() if v.wanted), key=lambda v: -v.number)
            errors = [version.error.message for version in wanted if version.error is not None]
            return errors[0] if errors else self._complaint or None

    @property
    def tried(self) -> bool:
        """True when every wanted version is AVAILABLE or has failed to load at least once, or when there is none to load."""
        with self._lock:
            wanted = [v for v in self._versions.values() if v.wanted]
            done = all(v.state is State.AVAILABLE or v.error is not None for v in wanted)
            return done and bool(wanted or self._complaint)

    def wait_settled(self, timeout: float) -> bool:
        """Waits until every wanted version is AVAILABLE or has failed for good; false when that takes more than `timeout` s."""
        return self._settled.wait(timeout)

    # Called by the server.

    def start(self) -> None:
        """Starts the background thread."""
        self._thread.start()

    def reconfigure(self, policy: VersionPolicy) -> None:
        """Takes another policy. Versions it wants are loaded before those it does not want are unloaded."""
        self.policy = policy
        self._rescan = True
        self._wake.set()

    def stop(self, grace: float) -> bool:
        """Stops loading, drains every version and unloads it.

        Args:
            grace: seconds to wait for loads and requests in progress.

        Returns:
            True when all was unloaded in time.
        """
        deadline = time.monotonic() + grace
        with self._lock:
            self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(grace)
        if self._thread.is_alive():
            logger.error("a load did not end in time; leaving it", extra=fields(model=self.name, grace_seconds=grace))
            return False
        for version in list(self._versions.values()):
            if version.state is State.AVAILABLE:
                self._retire(version)
        while self._reap() and time.monotonic() < deadline:
            self._wake.wait(max(0.0, min(deadline - time.monotonic(), 0.1)))
            self._wake.clear()
        return not self._reap()

    # The background thread.

    def _run(self) -> None:
        while not self._stopping:
            try:
                delay = self.step()
            except Exception:  # a fault here must not end the thread: the versions at hand go on serving
                logger.exception("a lifecycle step failed; trying again", extra=fields(model=self.name))
                delay = max(self._options.poll_seconds, 1.0)
            self._wake.wait(delay)
            self._wake.clear()

    def step(self) -> float:
        """Looks at the base path when that is due, then loads and unloads what is due.

        Returns:
            Seconds until there may be more to do.
        """
        if self._rescan or time.monotonic() >= self._next_scan:
            self._rescan = False
            poll = self._options.poll_seconds
            self._next_scan = time.monotonic() + poll if poll > 0 else float("inf")
            self._scan()
            self._notice_changes()
        self._reap()
        self._unload_unwanted()
        self._load_due()
        self._reap()
        self._check_settled()
        return self._delay()

    def _load_due(self) -> None:
        """Loads what is due, one version after the other, as long as a slot is free."""
        self._slot_missed = False
        while not self._stopping and (version := self._next_to_load()) is not None:
            if not self._slots.take():
                self._slot_missed = True
                return
            try:
                self._load(version)
            finally:
                self._slots.give_back()
            self._unload_unwanted()

    def _scan(self) -> None:
        try:
            found = list_versions(self.base_path)
        except (NotFoundError, OSError) as error:
            # An unreachable base path says nothing about its versions: what serves goes on serving.
            self._complain(f"{error}; polling it")
            return
        known = {number for number, version in self._versions.items() if version.state in _LIVE}
        usable = {number: path for number, path in found.items() if number in known or self._engine.is_complete(path)}
        wanted = self.policy.choose(usable)
        self._complain(self._lack(usable, wanted))
        if usable and not wanted:
            return  # a policy ahead of the files must not take down what serves
        with self._lock:
            for version in self._versions.values():
                version.wanted = version.number in wanted
            for number in wanted:
                version = self._versions.setdefault(number, _Version(number, usable[number]))
                version.path = usable[number]

    def _lack(self, usable: Collection[int], wanted: Collection[int]) -> str:
        """What the base path lacks; empty when it lacks nothing."""
        if not usable:
            return f"no complete version under base path {self.base_path}; expected a directory such as 1/"
        if isinstance(self.policy, Specific) and (missing := sorted(self.policy.versions.difference(usable))):
            named = ", ".join(map(str, missing))
            return f"the version policy names {named}, which base path {self.base_path} lacks; it has {sorted(usable)}"
        return ""

    def _complain(self, text: str) -> None:
        """Logs a trouble with the base path once, not at every look."""
        if text and text != self._complaint:
            logger.warning(text, extra=fields(model=self.name))
        self._complaint = text

    def _notice_changes(self) -> None:
        """Gives versions whose load failed a fresh chance when their files have changed since."""
        for version in self._versions.values():
            if version.wanted and version.failures and version.servable is None and fingerprint(version.path) != version.content:
                with self._lock:
                    version.failures, version.retry_at = 0, 0.0
                    version.state = State.START

    def _next_to_load(self) -> _Version | None:
        now = time.monotonic()
        due = [v for v in self._versions.values() if v.wanted and v.servable is None and self._may_load(v) and v.retry_at <= now]
        return max(due, key=lambda v: v.number, default=None)

    def _may_load(self, version: _Version) -> bool:
        """True for a new version, one between two tries, and one that ended in good order and is wanted again."""
        return version.state in (State.START, State.LOADING) or (version.state is State.END and not version.failures)

    def _load(self, version: _Version) -> None:
        details = fields(model=self.name, version=version.number, path=version.path)
        with self._lock:
            version.state = State.LOADING
        logger.info("loading", extra=details)
        started = time.monotonic()
        version.content = fingerprint(version.path)
        what = f"the load of model {self.name} version {version.number}"
        work = functools.partial(self._make, version.number, version.path)
        try:
            servable = within(self._options.load_seconds, work, close, what, f"load-{self.name}-{version.number}")
        except CancelledError as error:
            if not self._stopping:
                self._failed(version, error, time.monotonic() - started)
            return
        except OpError as error:
            # One that hangs keeps its memory, and would hang again.
            hangs = isinstance(error, DeadlineExceededError)
            self._failed(version, error, time.monotonic() - started, last=hangs)
            return
        except MemoryError as error:
            self._failed(version, ResourceExhaustedError(f"not enough memory to load: {error}"), time.monotonic() - started)
            return
        except Exception as error:  # whatever a version does while it loads must not touch those that serve
            logger.exception("load failed in an unforeseen way", extra=details)
            self._failed(version, UnknownError(f"{type(error).__name__}: {error}"), time.monotonic() - started)
            return
        seconds = time.monotonic() - started
        with self._lock:
            version.servable, version.error, version.failures, version.state = servable, None, 0, State.AVAILABLE
            self._latest = self._highest()
        logger.info("available", extra=fields(model=self.name, version=version.number, seconds=round(seconds, 3)))
        if self._on_load is not None:
            self._on_load(self.name, version.number, seconds, None)

    def _make(self, number: int, path: Path, given_up: Callable[[], bool]) -> Servable:
        """Loads a version and warms it."""

        def cancelled() -> bool:
            return self._stopping or given_up()

        wanted = Wanted(self.name, number, path, self._batching.of_version(path) if self._batching is not None else None)
        making, before = self._options.making, self._serving()
        if self._helpers is not None:
            helped = self._helpers.make(self._engine, wanted, making, before, cancelled, self._on_warm_up)
            if helped is not None:
                return helped
        return make(self._engine, wanted, making, before, cancelled, self._on_warm_up).servable

    def _serving(self) -> Servable | None:
        """The highest version now serving."""
        return self._latest

    def _highest(self) -> Servable | None:
        """The highest AVAILABLE version; the lock is held."""
        serving = [v for v in self._versions.values() if v.state is State.AVAILABLE and v.servable is not None]
        return max(serving, key=lambda v: v.number).servable if serving else None

    def _failed(self, version: _Version, error: OpError, seconds: float, last: bool = False) -> None:
        last = last or version.failures >= self._options.max_load_retries
        with self._lock:
            version.failures += 1
            version.error = error
            version.retry_at = time.monotonic() + self._options.retry_seconds
            version.state = State.END if last else State.LOADING
        details = fields(model=self.name, version=version.number, attempt=version.failures, code=error.code, error=error.message)
        advice = "not trying again until its files change" if last else f"trying again in {self._options.retry_seconds:g} s"
        logger.error("load failed; %s", advice, extra=details)
        if self._on_load is not None:
            self._on_load(self.name, version.number, seconds, error)

    def _unload_unwanted(self) -> None:
        """Starts to drain versions no longer wanted, unless nothing else serves yet and something wanted is on its way."""
        wanted = [v for v in self._versions.values() if v.wanted]
        if wanted and not any(v.state is State.AVAILABLE for v in wanted):
            return
        for version in list(self._versions.values()):
            if not version.wanted and version.state is State.AVAILABLE:
                self._retire(version)
            elif not version.wanted and version.state in (State.START, State.LOADING):
                with self._lock:
                    version.state, version.failures = State.END, 0

    def _retire(self, version: _Version) -> None:
        assert version.servable is not None
        with self._lock:
            version.state = State.UNLOADING
            self._latest = self._highest()
            version.servable.retire(self._wake.set)
        logger.info("draining", extra=fields(model=self.name, version=version.number))

    def _reap(self) -> bool:
        """Unloads the versions that have drained. Returns True while others are still draining."""
        draining = False
        for version in list(self._versions.values()):
            if version.state is State.UNLOADING and version.servable is not None:
                if version.servable.drained:
                    self._unload(version, version.servable)
                else:
                    draining = True
        return draining

    def _unload(self, version: _Version, servable: Servable) -> None:
        error = close(servable)
        with self._lock:
            version.servable, version.error, version.state = None, error, State.END
            ended = sorted(v.number for v in self._versions.values() if v.state is State.END and not v.wanted)
            for number in ended[:-_KEPT_ENDED]:
                del self._versions[number]
        logger.info("unloaded", extra=fields(model=self.name, version=version.number))

    def _check_settled(self) -> None:
        wanted = [v for v in self._versions.values() if v.wanted]
        if wanted and all(v.state in (State.AVAILABLE, State.END) for v in wanted):
            self._settled.set()

    def _delay(self) -> float:
        waiting = [v.retry_at for v in self._versions.values() if v.wanted and v.state is State.LOADING and v.servable is None]
        due = min([self._next_scan, *waiting])
        if self._slot_missed:
            due = min(due, time.monotonic() + _SLOT_WAIT_SECONDS)
        return min(max(due - time.monotonic(), 0.0), 3600.0)
