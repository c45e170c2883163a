"""The paths of the REST API: letter case does not matter, names are URL-encoded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import unquote_to_bytes

from headrace.core.errors import InvalidArgumentError
from headrace.serving.models import ModelSpec, version_number
from headrace.serving.rest.errors import PathNotFoundError

Action = Literal["predict", "classify", "regress", "status", "metadata", "list", "feedback", "infer", "ready", "index"]

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(_MODEL + r":(?P<action>predict|classify|regress)", re.IGNORECASE | re.ASCII)
_GET = re.compile(_MODEL + r"(?:/(?P<action>metadata))?", re.IGNORECASE | re.ASCII)
_FEEDBACK = re.compile(r"/v1/feedback", re.IGNORECASE)
_LIST = re.compile(r"/v1/models", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks for, and of which model."""

    action: Action
    spec: ModelSpec


def parse(method: str, path: str) -> Target:
    """The target of a request.

    Args:
        method: such as "POST".
        path: as sent, still URL-encoded, without the query.

    Raises:
        PathNotFoundError: the path is outside /v1.
        InvalidArgumentError: a path under /v1 that is none of the API's.
    """
    if not path[:4].lower() == "/v1/":
        raise PathNotFoundError(f"Not found: {method} {path}; the API's paths begin with /v1/models")
    if method == "GET" and _LIST.fullmatch(path):
        return Target("list", ModelSpec(""))
    if method == "POST" and _FEEDBACK.fullmatch(path):
        return Target("feedback", ModelSpec(""))
    match = {"GET": _GET, "POST": _POST}[method].fullmatch(path) if method in ("GET", "POST") else None
    if match is None:
        raise InvalidArgumentError(f"Malformed request: {method} {path}")
    action = cast("Action", (match["action"] or "status").lower())
    return Target(
        action, ModelSpec(decode_name(match["name"]), version_number(match["version"]), decode_name(match["label"] or ""))
    )


def decode_name(text: str) -> str:
    """The name of a model or a label, its URL encoding undone.

    Raises:
        InvalidArgumentError: it is not UTF-8.
    """
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise InvalidArgumentError(f"Failed to decode model name:{text}") from None
