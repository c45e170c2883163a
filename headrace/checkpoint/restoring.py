"""Restoring: objects are matched with those of a checkpoint by the names of the edges between them."""

from __future__ import annotations

from typing import Any

import jax

from headrace.checkpoint.bundle import BundleReader
from headrace.checkpoint.object_graph import POSITION, TABLE, VALUE, Numbered, restore_table, stored_attribute
from headrace.core.errors import NotFoundError
from headrace.state import tracking
from headrace.state.variable import Variable


class Restoration:
    """One checkpoint on its way into the objects below a root.

    Objects that come later (an attribute that is set, the slots of an optimizer) are matched when they come.
    """

    def __init__(self, reader: BundleReader, graph: Any, root: Any, *, skip_slots: bool = False) -> None:
        """Restores what is there, without the slots of optimizers where those are to be skipped.

        Raises:
            ValueError: a value's shape does not fit its variable.
            DataLossError: a value is damaged.
        """
        self._reader = reader
        self._nodes = graph.nodes
        self._root = root
        self._objects: dict[int, Any] = {}
        """What each object of the checkpoint is here, by its number."""
        self._numbers: dict[int, int] = {}
        refs = [(n, ref) for n, node in enumerate(self._nodes) for ref in node.slot_variables]
        self._skips = skip_slots
        self._skipped = {ref.slot_variable_node_id for _, ref in refs} if skip_slots else set()
        self._slots = [] if skip_slots else refs
        """The slots that are not matched, each with the number of its optimizer."""
        self._match(root, 0)

    def _match(self, root: Any, number: int) -> None:
        """Matches an object and those below it, and the slots whose optimizer and variable are there."""
        self._match_below(root, number)
        for pair in list(self._slots):
            owner, ref = pair
            slot = self._slot(owner, ref)
            if slot is not None and pair in self._slots:
                self._slots.remove(pair)
                self._match_below(slot, ref.slot_variable_node_id)

    def _slot(self, number: int, ref: Any) -> Any:
        """The slot that the checkpoint's optimizer has here, made where the optimizer can; None when there is none."""
        owner, variable = self._objects.get(number), self._objects.get(ref.original_variable_node_id)
        if not (isinstance(owner, tracking.SlotOwner) and isinstance(variable, Variable)):
            return None
        found = owner.get_slot(variable, ref.slot_name)
        if found is None and hasattr(owner, "create_slot"):
            found = owner.create_slot(variable, ref.slot_name)
        return found if isinstance(found, Variable) else None

    def _match_below(self, root: Any, number: int) -> None:
        """Matches an object and those below it."""
        pending = [(root, number)]
        while pending:
            value, number = pending.pop()
            if number in self._objects:
                if self._objects[number] is not value:
                    continue  # an object of the checkpoint stands for the first that has its place
            else:
                self._objects[number] = value
                self._numbers[id(value)] = number
                self._restore(value, number)
            below = {child.local_name: child.node_id for child in self._nodes[number].children}
            present = tracking.other_names(value) | tracking.children(value)
            pending += [(child, below[name]) for name, child in present.items() if name in below]
            if isinstance(value, tracking.AutoTrackable):
                self._wait(value, number)

    def _wait(self, value: tracking.AutoTrackable, number: int) -> None:
        """Asks to be told of children that the object gets later, while some are missing below it."""
        if self._missing(number):
            tracking.await_children(value, lambda: self._match(value, number))
        else:
            tracking.await_children(value, None)

    def _missing(self, number: int) -> bool:
        """True when something that hangs below an object of the checkpoint, by lists and dicts alone, is not matched."""
        pending, seen = [number], {number}
        while pending:
            for child in self._nodes[pending.pop()].children:
                if child.node_id not in self._objects:
                    return True
                if child.node_id not in seen and not isinstance(self._objects[child.node_id], tracking.Trackable):
                    seen.add(child.node_id)
                    pending.append(child.node_id)
        return False

    def _restore(self, value: Any, number: int) -> None:
        for attribute in self._nodes[number].attributes:
            if attribute.name != stored_attribute(value):
                continue
            if attribute.name == VALUE:
                assign(value, self._reader, attribute.checkpoint_key)
            elif attribute.name == TABLE:
                restore_table(self._reader, attribute.checkpoint_key, value.resource_handle)
            elif attribute.name == POSITION:
                value.restore_position(self._reader.read(attribute.checkpoint_key).item())

    def refresh(self) -> None:
        """Matches what came since, wherever it hangs."""
        self._match(self._root, 0)

    def unmatched_values(self) -> list[str]:
        """The keys of the checkpoint's values that no object here took."""
        return [
            attribute.checkpoint_key
            for number, node in enumerate(self._nodes)
            for attribute in node.attributes
            if number not in self._skipped
            and (number not in self._objects or stored_attribute(self._objects[number]) != attribute.name)
        ]

    def unmatched_objects(self, *, with_state: bool) -> list[Any]:
        """The objects here that the checkpoint does not have; with `with_state` only variables and tables."""
        numbered = Numbered(self._root)
        apart = {slot for *_, slot in numbered.slots} if self._skips else set()
        return [
            value
            for number, value in enumerate(numbered.objects)
            if number not in apart and id(value) not in self._numbers and (not with_state or stored_attribute(value) is not None)
        ]

    def is_trivial(self) -> bool:
        """True when nothing but the root was matched."""
        return len(self._objects) <= 1


class Status:
    """What `Checkpoint.restore` returns: questions about how much was restored."""

    def __init__(self, restoration: Restoration, prefix: str) -> None:
        self._restoration = restoration
        self._prefix = prefix

    def assert_consumed(self) -> Status:
        """Checks that the objects and the checkpoint match one another.

        Raises:
            AssertionError: a value of the checkpoint was not used, or an object is not in it.
        """
        self.assert_existing_objects_matched(with_state=False)
        left = self._restoration.unmatched_values()
        if left:
            raise AssertionError(f"{len(left)} values of the checkpoint {self._prefix!r} were not used: {', '.join(left[:10])}")
        return self

    def assert_existing_objects_matched(self, *, with_state: bool = True) -> Status:
        """Checks that every variable that exists has its value from the checkpoint.

        Raises:
            AssertionError: one has not.
        """
        self._restoration.refresh()
        left = self._restoration.unmatched_objects(with_state=with_state)
        if left:
            named = ", ".join(map(repr, left[:10]))
            raise AssertionError(f"{len(left)} objects have no place in the checkpoint {self._prefix!r}: {named}")
        return self

    def assert_nontrivial_match(self) -> Status:
        """Checks that anything but the root was found.

        Raises:
            AssertionError: nothing was.
        """
        self._restoration.refresh()
        if self._restoration.is_trivial():
            raise AssertionError(f"nothing of the checkpoint {self._prefix!r} matches but the root object")
        return self

    def expect_partial(self) -> Status:
        """Says that the checkpoint may hold more than is used; without effect, for nothing is said of that."""
        return self

    def run_restore_ops(self, session: Any = None) -> None:
        """Nothing: values are restored at once."""

    def initialize_or_restore(self, session: Any = None) -> None:
        """Nothing: values are restored at once."""


class NamedStatus(Status):
    """What restoring a checkpoint without objects returns, whose values go by the names of variables."""

    def __init__(self, reader: BundleReader, root: Any) -> None:
        """Restores the variables whose names the checkpoint has.

        Raises:
            ValueError: a value's shape does not fit its variable.
        """
        self._prefix = str(reader.prefix)
        self._left: list[Any] = []
        self._used: set[str] = set()
        self._unused = set(reader)
        for value in Numbered(root).objects:
            if isinstance(value, Variable) and value is not vars(root).get("save_counter"):
                if value._name in reader:
                    assign(value, reader, value._name)
                    self._used.add(value._name)
                else:
                    self._left.append(value)
        self._unused -= self._used

    def assert_consumed(self) -> Status:
        """Checks that every variable got a value; a checkpoint by names may hold more.

        Raises:
            AssertionError: one did not.
        """
        return self.assert_existing_objects_matched()

    def assert_existing_objects_matched(self, *, with_state: bool = True) -> Status:
        """The same as `assert_consumed`."""
        if self._left:
            named = ", ".join(map(repr, self._left[:10]))
            raise AssertionError(f"{len(self._left)} variables have no value in the checkpoint {self._prefix!r}: {named}")
        return self

    def assert_nontrivial_match(self) -> Status:
        """Checks that a variable got a value.

        Raises:
            AssertionError: none did.
        """
        if not self._used:
            raise AssertionError(f"nothing of the checkpoint {self._prefix!r} matches")
        return self


def assign(variable: Variable, reader: BundleReader, key: str) -> None:
    """Gives a variable its value.

    Raises:
        ValueError: shape or dtype do not fit.
        NotFoundError: the checkpoint lacks the key that its own object graph names.
    """
    if key not in reader:
        raise NotFoundError(f"the checkpoint {str(reader.prefix)!r} has no value {key!r}")
    dtype, shape = reader.spec(key)
    if dtype is not variable.dtype or not variable.shape.is_compatible_with(shape):
        raise ValueError(
            f"the checkpoint {str(reader.prefix)!r} holds {dtype.name}{list(shape)} under {key!r}; the variable"
            f" {variable.name!r} is {variable.dtype.name}{variable.shape}"
        )
    value = reader.read(key)
    variable.handle.array.write(value if value.dtype.kind == "O" else jax.device_put(value))
