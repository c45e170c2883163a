"""The object graph of what is being saved: numbered objects, their children, and the keys of their variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.checkpoint.object_graph import TABLE, VALUE, escaped
from headrace.core.errors import InvalidArgumentError
from headrace.proto.messages import SavedObjectGraph, TrackableObjectGraph
from headrace.proto.tensors import shape_to_proto
from headrace.saved_model.table_export import SavedTable
from headrace.state import tracking
from headrace.state.assets import Asset
from headrace.state.tables import TableOwner
from headrace.state.variable import Variable
from headrace.trace.concrete import ConcreteFunction
from headrace.trace.function import Function

SIGNATURES = "signatures"
GENERIC = "_generic_user_object"
LIST = "trackable_list_wrapper"
TUPLE = "trackable_tuple_wrapper"
DICT = "trackable_dict_wrapper"
SIGNATURE_MAP = "signature_map"


class SignatureMap(Mapping[str, Any]):
    """The signatures of a model: name to a function that takes tensors by name and returns a dict."""

    def __init__(self, functions: Mapping[str, Any]) -> None:
        self._functions = dict(functions)

    def __getitem__(self, key: str) -> Any:
        if key not in self._functions:
            raise KeyError(f"the model has no signature {key!r}; it has {sorted(self._functions)}")
        return self._functions[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)

    def __repr__(self) -> str:
        return f"SignatureMap({self._functions!r})"


class FunctionObject(tracking.Trackable):
    """Base of callables other than Function that know their concrete functions (those of a loaded model)."""

    function_spec: Any

    def traces(self) -> list[ConcreteFunction]:
        """What can be called."""
        raise NotImplementedError

    def trackable_children(self) -> dict[str, Any]:
        """None: what a function captures is saved with it."""
        return {}


def children_of(value: Any) -> dict[str, Any]:
    """The children of an object, functions that its class declares included."""
    with tracking.for_saved_model():
        below = tracking.children(value)
    if isinstance(value, tracking.Trackable) and not isinstance(value, Variable | Function | ConcreteFunction):
        for kind in type(value).__mro__:
            for name, attribute in vars(kind).items():
                if isinstance(attribute, Function) and name not in below:
                    below[name] = getattr(value, name)
        # A loaded model carries the signatures that it was saved with; those of this save are named anew.
        below = {name: child for name, child in sorted(below.items()) if not isinstance(child, SignatureMap)}
    return below


class ObjectTable:
    """Every object below a root, numbered breadth first.

    Attributes:
        objects: the objects; the root is number 0. A SignatureMap and captured constants come last.
        children: for each object, edge name to object number.
        paths: for each object, the escaped edge names that lead to it first.
        tables: what is written of each lookup table, by its number.
    """

    def __init__(self, root: Any, signatures: SignatureMap) -> None:
        """Walks the objects below `root`.

        Raises:
            InvalidArgumentError: the root is not trackable or has a child of its own named `signatures`.
        """
        if not isinstance(root, tracking.Trackable):
            raise InvalidArgumentError(f"cannot save a {type(root).__name__}; expected a tf.Module or another trackable object")
        self.objects: list[Any] = []
        self.children: list[dict[str, int]] = []
        self.paths: list[str] = []
        self.tables: dict[int, SavedTable] = {}
        self._numbers: dict[int, int] = {}
        self._add(root, "")
        for number, value in enumerate(self.objects):
            below = children_of(value)
            if isinstance(value, TableOwner):
                self.tables[number] = SavedTable(value)
                below |= self.tables[number].children
            self.children[number] = {
                name: self._add(child, f"{self.paths[number]}{escaped(name)}/") for name, child in below.items()
            }
        if SIGNATURES in self.children[0]:
            raise InvalidArgumentError(
                f"the {type(root).__name__} to save has an attribute {SIGNATURES!r}, a name that the format keeps; rename it"
            )
        for saved in self.tables.values():
            for function in (saved.save, saved.restore):
                if function is not None:
                    self._add(function, "")
        number = self.children[0][SIGNATURES] = self._add(signatures, f"{SIGNATURES}/")
        self.children[number] = {
            name: self._add(function, f"{SIGNATURES}/{escaped(name)}/") for name, function in signatures.items()
        }

    def _add(self, value: Any, path: str) -> int:
        known = self._numbers.get(id(value))
        if known is not None:
            return known
        number = self._numbers[id(value)] = len(self.objects)
        self.objects.append(value)
        self.children.append({})
        self.paths.append(path)
        return number

    def add_constant(self, tensor: Any) -> int:
        """The number of a captured tensor."""
        return self._add(tensor, "")

    def number(self, value: Any) -> int | None:
        """The number of an object, None when it is not below the root."""
        return self._numbers.get(id(value))

    def variables(self) -> list[tuple[int, Variable]]:
        """The variables with their numbers."""
        return [(i, value) for i, value in enumerate(self.objects) if isinstance(value, Variable)]

    def assets(self) -> list[tuple[int, Asset]]:
        """The assets with their numbers."""
        return [(i, value) for i, value in enumerate(self.objects) if isinstance(value, Asset)]

    def stored_tables(self) -> list[tuple[int, SavedTable]]:
        """The tables whose entries go into the checkpoint, with their numbers."""
        return [(number, saved) for number, saved in self.tables.items() if saved.save is not None]

    def checkpoint_key(self, number: int) -> str:
        """The key of a variable's value in the checkpoint, or what those of a table begin with."""
        return f"{self.paths[number]}.ATTRIBUTES/{TABLE if number in self.tables else VALUE}"

    def checkpoint_graph(self, names: Mapping[int, str]) -> Any:
        """The TrackableObjectGraph that the checkpoint carries.

        Args:
            names: a name for each variable by object number; OpenVINO finds values by them, so they must be unique.
        """
        graph = TrackableObjectGraph()
        for number, value in enumerate(self.objects):
            node = graph.nodes.add()
            self._fill_children(node, number)
            if isinstance(value, Variable):
                node.attributes.add(name=VALUE, full_name=names[number], checkpoint_key=self.checkpoint_key(number))
                node.has_checkpoint_values.value = True
        for number, _ in self.stored_tables():
            graph.nodes[number].attributes.add(name=TABLE, checkpoint_key=self.checkpoint_key(number))
            graph.nodes[number].has_checkpoint_values.value = True
        return graph

    def saved_graph(self) -> Any:
        """The SavedObjectGraph, with functions and constants still to be filled in by the writer."""
        graph = SavedObjectGraph()
        for number, value in enumerate(self.objects):
            node = graph.nodes.add()
            self._fill_children(node, number)
            if isinstance(value, Variable):
                _fill_variable(node.variable, value)
            elif number in self.tables:
                self._fill_table(node, self.tables[number])
            elif isinstance(value, Asset):
                node.asset.SetInParent()
            elif not isinstance(value, Function | FunctionObject | ConcreteFunction) and _identifier(value):
                node.user_object.identifier = _identifier(value)
                node.user_object.version.producer = 1
                node.user_object.version.min_consumer = 1
        return graph

    def _fill_table(self, node: Any, saved: SavedTable) -> None:
        node.resource.SetInParent()
        save, restore = self.number(saved.save), self.number(saved.restore)
        if save is not None and restore is not None:
            node.saveable_objects[TABLE].save_function = save
            node.saveable_objects[TABLE].restore_function = restore

    def _fill_children(self, node: Any, number: int) -> None:
        for name, child in self.children[number].items():
            node.children.add(node_id=child, local_name=name)


def _identifier(value: Any) -> str:
    if isinstance(value, SignatureMap):
        return SIGNATURE_MAP
    if isinstance(value, tracking.Trackable):
        return GENERIC
    if isinstance(value, list):
        return LIST
    if isinstance(value, tuple):
        return TUPLE
    return DICT if isinstance(value, Mapping) else ""


def _fill_variable(proto: Any, variable: Variable) -> None:
    proto.dtype = variable.dtype.enum
    proto.shape.CopyFrom(shape_to_proto(variable.shape))
    proto.trainable = variable.trainable
    proto.synchronization = variable.synchronization.value
    proto.aggregation = variable.aggregation.value
    proto.name = variable._name
