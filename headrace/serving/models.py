"""The models that a server serves, and how a request names one of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from headrace.core.errors import InvalidArgumentError, NotFoundError
from headrace.serving.lifecycle import ModelLifecycle
from headrace.serving.servable import Handle, State, VersionStatus


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Names a model. Without `version` the highest AVAILABLE one is meant; an empty signature is `serving_default`."""

    name: str
    version: int | None = None
    label: str = ""
    signature: str = ""


class Models:
    """All models of a server, by name."""

    def __init__(self, lifecycles: Iterable[ModelLifecycle]) -> None:
        self._lifecycles = {lifecycle.name: lifecycle for lifecycle in lifecycles}

    def __contains__(self, name: object) -> bool:
        return name in self._lifecycles

    @property
    def names(self) -> list[str]:
        """The names of all models, sorted."""
        return sorted(self._lifecycles)

    def acquire(self, spec: ModelSpec) -> Handle:
        """A handle on the version that `spec` means.

        Raises:
            InvalidArgumentError: no name, or an unknown label.
            NotFoundError: no such model, or no such version that is AVAILABLE.
        """
        self._check(spec)
        lifecycle = self._lifecycles.get(spec.name)
        handle = lifecycle.acquire(spec.version) if lifecycle is not None else None
        if handle is None:
            request = f"Latest({spec.name})" if spec.version is None else f"Specific({spec.name}, {spec.version})"
            raise NotFoundError(f"Servable not found for request: {request}")
        return handle

    def statuses(self, spec: ModelSpec) -> list[VersionStatus]:
        """The state of every version of a model, highest first, or of the one version that `spec` names.

        Raises:
            InvalidArgumentError: no name, or an unknown label.
            NotFoundError: no such model or version was ever seen.
        """
        self._check(spec)
        lifecycle = self._lifecycles.get(spec.name)
        found = lifecycle.statuses() if lifecycle is not None else []
        if spec.version is not None:
            found = [status for status in found if status.version == spec.version]
            if not found:
                raise NotFoundError(f"Could not find version {spec.version} of model {spec.name}")
        if not found:
            raise NotFoundError(f"Could not find any versions of model {spec.name}")
        return found

    def overview(self) -> dict[str, list[VersionStatus]]:
        """Every model with the state of its versions, models without one included."""
        return {name: self._lifecycles[name].statuses() for name in self.names}

    def unready(self) -> list[str]:
        """The models that have no AVAILABLE version."""
        return [name for name in self.names if not self._lifecycles[name].available]

    def start(self) -> None:
        """Starts to load every model."""
        for lifecycle in self._lifecycles.values():
            lifecycle.start()

    def wait_settled(self, timeout: float) -> bool:
        """Waits until the first versions of every model are AVAILABLE or have failed; false after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        return all(each.wait_settled(max(0.0, deadline - time.monotonic())) for each in self._lifecycles.values())

    def stop(self, grace: float) -> bool:
        """Drains and unloads every model within `grace` seconds in all; true when that worked out."""
        deadline = time.monotonic() + grace
        stopped = [each.stop(max(0.0, deadline - time.monotonic())) for each in self._lifecycles.values()]
        return all(stopped)

    def available_versions(self) -> dict[str, list[int]]:
        """The AVAILABLE versions of every model."""
        return {name: [s.version for s in found if s.state is State.AVAILABLE] for name, found in self.overview().items()}

    def _check(self, spec: ModelSpec) -> None:
        if not spec.name:
            raise InvalidArgumentError("ModelSpec has no name specified.")
        if spec.label:
            raise InvalidArgumentError(f"Unrecognized servable version label: {spec.label}")
