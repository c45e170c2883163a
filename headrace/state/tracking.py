"""The object graph: which objects hang on which, by the names that checkpoints use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, runtime_checkable

_PRIVATE = ("_self_", "__", "_headrace_")

CHECKPOINT = "checkpoint"
SAVED_MODEL = "savedmodel"
_purpose: ContextVar[str] = ContextVar("purpose", default=CHECKPOINT)


def purpose() -> str:
    """What the children of objects are asked for: CHECKPOINT or SAVED_MODEL."""
    return _purpose.get()


@contextmanager
def for_saved_model() -> Iterator[None]:
    """Asks for the children that a SavedModel has."""
    token = _purpose.set(SAVED_MODEL)
    try:
        yield
    finally:
        _purpose.reset(token)


class Trackable:
    """Anything that has a place in the object graph. Subclasses may override `trackable_children`."""

    def trackable_children(self) -> dict[str, Any]:
        """The objects that hang on this one, by the names of the edges."""
        return {key: value for key, value in sorted(vars(self).items()) if not key.startswith(_PRIVATE) and is_trackable(value)}

    def other_names(self) -> dict[str, Any]:
        """Children by names that other programs' checkpoints know them by."""
        return {}

    def stands_for(self) -> Any:
        """The object that is saved in this one's place: itself, or the variable that it wraps."""
        return self


class PositionOwner(Trackable):
    """An object whose state is bytes, such as an iterator's position in its dataset."""

    def packed_position(self) -> bytes:
        """The state."""
        raise NotImplementedError

    def restore_position(self, blob: bytes) -> None:
        """Goes to a state that `packed_position` gave."""
        raise NotImplementedError


@runtime_checkable
class SlotOwner(Protocol):
    """An optimizer whose statistics are slots: variables that belong to it and to another variable."""

    def get_slot_names(self) -> list[str]:
        """The names of its slots."""

    def get_slot(self, var: Any, name: str) -> Any:
        """The slot of a variable, None when there is none."""


class AutoTrackable(Trackable):
    """An object whose attributes are followed; what `tf.Module` and loaded models are."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if _WAITING in self.__dict__ and not name.startswith(_PRIVATE):
            children_came(self)


_WAITING = "_headrace_waiting"


def await_children(owner: AutoTrackable, call: Callable[[], None] | None) -> None:
    """Has `call` called when `owner` gets new children; None ends that. What waited before is forgotten."""
    if call is None:
        vars(owner).pop(_WAITING, None)
    else:
        vars(owner)[_WAITING] = call


def children_came(owner: AutoTrackable) -> None:
    """Says that `owner` has new children, for a checkpoint that still has values for them."""
    waiting = vars(owner).get(_WAITING)
    if waiting is not None:
        waiting()


def is_trackable(value: Any) -> bool:
    """True for trackable objects and for lists, tuples and dicts with string keys that lead to one."""
    if isinstance(value, Trackable):
        return True
    if isinstance(value, list | tuple):
        return any(is_trackable(item) for item in value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) for key in value) and any(is_trackable(item) for item in value.values())
    return False


def children(value: Any) -> dict[str, Any]:
    """The children of a trackable object, list, tuple or dict: edge name to object.

    Elements of sequences go by their position, those of dicts by their key, as in TensorFlow's checkpoints.
    """
    if isinstance(value, Trackable):
        found = value.trackable_children()
    elif isinstance(value, list | tuple):
        found = {str(i): item for i, item in enumerate(value) if is_trackable(item)}
    elif isinstance(value, Mapping):
        found = {key: item for key, item in value.items() if is_trackable(item)}
    else:
        return {}
    return {name: child.stands_for() if isinstance(child, Trackable) else child for name, child in found.items()}


def other_names(value: Any) -> dict[str, Any]:
    """Children of an object by names that other programs' checkpoints know them by."""
    return value.other_names() if isinstance(value, Trackable) else {}


def walk(root: Any) -> list[tuple[Any, dict[str, Any]]]:
    """Every object reachable from `root`, breadth first and once each, with its children."""
    seen = {id(root)}
    queue = [root]
    found = []
    for item in queue:
        below = children(item)
        found.append((item, below))
        for child in below.values():
            if id(child) not in seen:
                seen.add(id(child))
                queue.append(child)
    return found
