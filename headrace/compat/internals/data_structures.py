"""tensorflow.python.trackable.data_structures: containers that TensorFlow puts in the place of attributes' lists and dicts.

Headrace follows plain lists and dicts, so no attribute turns into one of these; libraries register them as structures.
"""

from __future__ import annotations

from typing import Any


class ListWrapper(list[Any]):
    """A list."""


class _DictWrapper(dict[Any, Any]):
    """A dict."""
