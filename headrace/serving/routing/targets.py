"""Whether the models, versions and labels that rules name are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from headrace.core.errors import OpError
from headrace.serving.models import ModelSpec
from headrace.serving.routing.rules import Rules, Variant
from headrace.serving.servable import State, VersionStatus


class Targets(Protocol):
    """The models that rules name, as Models has them."""

    def overview(self) -> Mapping[str, Sequence[VersionStatus]]:
        """Every model with the state of its versions."""

    def labels(self) -> Mapping[str, Mapping[str, int]]:
        """The version of every label, by model."""

    def statuses(self, spec: ModelSpec) -> Sequence[VersionStatus]:
        """The state of what `spec` names; raises OpError where that is unknown."""


def unknown_targets(rules: Rules, models: Targets) -> list[str]:
    """What rules name and the server does not know, a sentence for each. A version may be on its way in or out."""
    overview, labels = models.overview(), models.labels()
    missing: list[str] = []
    for model, each in rules.items():
        if model not in overview:
            missing.append(f"model {model!r} is not served here")
            continue
        versions = {status.version for status in overview[model] if status.state is not State.END}
        for variant in each.variants:
            if variant.label and variant.label not in labels.get(model, {}):
                missing.append(f"variant {variant.name!r}: model {model!r} has no label {variant.label!r}")
            elif variant.version is not None and variant.version not in versions:
                known = ", ".join(map(str, sorted(versions))) or "none"
                missing.append(
                    f"variant {variant.name!r}: model {model!r} has no version {variant.version}; expected one of: {known}"
                )
    return missing


def version_of(model: str, variant: Variant, models: Targets) -> tuple[int | None, bool]:
    """The version that a variant names now, if there is one, and whether that is AVAILABLE."""
    try:
        statuses = models.statuses(ModelSpec(model, variant.version, variant.label))
    except OpError:
        return variant.version, False
    return statuses[0].version, statuses[0].state is State.AVAILABLE
