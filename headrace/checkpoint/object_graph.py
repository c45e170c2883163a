"""The object graph of a checkpoint: which objects hang on which, and under what key the value of each variable stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.checkpoint.bundle import BundleReader
from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.dispatch.opdef import get
from headrace.ops.lookup.tables import table_of
from headrace.proto.messages import TrackableObjectGraph, parse
from headrace.state import tracking
from headrace.state.tables import TableOwner
from headrace.state.variable import Variable

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The key of the graph itself."""
VALUE = "VARIABLE_VALUE"
"""The attribute that stands for the value of a variable."""
TABLE = "table"
"""The attribute that stands for the entries of a table."""
POSITION = "ITERATOR_STATE"
"""The attribute that stands for the position of an iterator."""
KEYS, VALUES = "-keys", "-values"
"""What follows the key of a table: its entries are two tensors."""


def escaped(name: str) -> str:
    """An edge's name as part of a key."""
    return name.replace(".", "..").replace("/", ".S")


class Numbered:
    """Every object below a root, numbered breadth first.

    Attributes:
        objects: the objects; the root is number 0.
        children: for each object, edge name to object number.
        slots: the slots of optimizers, which are no children: number of the optimizer, of the variable, name, number of the slot.
        keys: the key of each variable's value and what those of each stored table begin with, by object number.
    """

    def __init__(self, root: Any) -> None:
        found = tracking.walk(root)
        numbers = {id(value): number for number, (value, _) in enumerate(found)}
        self.objects = [value for value, _ in found]
        self.children = [{name: numbers[id(child)] for name, child in below.items()} for _, below in found]
        paths = [""] * len(found)
        named = {0}
        for number, below in enumerate(self.children):
            for name, child in below.items():
                if child not in named:
                    named.add(child)
                    paths[child] = f"{paths[number]}{escaped(name)}/"
        self.slots: list[tuple[int, int, str, int]] = []
        for owner, variable, name, slot in _slots(self.objects):
            self.slots.append((owner, variable, name, len(self.objects)))
            self.objects.append(slot)
            self.children.append({})
            paths.append(f"{paths[variable]}.OPTIMIZER_SLOT/{paths[owner]}{escaped(name)}/")
        self.keys = {
            number: f"{paths[number]}.ATTRIBUTES/{attribute}"
            for number, value in enumerate(self.objects)
            if (attribute := stored_attribute(value)) is not None
        }

    def tensors(self) -> dict[str, Any]:
        """The arrays to store, by key.

        Raises:
            FailedPreconditionError: a variable has no value.
        """
        found: dict[str, Any] = {}
        for number, key in self.keys.items():
            value = self.objects[number]
            if isinstance(value, Variable):
                found[key] = value.handle.array.peek()
            elif isinstance(value, tracking.PositionOwner):
                found[key] = np.array(value.packed_position(), object)
            else:
                found[key + KEYS], found[key + VALUES] = table_of(value.resource_handle.array).exported()
        return found

    def graph(self) -> Any:
        """The TrackableObjectGraph."""
        graph = TrackableObjectGraph()
        for number, value in enumerate(self.objects):
            node = graph.nodes.add()
            for name, child in self.children[number].items():
                node.children.add(node_id=child, local_name=name)
            if number in self.keys:
                full_name = value._name if isinstance(value, Variable) else ""
                attribute = stored_attribute(value)
                node.attributes.add(name=attribute, full_name=full_name, checkpoint_key=self.keys[number])
                node.has_checkpoint_values.value = True
        for owner, variable, name, slot in self.slots:
            graph.nodes[owner].slot_variables.add(original_variable_node_id=variable, slot_name=name, slot_variable_node_id=slot)
        return graph


def _slots(objects: list[Any]) -> list[tuple[int, int, str, Any]]:
    """The slots that hang on no object: number of the optimizer, of the variable, name, and the slot."""
    known = set(map(id, objects))
    variables = [(number, value) for number, value in enumerate(objects) if isinstance(value, Variable)]
    found = []
    for owner, value in enumerate(objects):
        if isinstance(value, tracking.SlotOwner):
            for name in value.get_slot_names():
                for number, variable in variables:
                    slot = value.get_slot(variable, name)
                    if slot is not None and id(slot) not in known:
                        found.append((owner, number, name, slot))
    return found


def stored_attribute(value: Any) -> str | None:
    """The attribute under which an object's own state is stored, None for one without."""
    if isinstance(value, Variable):
        return VALUE
    if isinstance(value, tracking.PositionOwner):
        return POSITION
    return TABLE if isinstance(value, TableOwner) and value.checkpointed else None


def stored_graph(reader: BundleReader) -> Any:
    """The TrackableObjectGraph of a checkpoint, None for one that was saved by names alone.

    Raises:
        DataLossError: it is damaged.
    """
    if GRAPH_KEY not in reader:
        return None
    blob: Any = reader.read(GRAPH_KEY)
    if blob.shape != () or not isinstance(blob[()], bytes):
        raise DataLossError(f"{GRAPH_KEY} of the checkpoint {str(reader.prefix)!r} is no single string")
    graph = parse(TrackableObjectGraph, blob[()], GRAPH_KEY)
    count = len(graph.nodes)
    if not count or any(not 0 <= child.node_id < count for node in graph.nodes for child in node.children):
        raise DataLossError(f"{GRAPH_KEY} of the checkpoint {str(reader.prefix)!r} names an object that is not there")
    slots = [slot for node in graph.nodes for slot in node.slot_variables]
    if any(not (0 <= s.original_variable_node_id < count and 0 <= s.slot_variable_node_id < count) for s in slots):
        raise DataLossError(f"{GRAPH_KEY} of the checkpoint {str(reader.prefix)!r} names a slot of objects that are not there")
    return graph


def check_trackable(value: Any, what: str) -> None:
    """Checks that a value may stand in a checkpoint.

    Raises:
        ValueError: it holds nothing that could be saved.
    """
    empty = isinstance(value, list | tuple | dict) and not value
    if not (tracking.is_trackable(value) or empty):
        raise ValueError(f"{what} is {value!r}; expected a variable, a module, or another trackable object")


def restore_table(reader: BundleReader, key: str, handle: Any) -> None:
    """Fills a table.

    Args:
        reader: the checkpoint.
        key: of the table.
        handle: of the table.

    Raises:
        DataLossError: the checkpoint's entries do not fit the table.
    """
    table = table_of(handle.array)
    keys, values = reader.read(key + KEYS), reader.read(key + VALUES)
    try:
        get("LookupTableImportV2").all(handle, keys, values)
    except InvalidArgumentError as error:
        raise DataLossError(f"the checkpoint's entries {key!r} do not fit the table {table.name!r}: {error}") from None
