"""The models that a server serves, how a request names one of them, and how the list of them is replaced."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.core.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError, OpError, UnavailableError
from headrace.core.log_lines import fields
from headrace.serving.configuration.model_list import TENSORFLOW, ModelConfig, check_platforms, read_models
from headrace.serving.departures import Departures, stop_all
from headrace.serving.lifecycle import ModelLifecycle
from headrace.serving.reload import Change, Outcome, ReloadResult, changes, check_labels, missing_label
from headrace.serving.request_log.options import ModelLogging
from headrace.serving.servable import Handle, State, VersionStatus

logger = logging.getLogger(__name__)
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Names a model. Without version and label the highest AVAILABLE one is meant; an empty signature is `serving_default`."""

    name: str
    version: int | None = None
    label: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class ModelsOptions:
    """How lists of models are taken.

    Attributes:
        platforms: the model platforms that can be served.
        allow_unavailable_labels: lets a label that is not in use yet name a version that is not AVAILABLE.
        request_log_directory: holds the logs of requests; None keeps none.
        reload_seconds: how long a reload waits for its new models; they go on loading after that.
    """

    platforms: tuple[str, ...] = (TENSORFLOW,)
    allow_unavailable_labels: bool = False
    request_log_directory: Path | None = None
    reload_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class _Model:
    """A model of the list. `joining` while a reload waits for it: it may be asked, but does not count as not ready."""

    config: ModelConfig
    lifecycle: ModelLifecycle
    joining: bool = False


Build = Callable[[ModelConfig], ModelLifecycle]
"""Makes the lifecycle of a model, not started yet."""

ReloadListener = Callable[[OpError | None], None]
"""Told of every reload, with the error of one that was refused or left a model unavailable."""


class Models:
    """All models of a server, by name. The list is replaced as a whole; requests see the old one or the new one.

    Args:
        lifecycles: the first models; those of a configuration come by `configure`.
        build: makes the lifecycle of a model that a configuration adds.
        options: how configurations are taken.
        on_reload: told of every reload.

    Attributes:
        everywhere: has all processes of this server take a new list, this one among them; None where there is but one.
    """

    def __init__(
        self,
        lifecycles: Iterable[ModelLifecycle] = (),
        build: Build | None = None,
        options: ModelsOptions | None = None,
        on_reload: ReloadListener | None = None,
    ) -> None:
        self._table: Mapping[str, _Model] = {
            each.name: _Model(ModelConfig(each.name, each.base_path, policy=each.policy), each) for each in lifecycles
        }
        self._build = build
        self._options = options or ModelsOptions()
        self._on_reload = on_reload
        self.everywhere: Callable[[Any], ReloadResult] | None = None
        self._configured = bool(self._table)
        self._reloading = threading.Lock()
        self._ending = threading.Event()
        self._departures = Departures()

    def __contains__(self, name: object) -> bool:
        return name in self._table

    @property
    def names(self) -> list[str]:
        """The names of all models, sorted."""
        return sorted(self._table)

    # Called by requests.

    def acquire(self, spec: ModelSpec) -> Handle:
        """A handle on the version that `spec` means.

        Raises:
            InvalidArgumentError: no name, a version and a label, or an unknown label.
            NotFoundError: no such model, or no such version that is AVAILABLE.
        """
        while True:
            table = self._table
            model = table.get(spec.name)
            version = _version(spec, model.config.labels if model is not None else {})
            handle = model.lifecycle.acquire(version) if model is not None else None
            if handle is not None:
                return handle
            if table is self._table:  # else a reload took the version away in between, and the new list has another
                request = f"Latest({spec.name})" if version is None else f"Specific({spec.name}, {version})"
                raise NotFoundError(f"Servable not found for request: {request}")

    def statuses(self, spec: ModelSpec) -> list[VersionStatus]:
        """The state of every version of a model, highest first, or of the one version that `spec` names.

        Raises:
            InvalidArgumentError: no name, a version and a label, or an unknown label.
            NotFoundError: no such model or version was ever seen.
        """
        model = self._table.get(spec.name)
        if model is None:
            return statuses_of(spec, [], {})
        return statuses_of(spec, model.lifecycle.statuses(), model.config.labels)

    def overview(self) -> dict[str, list[VersionStatus]]:
        """Every model with the state of its versions, models without one included."""
        table = self._table
        return {name: table[name].lifecycle.statuses() for name in sorted(table)}

    def loads(self) -> dict[int, bool]:
        """The loads of which something is in memory, and whether another process has prepared it; see Servable."""
        return {servable.load: servable.prepared for model in self._table.values() for servable in model.lifecycle.loaded()}

    def labels(self) -> dict[str, dict[str, int]]:
        """The version of every label, by model."""
        return {name: dict(model.config.labels) for name, model in sorted(self._table.items())}

    def logging_of(self, name: str) -> ModelLogging | None:
        """What of a model's requests is logged; None for nothing."""
        model = self._table.get(name)
        return model.config.logging if model is not None else None

    def paths(self) -> set[str]:
        """The directories of all versions that `overview` lists."""
        return {str(path) for model in self._table.values() for path in model.lifecycle.paths()}

    def unready(self) -> list[str]:
        """The models that have no AVAILABLE version, less those that a reload is still adding."""
        return sorted(name for name, model in self._table.items() if not (model.joining or model.lifecycle.available))

    def available_versions(self) -> dict[str, list[int]]:
        """The AVAILABLE versions of every model."""
        table = self._table
        return {name: table[name].lifecycle.available_versions for name in sorted(table)}

    # Called by the server.

    def configure(self, config: Any, in_force: bool = False) -> None:
        """Takes the first ModelServerConfig; its models load once `start` is called.

        Args:
            config: it.
            in_force: other processes of this server have it, so its labels were checked before.

        Raises:
            OpError: the configuration is refused; see `reload`.
        """
        wanted = self._read(config)
        if not in_force:
            check_labels({}, wanted, {}, self._options.allow_unavailable_labels)
        self._table = {model.name: _Model(model, self._make(model)) for model in wanted}
        self._configured = config.WhichOneof("config") is not None

    def start(self) -> None:
        """Starts to load every model."""
        for model in self._table.values():
            model.lifecycle.start()

    def wait_settled(self, timeout: float) -> bool:
        """Waits until the first versions of every model are AVAILABLE or have failed; false after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        models = list(self._table.values())
        return all(each.joining or each.lifecycle.wait_settled(max(0.0, deadline - time.monotonic())) for each in models)

    @property
    def some_serve(self) -> bool:
        """True when some model is AVAILABLE and every other one has been tried, so that to wait longer only keeps that one away."""
        models = list(self._table.values())
        return any(each.lifecycle.available for each in models) and all(each.joining or each.lifecycle.tried for each in models)

    def reload(self, config: Any) -> ReloadResult:
        """Replaces the list of models, and answers when that is done.

        The whole of `config` is checked before anything changes. Then new models load, each until it is AVAILABLE or its
        first try has failed. Then the list is replaced in one step, and models that are no longer in it are unloaded
        after their last request. A model whose base path changes is served from the old one until the new one is
        AVAILABLE; when that fails it stays as it was. New models that fail stay in the list and are tried again.

        Args:
            config: a tensorflow.serving.ModelServerConfig message.

        Returns:
            What came of each model.

        Raises:
            InvalidArgumentError: a name is empty or listed twice, a base path is relative, a platform is unknown or
                changes, or a policy or a label makes no sense.
            FailedPreconditionError: a label names a version that is not AVAILABLE, or `config` is no list of models.
            UnavailableError: another reload takes too long, or the server is ending.
        """
        return self.reload_here(config) if self.everywhere is None else self.everywhere(config)

    def reload_here(self, config: Any) -> ReloadResult:
        """As `reload`, but in this process alone, where a server has several."""
        try:
            result = self._reload(config)
        except OpError as error:
            self._tell(error)
            raise
        self._tell(result.error)
        return result

    def check_here(self, config: Any) -> None:
        """Raises what `reload_here` would refuse `config` with, and changes nothing."""
        with self._reloading_alone(0.0):
            self._plan(config)

    def stop(self, grace: float) -> bool:
        """Drains and unloads every model within `grace` seconds in all; true when that worked out."""
        deadline = time.monotonic() + grace
        self._ending.set()
        if self._reloading.acquire(timeout=max(0.0, grace)):
            self._reloading.release()
        stopped = stop_all([model.lifecycle for model in self._table.values()], deadline)
        return self._departures.wait(deadline) and stopped

    # A reload, step by step.

    def _reload(self, config: Any) -> ReloadResult:
        deadline = time.monotonic() + self._options.reload_seconds
        with self._reloading_alone(self._options.reload_seconds):
            wanted, plan = self._plan(config)
            result = self._apply(wanted, plan, deadline)
            self._configured = self._configured or config.WhichOneof("config") is not None
            return result

    @contextlib.contextmanager
    def _reloading_alone(self, seconds: float) -> Iterator[None]:
        if not self._reloading.acquire(timeout=seconds):
            raise UnavailableError("another reload is still waiting for its models; try again later")
        try:
            yield
        finally:
            self._reloading.release()

    def _plan(self, config: Any) -> tuple[dict[str, ModelConfig], dict[str, Change]]:
        """The models that `config` wants, and what becomes of each of the old and the new list; raises where it is refused."""
        kind = config.WhichOneof("config")
        if self._configured and kind != "model_config_list":
            raise FailedPreconditionError(
                f"Cannot transition to requested config with {kind or 'nothing set'}. It is only legal to transition from"
                " one ModelConfigList to another."
            )
        old = {name: model.config for name, model in self._table.items()}
        wanted = self._read(config)
        check_platforms(old, wanted)
        check_labels(old, wanted, self.available_versions(), self._options.allow_unavailable_labels)
        return {model.name: model for model in wanted}, changes(old, wanted)

    def _apply(self, wanted: Mapping[str, ModelConfig], plan: Mapping[str, Change], deadline: float) -> ReloadResult:
        old = self._table
        fresh = {name: self._make(wanted[name]) for name, change in plan.items() if change in ("added", "moved")}
        joining = {name: _Model(wanted[name], fresh[name], joining=True) for name in fresh if plan[name] == "added"}
        self._table = {**old, **joining}
        for lifecycle in fresh.values():
            lifecycle.start()
        self._await(list(fresh.values()), deadline)
        errors = {name: _failure(wanted[name], lifecycle, plan[name]) for name, lifecycle in fresh.items()}
        kept = {name for name, error in errors.items() if error is not None and plan[name] == "moved"}
        table = {
            name: old[name] if name in kept else _Model(config, fresh[name] if name in fresh else old[name].lifecycle)
            for name, config in wanted.items()
        }
        self._table = table  # from here on requests see the new list, so what it lacks may go
        for name, change in plan.items():
            if change == "updated":
                old[name].lifecycle.reconfigure(wanted[name].policy)
            elif change in ("removed", "moved"):
                self._departures.add(fresh[name] if name in kept else old[name].lifecycle)
        outcomes = tuple(Outcome(name, change, errors.get(name)) for name, change in plan.items())
        _log(outcomes)
        return ReloadResult(outcomes)

    def _await(self, lifecycles: Sequence[ModelLifecycle], deadline: float) -> None:
        """Waits until each has been tried, at most until `deadline`, or until the server ends."""
        pending = list(lifecycles)
        while pending and time.monotonic() < deadline and not self._ending.is_set():
            pending = [each for each in pending if not each.tried]
            if pending:
                pending[0].wait_settled(_LOOK_SECONDS)

    def _read(self, config: Any) -> tuple[ModelConfig, ...]:
        if self._ending.is_set():
            raise UnavailableError("the server is ending; it takes no new list of models")
        return read_models(config, self._options.platforms, self._options.request_log_directory)

    def _make(self, config: ModelConfig) -> ModelLifecycle:
        if self._build is None:
            raise FailedPreconditionError("this server has a fixed list of models; start it with a configuration to change it")
        return self._build(config)

    def _tell(self, error: OpError | None) -> None:
        if self._on_reload is not None:
            self._on_reload(error)


def statuses_of(spec: ModelSpec, statuses: Sequence[VersionStatus], labels: Mapping[str, int]) -> list[VersionStatus]:
    """Those of a model's `statuses` that `spec` names; see Models.statuses, whose errors it raises."""
    version = _version(spec, labels)
    if version is None:
        if not statuses:
            raise NotFoundError(f"Could not find any versions of model {spec.name}")
        return list(statuses)
    found = [status for status in statuses if status.version == version]
    if not found:
        raise NotFoundError(f"Could not find version {version} of model {spec.name}")
    return found


def version_number(digits: str | None) -> int | None:
    """The version that a request gives in digits; None stays None.

    Raises:
        InvalidArgumentError: it is no int64.
    """
    if digits is None:
        return None
    number = int(digits) if len(digits.lstrip("0")) <= 19 else 2**63
    if number >= 2**63:
        raise InvalidArgumentError(f"Failed to convert version: {digits} to numeric.")
    return number


def _version(spec: ModelSpec, labels: Mapping[str, int]) -> int | None:
    """The version that `spec` asks for, by number or by label."""
    if not spec.name:
        raise InvalidArgumentError("ModelSpec has no name specified.")
    if not spec.label:
        return spec.version
    if spec.version is not None:
        raise InvalidArgumentError(f"version {spec.version} and label {spec.label} are both given; expected one of them")
    if spec.label not in labels:
        raise InvalidArgumentError(f"Unrecognized servable version label: {spec.label}")
    return labels[spec.label]


def _failure(config: ModelConfig, lifecycle: ModelLifecycle, change: Change) -> OpError | None:
    """Why a new model cannot take its place; None when it can."""
    if not lifecycle.available:
        return UnavailableError(lifecycle.trouble() or f"model {config.name} is still loading")
    return missing_label(config, lifecycle.available_versions) if change == "moved" else None


def _log(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        details = fields(model=outcome.model, change=outcome.change)
        if outcome.error is not None:
            logger.error("model did not become available: %s", outcome.error.message, extra=details)
        elif outcome.change != "unchanged":
            logger.info("list of models changed", extra=details)
