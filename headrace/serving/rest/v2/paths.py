"""The paths of the protocol below `/v2/models` and `/v2/repository`."""

from __future__ import annotations

import re
from typing import cast

from headrace.serving.models import ModelSpec
from headrace.serving.rest.errors import MethodNotAllowedError, PathNotFoundError
from headrace.serving.rest.paths import Action, Target, decode_name
from headrace.serving.v2.infer import spec_of

_MODEL = re.compile(r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/(?P<action>ready|infer))?", re.IGNORECASE)
_INDEX = "/v2/repository/index"
_METHODS = {"infer": "POST", "index": "POST", "metadata": "GET", "ready": "GET"}


def covers(path: str) -> bool:
    """True for a path of this protocol."""
    return path[:4].lower() == "/v2/"


def parse(method: str, path: str) -> Target:
    """The target of a request. A version that is no number is taken for a label.

    Args:
        method: such as "POST".
        path: as sent, still URL-encoded, without the query.

    Raises:
        PathNotFoundError: the protocol has no such path.
        MethodNotAllowedError: it has, with another method.
        InvalidArgumentError: a name is not UTF-8, or a version no int64.
    """
    target = Target("index", ModelSpec("")) if path.lower() == _INDEX else _of_model(method, path)
    if method != _METHODS[target.action]:
        raise MethodNotAllowedError(f"{method} is not allowed on {path}; use {_METHODS[target.action]}")
    return target


def _of_model(method: str, path: str) -> Target:
    match = _MODEL.fullmatch(path)
    if match is None:
        raise PathNotFoundError(f"Not found: {method} {path}; the protocol's paths begin with /v2/models")
    name, version = decode_name(match["name"]), decode_name(match["version"] or "")
    action = cast("Action", (match["action"] or "metadata").lower())
    return Target(action, spec_of(name, version))
