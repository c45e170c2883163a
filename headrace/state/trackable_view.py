"""tf.train.TrackableView: the objects that hang on one."""

from __future__ import annotations

from typing import Any

from headrace.state import tracking


class TrackableView:
    """The object graph below an object.

    Args:
        root: a trackable object.
    """

    def __init__(self, root: Any) -> None:
        self._root = root

    @classmethod
    def children(cls, obj: Any, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        """The objects that hang on `obj`, by the names of the edges."""
        if save_type == tracking.CHECKPOINT:
            return dict(tracking.children(obj))
        with tracking.for_saved_model():
            return dict(tracking.children(obj))

    @property
    def root(self) -> Any:
        """The object at the top."""
        return self._root

    def descendants(self) -> list[Any]:
        """The root and every object below it, breadth first and once each."""
        found, seen = [self._root], {id(self._root)}
        for item in found:
            for child in self.children(item).values():
                if id(child) not in seen:
                    seen.add(id(child))
                    found.append(child)
        return found
