"""What a reload did, as processes tell each other."""

from __future__ import annotations

import json

from headrace.serving.processes.link import error_from_json, error_to_json
from headrace.serving.reload import Outcome, ReloadResult


def to_json(result: ReloadResult) -> str:
    """A form for JSON."""
    return json.dumps([[each.model, each.change, error_to_json(each.error)] for each in result.outcomes])


def from_json(text: str) -> ReloadResult:
    """What `to_json` was made of."""
    return ReloadResult(tuple(Outcome(model, change, error_from_json(error)) for model, change, error in json.loads(text)))
