"""How each worker's models stand, told as JSON, and how the server's do that they are together.

A version is AVAILABLE when it is so in every worker; where they differ, the worst of their states stands for all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core.errors import OpError
from headrace.serving.models import Models, ModelSpec, statuses_of
from headrace.serving.processes.link import error_from_json, error_to_json
from headrace.serving.servable import State, VersionStatus

_WORST_FIRST = (State.LOADING, State.START, State.UNLOADING, State.END, State.AVAILABLE)


@dataclass(frozen=True, slots=True)
class WholeModels:
    """The models of several processes, as they stood when they were asked.

    Attributes:
        versions: every model with the state of its versions.
        labelled: the version of every label, by model.
        ready: every process is.
    """

    versions: Mapping[str, Sequence[VersionStatus]]
    labelled: Mapping[str, Mapping[str, int]]
    ready: bool

    def overview(self) -> Mapping[str, Sequence[VersionStatus]]:
        """Every model with the state of its versions."""
        return self.versions

    def labels(self) -> Mapping[str, Mapping[str, int]]:
        """The version of every label, by model."""
        return self.labelled

    def statuses(self, spec: ModelSpec) -> list[VersionStatus]:
        """As Models.statuses."""
        return statuses_of(spec, self.versions.get(spec.name, []), self.labelled.get(spec.name, {}))


def to_json(models: Models) -> str:
    """How the models of this process stand."""
    versions = {
        name: [
            [each.version, each.state.value, error_to_json(each.error), each.engine, each.engine_reason, each.digest]
            for each in found
        ]
        for name, found in models.overview().items()
    }
    return json.dumps({"versions": versions, "labels": models.labels(), "ready": not models.unready()})


def merge(told: Mapping[int, str]) -> WholeModels:
    """The models of all processes.

    Args:
        told: what `to_json` gave in each, by its number.
    """
    parts = {index: json.loads(text) for index, text in told.items()}
    names = sorted({name for part in parts.values() for name in part["versions"]})
    versions = {}
    for name in names:
        found = {
            index: {each.version: each for each in map(_status, part["versions"].get(name, []))} for index, part in parts.items()
        }
        numbers = sorted({number for each in found.values() for number in each}, reverse=True)
        versions[name] = [_merged(number, {index: each.get(number) for index, each in found.items()}) for number in numbers]
    labels: dict[str, Mapping[str, int]] = {}
    for _, part in sorted(parts.items(), reverse=True):  # where they differ, the first process is right
        labels |= part["labels"]
    return WholeModels(versions, labels, bool(parts) and all(part["ready"] for part in parts.values()))


def _merged(number: int, found: Mapping[int, VersionStatus | None]) -> VersionStatus:
    """One version, of which processes have a status or have never heard."""
    known = {index: status for index, status in found.items() if status is not None}
    states = {status.state for status in known.values()}
    if len(known) < len(found) and states != {State.END}:
        states.add(State.START)
    failed = {index: status.error for index, status in known.items() if status.error is not None}
    ended = any(known[index].state is State.END for index in failed)
    state = State.END if ended else next(each for each in _WORST_FIRST if each in states)
    return VersionStatus(
        number,
        state,
        _first_error(failed, len(failed) == len(found)),
        _together({index: status.engine for index, status in known.items()}),
        _reason(known),
        _together({index: status.digest for index, status in known.items()}),
    )


def _first_error(failed: Mapping[int, OpError], everywhere: bool) -> OpError | None:
    """The error of the first worker that has one, which is named unless all have one."""
    for index, error in sorted(failed.items()):
        return error if everywhere else type(error)(f"worker {index}: {error.message}")
    return None


def _together(said: Mapping[int, str]) -> str:
    """What all say; where they differ, what each says."""
    different = {word for word in said.values() if word}
    if len(different) <= 1:
        return "".join(different)
    return ", ".join(f"{word} (worker {index})" for index, word in sorted(said.items()) if word)


def _reason(known: Mapping[int, VersionStatus]) -> str:
    """Why that engine: in the words of the first worker, since each has measured for itself; where engines differ, of each."""
    reasons = {index: status.engine_reason for index, status in sorted(known.items()) if status.engine_reason}
    if len({known[index].engine for index in reasons}) > 1:
        return "; ".join(f"worker {index}: {reason}" for index, reason in reasons.items())
    return next(iter(reasons.values()), "")


def _status(told: Sequence[Any]) -> VersionStatus:
    version, state, error, engine, reason, digest = told
    return VersionStatus(version, State(state), error_from_json(error), engine, reason, digest)
