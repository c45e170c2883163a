"""tf.__internal__.tracking: the object graph, by the methods that libraries override and call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from headrace.state import tracking
from headrace.trace.concrete import ConcreteFunction
from headrace.trace.function import Function

_CHILDREN = "_self_headrace_children"
_UNTRACKED = "_self_headrace_untracked"
_TRACKING = "_self_setattr_tracking"


class _AnyTrackable(type):
    """Counts everything that is trackable here as an instance of `Trackable`."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, tracking.Trackable) if cls is Trackable else super().__instancecheck__(instance)


class Trackable(tracking.Trackable, metaclass=_AnyTrackable):
    """An object of the object graph whose children are named by `_trackable_children`."""

    def _track_trackable(self, trackable: Any, name: str, overwrite: bool = False) -> Any:
        """Hangs an object on this one.

        Args:
            trackable: the object.
            name: of the edge.
            overwrite: whether it may take the place of another.

        Raises:
            TypeError: it is not trackable.
            ValueError: the name is taken.
        """
        if not tracking.is_trackable(trackable):
            raise TypeError(f"{name!r} is to be tracked but {trackable!r} ({type(trackable).__name__}) is not trackable")
        own = self._own_children()
        if name in own and own[name] is not trackable and not overwrite:
            raise ValueError(f"{type(self).__name__} tracks another object as {name!r}; give overwrite=True or another name")
        own[name] = trackable
        return trackable

    def _own_children(self) -> dict[str, Any]:
        found: dict[str, Any] = vars(self).setdefault(_CHILDREN, {})
        return found

    def _trackable_children(self, save_type: str = tracking.CHECKPOINT, **kwargs: Any) -> dict[str, Any]:
        """The children by the names of their edges.

        Args:
            save_type: "checkpoint" or "savedmodel".
            kwargs: taken for the sake of classes that override this.
        """
        return dict(self._own_children())

    def _lookup_dependency(self, name: str, cached_dependencies: Any = None) -> Any:
        """The child of that name, None when there is none."""
        return self._own_children().get(name)

    def trackable_children(self) -> dict[str, Any]:
        """What `_trackable_children` names for the present purpose."""
        return self._trackable_children(tracking.purpose())

    def stands_for(self) -> Any:
        """The tf.Variable that an object acts as, else the object itself."""
        return getattr(self, "value", self) if getattr(self, "_should_act_as_resource_variable", False) else self


class AutoTrackable(Trackable, tracking.AutoTrackable):
    """A Trackable whose children are its attributes, in a SavedModel the functions that its class declares too."""

    def _trackable_children(self, save_type: str = tracking.CHECKPOINT, **kwargs: Any) -> dict[str, Any]:
        """The children by the names of their edges."""
        found = super()._trackable_children(save_type, **kwargs) | self._containers()
        if save_type == tracking.CHECKPOINT:
            return {name: child for name, child in found.items() if not isinstance(child, Function | ConcreteFunction)}
        declared = (name for name in dir(type(self)) if not name.startswith("__") and name not in found)
        functions = {name: getattr(self, name, None) for name in declared if _may_be_function(getattr(type(self), name, None))}
        return found | {name: value for name, value in functions.items() if isinstance(value, Function | ConcreteFunction)}

    def _containers(self) -> dict[str, Any]:
        """The attributes that are plain lists, tuples or dicts and hold trackable objects by now."""
        left_out = vars(self).get(_UNTRACKED, ())
        plain = {name: value for name, value in vars(self).items() if type(value) in (list, tuple, dict)}
        return {name: value for name, value in plain.items() if name not in left_out and tracking.is_trackable(value)}

    def __delattr__(self, name: str) -> None:
        self._own_children().pop(name, None)
        super().__delattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        own, tracked = self._own_children(), getattr(self, _TRACKING, True)
        if tracked and isinstance(value, tracking.Trackable) and not name.startswith("_self_"):
            own[name] = value
        elif name in own and own[name] is not value:
            del own[name]
        left_out: set[str] = vars(self).setdefault(_UNTRACKED, set())
        (left_out.discard if tracked else left_out.add)(name)
        super().__setattr__(name, value)


def _may_be_function(declared: Any) -> bool:
    """True for what a class declares that an instance may give a tf.function for."""
    return isinstance(declared, Function | ConcreteFunction | property)


def no_automatic_dependency_tracking(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: attributes that a method sets become no children."""

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = getattr(self, _TRACKING, True)
        object.__setattr__(self, _TRACKING, False)
        try:
            return method(self, *args, **kwargs)
        finally:
            object.__setattr__(self, _TRACKING, before)

    return wrapper
