"""Replacing the list of models on somebody's word, noted in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core.errors import OpError
from headrace.serving.audit import AuditLog
from headrace.serving.reload import ReloadResult


def audited_reload(reload: Callable[[Any], ReloadResult], config: Any, audit: AuditLog, who: str) -> ReloadResult:
    """Replaces the list of models by `reload`, such as Models.reload, whose errors it raises."""
    try:
        result = reload(config)
    except OpError as error:
        audit.record(who, "models.reload", "models", error.code, {"error": error.message})
        raise
    audit.record(who, "models.reload", "models", result.error.code if result.error is not None else "OK", outcomes(result))
    return result


def note_from_file(result: ReloadResult, audit: AuditLog) -> None:
    """Notes a list that came from the file that is watched. A refused one, which is tried again and again, is only logged."""
    if result.changed:
        code = result.error.code if result.error is not None else "OK"
        audit.record("model_config_file", "models.reload", "models", code, outcomes(result))


def outcomes(result: ReloadResult) -> dict[str, Any]:
    """What came of each model, as JSON."""
    return {
        each.model: {"change": each.change, "error": each.error.message if each.error is not None else ""}
        for each in result.outcomes
    }
