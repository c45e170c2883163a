"""From one list of models to another: what changes, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from headrace.core.errors import FailedPreconditionError, OpError, UnknownError
from headrace.serving.configuration.model_list import ModelConfig, check_label

Change = Literal["added", "moved", "updated", "unchanged", "removed"]
"""`moved`: the base path is another one. `updated`: the policy or the labels are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reload did to one model, and why that model did not become available, if it did not."""

    model: str
    change: Change
    error: OpError | None = None


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """What a reload did to every model of the old and the new list, by name."""

    outcomes: tuple[Outcome, ...]

    @property
    def changed(self) -> bool:
        """True when some model is not as it was before."""
        return any(outcome.change != "unchanged" for outcome in self.outcomes)

    @property
    def error(self) -> OpError | None:
        """None when every new model is AVAILABLE, else UnknownError with the reason for each that is not."""
        failed = [outcome for outcome in self.outcomes if outcome.error is not None]
        if not failed:
            return None
        reasons = ", ".join(
            f"{{{each.model}: {each.error.code}: {each.error.message}}}" for each in failed if each.error is not None
        )
        return UnknownError(f"{len(failed)} model(s) did not become available: {{{reasons}}}")


def changes(old: Mapping[str, ModelConfig], new: Iterable[ModelConfig]) -> dict[str, Change]:
    """What becomes of every model of either list, by name, sorted."""
    wanted = {model.name: model for model in new}
    return {name: _change(old.get(name), wanted.get(name)) for name in sorted(old.keys() | wanted.keys())}


def check_labels(
    old: Mapping[str, ModelConfig],
    new: Iterable[ModelConfig],
    available: Mapping[str, list[int]],
    allow_unavailable: bool,
) -> None:
    """Raises FailedPreconditionError when a label is to name a version that is not AVAILABLE.

    Args:
        old: the models so far.
        new: the models to be.
        available: the AVAILABLE versions, by model.
        allow_unavailable: lets a label that is new, or stays as it is, name any version.
    """
    for model in new:
        before = old[model.name].labels if model.name in old else {}
        for label, version in model.labels.items():
            if not (allow_unavailable and before.get(label, version) == version):
                check_label(model, label, available.get(model.name, []))


def missing_label(model: ModelConfig, available: list[int]) -> OpError | None:
    """The error when a label of `model` names a version that is not among those `available`, else None."""
    try:
        for label in model.labels:
            check_label(model, label, available)
    except FailedPreconditionError as error:
        return error
    return None


def _change(old: ModelConfig | None, new: ModelConfig | None) -> Change:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    if old.base_path != new.base_path:
        return "moved"
    return "unchanged" if (old.policy, old.labels, old.logging) == (new.policy, new.labels, new.logging) else "updated"
