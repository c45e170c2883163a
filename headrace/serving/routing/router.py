"""Finds the version that a request gets: what the rules say, or, where that is not AVAILABLE, the next best."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from headrace.core.errors import OpError
from headrace.serving.context import RequestContext, Routed
from headrace.serving.models import Models, ModelSpec
from headrace.serving.routing.experiment import OVERRIDE, Experiment
from headrace.serving.routing.rules import Variant
from headrace.serving.routing.split import further_place, pick
from headrace.serving.servable import Handle

VARIANT = OVERRIDE
"""The header, or metadata, of the answer that names the variant."""
VERSION = "x-headrace-model-version"
REQUEST_ID = "x-headrace-request-id"
_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Router:
    """Gives requests that name neither version nor label the version that the rules of their model say.

    Args:
        models: the models.
        on_fallback: told the model and the variant when a request cannot get the variant that it was meant for.

    Attributes:
        experiments: the rules in force, by model; replaced as a whole.
    """

    def __init__(self, models: Models, on_fallback: Callable[[str, str], None]) -> None:
        self.experiments: Mapping[str, Experiment] = {}
        self._models = models
        self._on_fallback = on_fallback

    def acquire(self, spec: ModelSpec, context: RequestContext) -> Handle:
        """A handle on the version that a request gets. What was chosen is kept in its context, and told with the answer.

        A request may ask again, and gets the same variant.

        Raises:
            OpError: there is no version for it without the rules either; see `Models.acquire`.
        """
        experiment = self.experiments.get(spec.name)
        if experiment is None or spec.version is not None or spec.label:
            return self._models.acquire(spec)
        routed = context.routed
        if routed is None or routed.rules is not experiment.rules:
            routed = experiment.route(context)
        handle, context.routed = self._available(experiment, spec, routed)
        headers = context.answer_headers
        headers[VERSION] = str(handle.version)
        headers.pop(VARIANT, None)
        if context.routed.variant:
            headers[VARIANT] = context.routed.variant
        if REQUEST_ID not in headers:
            given = context.header(REQUEST_ID)
            headers[REQUEST_ID] = given if _ID.fullmatch(given) else secrets.token_hex(16)
        return handle

    def _available(self, experiment: Experiment, spec: ModelSpec, routed: Routed) -> tuple[Handle, Routed]:
        """A handle on the variant, or else on another by the weights left, or else on what the model gives without rules."""
        variants = experiment.rules.variants
        names = experiment.rules.names
        weights = list(experiment.weights)
        while routed.variant:
            index = names.index(routed.variant)
            try:
                return self._models.acquire(_spec_of(spec, variants[index])), routed
            except OpError:
                pass
            if routed.assigned:
                experiment.fell_back(routed.variant)
                self._on_fallback(experiment.model, routed.variant)
            weights[index] = 0.0
            place = further_place(routed.place)
            name = names[pick(weights, place)] if any(weights) else ""
            routed = replace(routed, variant=name, place=place, assigned=False)
        return self._models.acquire(spec), routed


def _spec_of(spec: ModelSpec, variant: Variant) -> ModelSpec:
    return replace(spec, version=variant.version, label=variant.label)
