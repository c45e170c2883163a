"""`load`: a SavedModel as an object with variables, functions and signatures."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from headrace.checkpoint.bundle import BundleReader, index_path
from headrace.checkpoint.object_graph import TABLE, VALUE, restore_table, stored_graph
from headrace.core import nest
from headrace.core.errors import DataLossError, InvalidArgumentError, NotFoundError, UnimplementedError
from headrace.core.shapes import TensorShape
from headrace.core.spec import TensorSpec
from headrace.dispatch.tensor import EagerTensor, ResourceTensor, Tensor
from headrace.ops.lookup.tables import Table
from headrace.proto.messages import SavedModel, parse
from headrace.proto.tensors import dtype_from_proto, from_proto, shape_from_proto
from headrace.saved_model import fingerprint, structure
from headrace.saved_model.digest import verify_digest
from headrace.saved_model.functional_import import Input, capture_input
from headrace.saved_model.gradient_import import registered_gradients
from headrace.saved_model.graph_import import FunctionImporter, constant_tensor
from headrace.saved_model.objects import DICT, LIST, SIGNATURES, TUPLE, SignatureMap
from headrace.saved_model.resources import (
    LoadedTable,
    asset_of,
    unshare,
)
from headrace.saved_model.restored import (
    Kind,
    LazyConcrete,
    LoadedObject,
    RestoredFunction,
    SignatureConcrete,
    UnavailableFunction,
    function_spec,
    make_concrete,
)
from headrace.saved_model.signing import verify_signature
from headrace.saved_model.table_export import CREATE, INITIALIZE
from headrace.saved_model.v1.loading import load_graph
from headrace.saved_model.values import fill
from headrace.state.assets import Asset
from headrace.state.variable import Variable
from headrace.trace.concrete import ConcreteFunction

_MAX_TUPLES = 100
_log = logging.getLogger(__name__)


def contains_saved_model(export_dir: str | os.PathLike[str]) -> bool:
    """True when the folder holds a `saved_model.pb`."""
    return (Path(export_dir) / fingerprint.MODEL).is_file()


def load(
    export_dir: str | os.PathLike[str],
    tags: str | Iterable[str] | None = None,
    options: Any = None,
    *,
    expected_digest: str | None = None,
    public_key: str | os.PathLike[str] | None = None,
) -> Any:
    """Reads a SavedModel written by Headrace or by TensorFlow.

    Checksums are verified before anything is used.

    Args:
        export_dir: the folder.
        tags: the tags of the graph to load; may be left out when there is one graph only.
        options: accepted for TensorFlow's sake, without effect.
        expected_digest: what `headrace inspect` prints as the model's digest; anything else is refused before it is read.
        public_key: a PEM file; a model without a signature made with its key, in `model.sig`, is refused before it is read.

    Returns:
        An object whose attributes are the saved children: variables, functions, lists, dicts and further objects.
        `.signatures` maps names to functions that take tensors by name and return a dict. A model of TensorFlow 1, which has a
        graph and no objects, gives `.signatures`, `.variables`, `.asset_paths` and `.prune(feeds, fetches)`.

    Raises:
        NotFoundError: there is no SavedModel in the folder, none with these tags, or no signature where one is asked for.
        DataLossError: a file is truncated or damaged, or the content is not what has the digest or was signed.
        PermissionDeniedError: another key than the one asked for signed the model.
        InvalidArgumentError: the model contradicts itself.
        UnimplementedError: the model as a whole needs something that Headrace does not have. A signature or function that does is
            loaded and raises when it is called; the log says so for signatures.
    """
    folder = Path(export_dir)
    if not contains_saved_model(folder):
        raise NotFoundError(f"there is no SavedModel in {str(folder)!r}: {fingerprint.MODEL} is missing")
    if expected_digest is not None:
        verify_digest(folder, expected_digest)
    if public_key is not None:
        verify_signature(folder, public_key)
    fingerprint.verify(folder)
    path = folder / fingerprint.MODEL
    model = parse(SavedModel, path.read_bytes(), str(path))
    meta = _choose(model, tags, str(folder))
    if not meta.object_graph_def.nodes:
        return load_graph(folder, meta)
    return _Loader(folder, meta).root()


def _choose(model: Any, tags: str | Iterable[str] | None, folder: str) -> Any:
    available = [sorted(meta.meta_info_def.tags) for meta in model.meta_graphs]
    if tags is None:
        if len(available) != 1:
            raise NotFoundError(f"the SavedModel {folder!r} holds {len(available)} graphs, tagged {available}; say which by `tags`")
        return model.meta_graphs[0]
    wanted = sorted({tags} if isinstance(tags, str) else set(tags))
    if wanted not in available:
        raise NotFoundError(f"the SavedModel {folder!r} has no graph tagged {wanted}; it has {available}")
    return model.meta_graphs[available.index(wanted)]


class _Loader:
    """One load."""

    def __init__(self, folder: Path, meta: Any) -> None:
        self._folder = folder
        self._label = f"the SavedModel {str(folder)!r}"
        self._meta = meta
        self._graph = meta.object_graph_def
        self._importer = FunctionImporter(meta.graph_def.library)
        self._importer.gradients = registered_gradients(meta, self._captured, self._label)
        self._check_children()
        self._variables: dict[int, Variable] = {}
        self._by_storage: dict[int, Variable] = {}
        self._constants: dict[int, EagerTensor] = {}
        self._concretes: dict[str, LazyConcrete] = {}
        self._objects: dict[int, Any] = {}
        self._assets: dict[int, Asset] = {}
        self._tables: dict[int, LoadedTable] = {}
        self._refused: dict[int, UnimplementedError] = {}
        """Why a resource cannot be made here; functions that need it say so."""

    def _check_children(self) -> None:
        count = len(self._graph.nodes)
        for number, node in enumerate(self._graph.nodes):
            if node.WhichOneof("kind") is None:
                raise InvalidArgumentError(f"object {number} of {self._label} is of no kind")
            names = [child.local_name for child in node.children]
            if len(set(names)) != len(names) or not all(0 <= child.node_id < count for child in node.children):
                raise InvalidArgumentError(f"the children of object {number} of {self._label} are damaged")

    def root(self) -> Any:
        """Builds every object and returns the first."""
        self._restore_state()
        pending, seen = [0], {0}
        while pending:
            number = pending.pop()
            self._object(number, 0)
            below = set(self._below(number).values()) - seen
            seen |= below
            pending.extend(below)
        for number, value in self._objects.items():
            self._attach(number, value)
        root = self._objects[0]
        if not isinstance(root, LoadedObject):
            raise InvalidArgumentError(f"the root of {self._label} is a {type(root).__name__}; expected an object")
        vars(root)[SIGNATURES] = self._signatures()
        return root

    def _below(self, number: int) -> dict[str, int]:
        """The children that become attributes or elements: those of objects, without the signatures."""
        node = self._graph.nodes[number]
        if node.WhichOneof("kind") not in ("user_object", "resource"):
            return {}
        return {c.local_name: c.node_id for c in node.children if number or c.local_name != SIGNATURES}

    def _object(self, number: int, depth: int) -> Any:
        if number not in self._objects:
            self._objects[number] = self._make(number, depth)
        return self._objects[number]

    def _make(self, number: int, depth: int) -> Any:
        node = self._graph.nodes[number]
        kind = node.WhichOneof("kind")
        if kind == "variable":
            return self._variables[number]
        if kind == "constant":
            return self._constant(number)
        if kind == "asset":
            return self._asset(number)
        if kind == "resource" and number in self._tables:
            return self._tables[number]
        if kind == "function":
            return _or_reason(partial(self._function, node, self._name_of(number)))
        if kind == "bare_concrete_function":
            return _or_reason(self._concrete(node.bare_concrete_function.concrete_function_name).get)
        if kind == "user_object":
            if node.user_object.identifier == TUPLE:
                return self._tuple(number, depth)
            return {LIST: list, DICT: dict}.get(node.user_object.identifier, LoadedObject)()
        return LoadedObject()

    def _tuple(self, number: int, depth: int) -> tuple[Any, ...]:
        if depth > _MAX_TUPLES:
            raise InvalidArgumentError(f"tuples are nested more than {_MAX_TUPLES} deep in {self._label}")
        items = self._below(number)
        return tuple(self._object(items[key], depth + 1) for key in sorted(items, key=_position))

    def _attach(self, number: int, value: Any) -> None:
        children = {name: self._objects[child] for name, child in self._below(number).items()}
        if isinstance(value, LoadedObject):
            vars(value).update(children)
        elif isinstance(value, dict):
            value.update(children)
        elif isinstance(value, list):
            value.extend(children[key] for key in sorted(children, key=_position))

    def _name_of(self, number: int) -> str:
        names = (c.local_name for node in self._graph.nodes for c in node.children if c.node_id == number)
        return next(names, "function")

    def _of_kind(self, kind: str) -> list[int]:
        return [i for i, node in enumerate(self._graph.nodes) if node.WhichOneof("kind") == kind]

    def _restore_state(self) -> None:
        """Makes variables and tables, gives them what the checkpoint holds, and initializes the tables."""
        variables, resources = self._of_kind("variable"), self._of_kind("resource")
        prefix = self._folder / "variables" / "variables"
        reader = BundleReader(prefix) if variables or index_path(prefix).exists() else None
        keys = self._checkpoint_keys(reader) if reader is not None and (variables or resources) else {}
        if reader is not None:
            self._restore_variables(variables, reader, keys)
        for number in resources:
            self._make_table(number, number in keys)
        for number, table in self._tables.items():
            if reader is not None and table.checkpointed:
                restore_table(reader, keys[number], table.resource_handle)
        for number in list(self._tables):
            self._initialize_table(number)

    def _resource_function(self, number: int, role: str) -> ConcreteFunction:
        """The function of a resource that creates or initializes it."""
        child = next((c.node_id for c in self._graph.nodes[number].children if c.local_name == role), 0)
        names = self._graph.nodes[child].function.concrete_functions
        if len(names) != 1:
            raise InvalidArgumentError(f"the resource {number} of {self._label} has {len(names)} functions {role!r}; expected one")
        return self._concrete(names[0]).get()

    def _make_table(self, number: int, checkpointed: bool) -> None:
        """Calls the function that makes a resource."""
        try:
            made = self._resource_function(number, CREATE).call_flat([])
        except UnimplementedError as error:
            self._refused[number] = error
            return
        if not (isinstance(made, ResourceTensor) and isinstance(made.array, Table)):
            raise InvalidArgumentError(f"the function that makes the resource {number} of {self._label} gives {made!r}")
        self._tables[number] = LoadedTable(made, checkpointed)

    def _initialize_table(self, number: int) -> None:
        try:
            self._resource_function(number, INITIALIZE).call_flat([])
        except UnimplementedError as error:
            self._refused[number] = error
            del self._tables[number]

    def _asset(self, number: int) -> Asset:
        if number not in self._assets:
            index = self._graph.nodes[number].asset.asset_file_def_index
            self._assets[number] = asset_of(self._meta, index, self._folder, self._label)
        return self._assets[number]

    def _restore_variables(self, numbers: list[int], reader: BundleReader, keys: dict[int, str]) -> None:
        variables = [self._variable(number) for number in numbers]
        for number, variable in zip(numbers, variables, strict=True):
            if number not in keys:
                raise DataLossError(f"the checkpoint of {str(self._folder)!r} holds no value for the variable {variable.name!r}")
        fill(variables, lambda i: reader.read(keys[numbers[i]]), f"the checkpoint of {str(self._folder)!r}")

    def _variable(self, number: int) -> Variable:
        proto = self._graph.nodes[number].variable
        what = f"variable {proto.name!r} of {self._label}"
        dtype = dtype_from_proto(proto.dtype, what)
        if not dtype.is_numpy_compatible:
            raise UnimplementedError(f"{what} is of {dtype.name}; expected numbers or strings")
        variable = Variable.uninitialized(shape_from_proto(proto.shape, what), dtype, proto.name or "Variable", proto.trainable)
        self._variables[number] = variable
        self._by_storage[id(variable.handle.array)] = variable
        return variable

    def _checkpoint_keys(self, reader: BundleReader) -> dict[int, str]:
        """The checkpoint key of each variable and table, by walking the saved and the checkpoint's object graph in step."""
        graph = stored_graph(reader)
        if graph is None:
            raise DataLossError(f"the checkpoint of {str(self._folder)!r} holds no objects; the SavedModel is damaged")
        nodes = graph.nodes
        keys: dict[int, str] = {}
        pending, seen = [(0, 0)], {(0, 0)}
        while pending:
            saved, stored = pending.pop()
            for attribute in nodes[stored].attributes:
                if attribute.name in (VALUE, TABLE):
                    keys.setdefault(saved, attribute.checkpoint_key)
            below = {child.local_name: child.node_id for child in nodes[stored].children}
            for child in self._graph.nodes[saved].children:
                pair = (child.node_id, below.get(child.local_name, -1))
                if pair[1] >= 0 and pair not in seen:
                    seen.add(pair)
                    pending.append(pair)
        self._add_slot_keys(keys, nodes, seen)
        return keys

    def _add_slot_keys(self, keys: dict[int, str], nodes: Any, pairs: Iterable[tuple[int, int]]) -> None:
        """The keys of optimizers' slots, which are no children: found by the optimizer, the variable and the slot's name."""
        known = set(pairs)
        for saved, stored in known:
            for slot in self._graph.nodes[saved].slot_variables:
                for other in nodes[stored].slot_variables:
                    same = (slot.original_variable_node_id, other.original_variable_node_id) in known
                    if same and slot.slot_name == other.slot_name:
                        for attribute in nodes[other.slot_variable_node_id].attributes:
                            keys.setdefault(slot.slot_variable_node_id, attribute.checkpoint_key)

    def _constant(self, number: int) -> EagerTensor:
        if number not in self._constants:
            name = self._graph.nodes[number].constant.operation
            node = next((n for n in self._meta.graph_def.node if n.name == name and n.op == "Const"), None)
            if node is None:
                raise InvalidArgumentError(f"object {number} stands for the constant {name!r}, which the main graph does not hold")
            what = f"constant {name!r}"
            value = from_proto(constant_tensor(node, what), what)
            host = value.dtype.kind == "O"
            self._constants[number] = EagerTensor(value if host else jnp.asarray(value))
        return self._constants[number]

    def _concrete(self, name: str) -> LazyConcrete:
        if name not in self._concretes:
            self._concretes[name] = LazyConcrete(name, partial(self._build, name, ConcreteFunction))
        return self._concretes[name]

    def _build(self, name: str, kind: type[Kind]) -> Kind:
        if name not in self._graph.concrete_functions:
            raise InvalidArgumentError(f"{self._label} does not describe its function {name!r}")
        entry = self._graph.concrete_functions[name]
        signature = structure.decode(entry.canonicalized_input_signature, f"the input signature of {name!r}")
        if not (isinstance(signature, tuple) and list(map(type, signature)) == [tuple, dict]):
            raise InvalidArgumentError(f"the input signature of {name!r} is {signature!r}; expected (args, kwargs)")
        outputs = structure.decode(entry.output_signature, f"the output signature of {name!r}")
        specs = [leaf for leaf in nest.flatten(signature, expand_composites=True) if isinstance(leaf, TensorSpec)]
        captured = [self._captured(number, name) for number in entry.bound_inputs]
        inputs = [Input(s.dtype, s.shape, s.name or f"input_{i}") for i, s in enumerate(specs)]
        graph = self._importer.build(name, [*inputs, *map(capture_input, captured)])
        unshare(graph)
        leaves = [leaf for leaf in nest.flatten(outputs, expand_composites=True) if leaf is not None]
        if len(leaves) != len(graph.outputs):
            raise InvalidArgumentError(
                f"function {name!r} has {len(graph.outputs)} results; its output signature has {len(leaves)}"
            )
        return make_concrete(kind, graph, captured, signature, outputs, self._by_storage, _short(name))

    def _captured(self, number: int, name: str) -> Tensor:
        if not 0 <= number < len(self._graph.nodes):
            raise InvalidArgumentError(f"function {name!r} captures object {number}, which does not exist")
        kind = self._graph.nodes[number].WhichOneof("kind")
        if kind == "variable":
            return self._variables[number].handle
        if kind == "constant":
            return self._constant(number)
        if kind == "asset":
            return self._asset(number).asset_path
        if number in self._tables:
            return self._tables[number].resource_handle
        if number in self._refused:
            raise self._refused[number]
        raise UnimplementedError(
            f"function {name!r} captures object {number}, a {kind}; only variables, constants, tables and assets are supported"
        )

    def _function(self, node: Any, name: str) -> RestoredFunction:
        proto = node.function.function_spec
        argspec = structure.decode(proto.fullargspec, f"the parameters of {name!r}")
        given = None
        if proto.input_signature.WhichOneof("kind"):
            given = structure.decode(proto.input_signature, f"the input signature of {name!r}")
        spec = function_spec(name, argspec, given, proto.is_method)
        return RestoredFunction(name, spec, [self._concrete(key) for key in node.function.concrete_functions])

    def _signatures(self) -> SignatureMap:
        numbers = [c.node_id for c in self._graph.nodes[0].children if c.local_name == SIGNATURES]
        children = self._graph.nodes[numbers[0]].children if numbers else []
        functions: dict[str, Any] = {}
        for child in children:
            node = self._graph.nodes[child.node_id]
            if node.WhichOneof("kind") != "bare_concrete_function":
                raise InvalidArgumentError(f"signature {child.local_name!r} of {self._label} is no function")
            name = node.bare_concrete_function.concrete_function_name
            try:
                functions[child.local_name] = self._signature(child.local_name, name)
            except UnimplementedError as error:
                functions[child.local_name] = self._unavailable(child.local_name, name, error)
        return SignatureMap(functions)

    def _unavailable(self, key: str, name: str, error: UnimplementedError) -> UnavailableFunction:
        """Stands for a signature that needs something that Headrace does not have; the others work."""
        missing = self._importer.missing_ops(name)
        ops = f"Headrace lacks the operations {', '.join(missing)}" if missing else str(error)
        text = f"the signature {key!r} of {self._label} cannot be used here: {ops}"
        _log.warning("%s", text)
        return UnavailableFunction(UnimplementedError(text, op=error.op))

    def _signature(self, key: str, name: str) -> ConcreteFunction:
        function = self._build(name, SignatureConcrete)
        args, kwargs = function.structured_input_signature
        if args or not all(isinstance(s, TensorSpec) for s in kwargs.values()) or not isinstance(function.structured_outputs, dict):
            raise InvalidArgumentError(
                f"signature {key!r} takes {args!r}, {kwargs!r}; expected tensors by name and a dict as the result"
            )
        function.structured_input_signature = ((), {k: TensorSpec.from_spec(s, k) for k, s in kwargs.items()})
        function.specs = list(function.structured_input_signature[1].values())
        if key in self._meta.signature_def:
            function.describe(self._meta.signature_def[key])
        return function


def _or_reason(make: Callable[[], Any]) -> Any:
    """What `make` gives; a stand-in that tells why when the function needs something that Headrace does not have."""
    try:
        return make()
    except UnimplementedError as error:
        return UnavailableFunction(error)


def _position(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        raise InvalidArgumentError(f"{key!r} is no position in a list; the SavedModel is damaged")
    return int(key)


def _short(name: str) -> str:
    """The name that the user's function had, out of the library's."""
    stem, _, number = name.removeprefix("__inference_").rpartition("_")
    return stem if stem and number.isdigit() else name
