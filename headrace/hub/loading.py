"""Loads models by their handles."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.hub.resolving import resolve
from headrace.saved_model.loader import contains_saved_model
from headrace.saved_model.loader import load as load_saved_model

_OLD_FORMAT = "tfhub_module.pb"


def load(handle: str, tags: str | Iterable[str] | None = None, options: Any = None) -> Any:
    """Loads the SavedModel that a handle names.

    Args:
        handle: as `resolve` takes it.
        tags: of the graph to load; may be left out when there is one graph only.
        options: a `tf.saved_model.LoadOptions`.

    Returns:
        As `tf.saved_model.load` does.

    Raises:
        ValueError: the handle is no text, or there is no SavedModel behind it.
        OpError: as `resolve` and `tf.saved_model.load`.
    """
    if not isinstance(handle, str):
        raise InvalidArgumentError(f"a handle is a text, not {handle!r}")
    path = resolve(handle)
    if not contains_saved_model(path):
        raise InvalidArgumentError(f"{handle} is no SavedModel: {path} contains neither saved_model.pb nor saved_model.pbtxt")
    old = Path(path, _OLD_FORMAT).exists()
    found = load_saved_model(path, tags=[] if old and tags is None else tags, options=options)
    found._is_hub_module_v1 = old
    return found
