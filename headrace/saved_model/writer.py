"""`save`: an object, its variables and its functions as a SavedModel."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headrace.checkpoint.bundle import index_path, write_bundle
from headrace.checkpoint.object_graph import GRAPH_KEY, KEYS, VALUES
from headrace.core.dtypes import DType
from headrace.core.errors import FailedPreconditionError, HeadraceError, InvalidArgumentError, NotFoundError, UnimplementedError
from headrace.dispatch import context
from headrace.dispatch.tensor import EagerTensor, PathTensor, ResourceTensor
from headrace.ir.graph import Value
from headrace.ops.lookup.tables import Table
from headrace.proto.messages import SavedModel, serialize
from headrace.saved_model import fingerprint, structure
from headrace.saved_model.gradient_export import KeptTensor, TracedGradient, kept_tensors, op_type, traced_gradients
from headrace.saved_model.graph_export import FunctionExporter, problem
from headrace.saved_model.main_graph import MainGraph, new_meta_graph
from headrace.saved_model.objects import FunctionObject, ObjectTable
from headrace.saved_model.options import SaveOptions
from headrace.saved_model.publish import new_folder
from headrace.saved_model.signatures import SignatureFunction, build, concrete_functions
from headrace.saved_model.table_export import CREATE, INITIALIZE, SavedTable
from headrace.state.assets import Asset
from headrace.trace.concrete import ConcreteFunction
from headrace.trace.function import Function

SCHEMA_VERSION = 1
SERVE = "serve"


def save(obj: Any, export_dir: str | os.PathLike[str], signatures: Any = None, options: SaveOptions | None = None) -> None:
    """Writes a SavedModel.

    The model appears under `export_dir` when it is complete; a SavedModel that stands there is replaced.

    Args:
        obj: a tf.Module or another trackable object. Its variables and tf.functions, and those of the objects below it,
            are saved. A function without an input signature is saved for the argument types it was called with.
        export_dir: the folder to write.
        signatures: a tf.function with an input signature, a concrete function, or a dict from names to these. By default
            the only function of `obj`, if it has just one, is the signature `serving_default`.
        options: see SaveOptions.

    Raises:
        InvalidArgumentError: `obj` or `signatures` is of the wrong kind, or a signature uses a variable outside `obj`.
        UnimplementedError: a signature holds an op that TensorFlow does not have. (A function that is no signature is left
            out, with a warning.)
        FailedPreconditionError: called inside a tf.function, or a variable has no value.
        AlreadyExistsError: `export_dir` holds something else than a SavedModel.
    """
    if not context.executing_eagerly():
        raise FailedPreconditionError("tf.saved_model.save was called inside a tf.function; call it outside")
    plan = _Plan(obj, signatures, options or SaveOptions())
    model = SavedModel(saved_model_schema_version=SCHEMA_VERSION)
    model.meta_graphs.append(plan.meta)
    with new_folder(Path(export_dir)) as folder:
        (folder / "assets").mkdir()
        plan.copy_assets(folder / "assets")
        prefix = folder / "variables" / "variables"
        prefix.parent.mkdir()
        write_bundle(prefix, plan.tensors(), plan.quantized())
        content = serialize(model)
        (folder / fingerprint.MODEL).write_bytes(content)
        (folder / fingerprint.FINGERPRINT).write_bytes(
            fingerprint.make_fingerprint(content, plan.meta, index_path(prefix).read_bytes())
        )
        (folder / fingerprint.DIGEST).write_bytes(fingerprint.make_digest(folder))


class _Plan:
    """Everything that is written, worked out before the first file."""

    def __init__(self, obj: Any, signatures: Any, options: SaveOptions) -> None:
        self.meta = new_meta_graph([SERVE])
        self.meta.meta_info_def.stripped_default_attrs = False
        built = build(obj, signatures)
        self._table = ObjectTable(obj, built)
        self._numbers = {id(v.handle.array): number for number, v in self._table.variables()}
        self._numbers |= {id(saved.table): number for number, saved in self._table.tables.items()}
        self._assets = _Assets(self._table.assets())
        self._exporter = FunctionExporter()
        self._graph = MainGraph(self.meta)
        self._saved: dict[int, str] = {}
        """The library's name of each concrete function, by its identity."""
        self._entries: dict[str, tuple[list[int], Any, Any]] = {}
        self._constants: list[tuple[int, str]] = []
        for number, variable in self._table.variables():
            self._graph.add_variable(number, variable)
        for number, filename in self._assets.names.items():
            self._graph.add_asset(number, filename)
        for number, saved in self._table.tables.items():
            self._graph.add_table(number, self._function_of(saved, CREATE)[0])
        self._gradients = self._traced_gradients() if options.experimental_custom_gradients else []
        for name, signature in built.items():
            self._add_signature(name, signature)
        functions = self._attached()
        for saved in self._table.tables.values():
            self._graph.add_initializer(*self._function_of(saved, INITIALIZE))
        self._graph.add_saver(
            {number: self._table.checkpoint_key(number) for number, _ in self._table.variables()},
            {number: (self._table.checkpoint_key(number), saved) for number, saved in self._table.stored_tables()},
        )
        self._add_gradients()
        self._fill_objects(functions)
        self.meta.graph_def.library.function.extend(self._exporter.functions.values())
        self._fill_aliases(options.function_aliases or {})

    def tensors(self) -> dict[str, Any]:
        """What the checkpoint holds, by key."""
        found: dict[str, Any] = {}
        for number, variable in self._table.variables():
            found[self._table.checkpoint_key(number)] = variable.handle.array.peek()
        for number, saved in self._table.stored_tables():
            key = self._table.checkpoint_key(number)
            found[key + KEYS], found[key + VALUES] = saved.table.exported()
        blob = np.empty((), dtype=object)
        blob[()] = serialize(self._table.checkpoint_graph(self._graph.variables))
        return found | {GRAPH_KEY: blob}

    def quantized(self) -> dict[str, DType]:
        """The dtypes, by key, that the arrays in the checkpoint do not tell."""
        variables = ((self._table.checkpoint_key(number), variable.dtype) for number, variable in self._table.variables())
        return {key: dtype for key, dtype in variables if dtype.is_quantized}

    def copy_assets(self, folder: Path) -> None:
        """Copies the assets into a folder."""
        self._assets.copy(folder)

    def _function_of(self, saved: SavedTable, role: str) -> tuple[Any, list[int]]:
        """The FunctionDef of one of a table's functions, and the numbers of what it captures."""
        function = saved.children[role]
        (concrete,) = concrete_functions(function)
        name = self._add_concrete(concrete, function)
        if name is None:
            raise UnimplementedError(f"the table {saved.table.name!r} cannot be saved: its function {role!r} was left out")
        return self._exporter.functions[name], self._entries[name][0]

    def _add_signature(self, name: str, signature: SignatureFunction) -> None:
        bound = self._bound(signature.captured_inputs, f"signature {name!r}")
        function = self._exporter.add(signature.graph, outputs=signature.output_names)
        self._saved[id(signature)] = function
        self._entries[function] = (bound, ((), dict(signature.inputs)), dict(signature.outputs))
        self._graph.add_signature(signature, self._exporter.functions[function], bound)

    def _bound(self, captures: Sequence[Any], what: str) -> list[int]:
        """Object numbers of captured values.

        Raises:
            InvalidArgumentError: a variable hangs on no saved object, or a captured value is symbolic.
        """
        bound = []
        for tensor in captures:
            if isinstance(tensor, ResourceTensor):
                number = self._numbers.get(id(tensor.array))
                if number is None:
                    kind = "table" if isinstance(tensor.array, Table) else "variable"
                    raise InvalidArgumentError(
                        f"{what} uses the {kind} {tensor.array.name!r}, which hangs on no attribute of the saved object; keep it"
                        " in an attribute (or a list or dict of one), so that it is saved too"
                    )
            elif isinstance(tensor, PathTensor):
                number = self._assets.number(tensor, what)
            elif isinstance(tensor, EagerTensor):
                number = self._table.number(tensor)
                if number is None:
                    number = self._table.add_constant(tensor)
                    self._constants.append((number, self._graph.add_constant(number, tensor)))
            else:
                raise InvalidArgumentError(f"{what} uses {tensor!r}, a tensor of another function's graph; it cannot be saved")
            bound.append(number)
        return bound

    def _traced_gradients(self) -> list[tuple[str, TracedGradient, list[int]]]:
        """The gradients that users gave in attached functions: the type, the function, and what it captures by number."""
        found: list[tuple[str, TracedGradient, list[int]]] = []
        functions = [f for f in list(self._table.objects) if isinstance(f, Function | FunctionObject | ConcreteFunction)]
        for concrete in (c for f in functions for c in self._concrete(f)):
            if problem(concrete.graph) is not None:
                continue
            try:
                gradients = traced_gradients(concrete)
                bound = [self._gradient_bound(gradient, concrete) for gradient in gradients]
            except HeadraceError as error:
                warnings.warn(f"custom gradients of {concrete.name!r} are left out of the SavedModel: {error}", stacklevel=4)
                continue
            for gradient, numbers in zip(gradients, bound, strict=True):
                kind = self._exporter.gradient_types[gradient.node] = op_type(len(found))
                found.append((kind, gradient, numbers))
        return found

    def _gradient_bound(self, gradient: TracedGradient, concrete: ConcreteFunction) -> list[int]:
        what = f"the custom gradient in function {concrete.name!r}"
        self._exporter.kept.update(c for c in gradient.captured if isinstance(c, Value))
        return [
            self._table.add_constant(KeptTensor(c, concrete)) if isinstance(c, Value) else self._bound([c], what)[0]
            for c in gradient.captured
        ]

    def _add_gradients(self) -> None:
        """Writes the functions of the gradients."""
        for kind, gradient, bound in self._gradients:
            name = self._exporter.add(gradient.graph)
            self._entries[name] = (bound, gradient.input_signature, gradient.output_signature)
            self.meta.graph_def.library.registered_gradients.add(gradient_func=name, registered_op_type=kind)

    def _attached(self) -> dict[int, list[str]]:
        """Exports the functions among the objects: the library's names by object number."""
        return {
            number: [name for concrete in self._concrete(value) if (name := self._add_concrete(concrete, value)) is not None]
            for number, value in enumerate(list(self._table.objects))
            if isinstance(value, Function | FunctionObject | ConcreteFunction)
        }

    @staticmethod
    def _concrete(value: Any) -> Sequence[ConcreteFunction]:
        return [value] if isinstance(value, ConcreteFunction) else concrete_functions(value)

    def _add_concrete(self, concrete: ConcreteFunction, owner: Any) -> str | None:
        known = self._saved.get(id(concrete))
        if known is not None:
            return known
        what = f"function {concrete.name!r}"
        reason = problem(concrete.graph)
        try:
            if reason is not None:
                raise UnimplementedError(reason)
            bound = self._bound(concrete.captured_inputs, what)
            arguments, outputs = concrete.structured_input_signature, concrete.structured_outputs
            for value in (arguments, outputs, *_defaults(owner)):
                structure.encode(value)
        except (UnimplementedError, InvalidArgumentError) as error:
            warnings.warn(f"{what} is left out of the SavedModel: {error}", stacklevel=5)
            return None
        name = self._exporter.add(concrete.graph)
        self._saved[id(concrete)] = name
        self._entries[name] = (bound, arguments, outputs)
        return name

    def _fill_objects(self, functions: Mapping[int, list[str]]) -> None:
        graph = self._table.saved_graph()
        for number, value in enumerate(self._table.objects):
            node = graph.nodes[number]
            if isinstance(value, SignatureFunction):
                bare = node.bare_concrete_function
                bare.concrete_function_name = self._saved[id(value)]
                bare.argument_keywords.extend(value.inputs)
                bare.allowed_positional_arguments = len(value.inputs)
            elif isinstance(value, ConcreteFunction):
                self._fill_bare(node, value, functions[number])
            elif number in functions:
                node.function.concrete_functions.extend(functions[number])
                _fill_spec(node.function.function_spec, value.function_spec)
        for position, number in enumerate(self._assets.names):
            graph.nodes[number].asset.asset_file_def_index = position
        for number, kept in kept_tensors(self._table.objects):
            function = self._saved[id(kept.concrete)]
            graph.nodes[number].captured_tensor.name = self._exporter.tensor_name(function, kept.value)
            graph.nodes[number].captured_tensor.concrete_function = function
        for number, name in self._constants:
            graph.nodes[number].constant.operation = name
        for name, (bound, arguments, outputs) in self._entries.items():
            entry = graph.concrete_functions[name]
            entry.bound_inputs.extend(bound)
            entry.canonicalized_input_signature.CopyFrom(structure.encode(arguments))
            entry.output_signature.CopyFrom(structure.encode(outputs))
        self.meta.object_graph_def.CopyFrom(graph)

    @staticmethod
    def _fill_bare(node: Any, concrete: ConcreteFunction, names: Sequence[str]) -> None:
        if not names:
            node.user_object.identifier = "_generic_user_object"
            node.user_object.version.producer = 1
            return
        node.bare_concrete_function.concrete_function_name = names[0]
        node.bare_concrete_function.argument_keywords.extend(spec.name or "" for spec in concrete.specs)
        node.bare_concrete_function.allowed_positional_arguments = len(concrete.specs)

    def _fill_aliases(self, aliases: Mapping[str, Any]) -> None:
        for alias, function in aliases.items():
            for concrete in self._concrete(function):
                name = self._saved.get(id(concrete))
                if name is None:
                    raise InvalidArgumentError(f"the function with the alias {alias!r} is not part of the saved object")
                self.meta.meta_info_def.function_aliases[name] = alias


class _Assets:
    """The files that a model carries.

    Attributes:
        names: the name of each in the folder of assets, by object number.
    """

    def __init__(self, assets: Sequence[tuple[int, Asset]]) -> None:
        self._numbers = {id(asset.asset_path): number for number, asset in assets}
        self._sources: dict[int, str] = {}
        self.names: dict[int, str] = {}
        taken: dict[str, str] = {}
        for number, asset in assets:
            source = os.path.abspath(asset)
            name, count = os.path.basename(source), 0
            while taken.setdefault(name, source) != source:
                count += 1
                name = f"{os.path.basename(source)}_{count}"
            self.names[number], self._sources[number] = name, source

    def number(self, path: PathTensor, what: str) -> int:
        """The object number of the asset with that path tensor.

        Raises:
            InvalidArgumentError: the asset hangs on no saved object.
        """
        found = self._numbers.get(id(path))
        if found is None:
            raise InvalidArgumentError(
                f"{what} uses the asset {path.array.item()!r}, which hangs on no attribute of the saved object; keep it in one"
            )
        return found

    def copy(self, folder: Path) -> None:
        """Copies the files into a folder.

        Raises:
            NotFoundError: one is missing.
        """
        for number, name in self.names.items():
            try:
                shutil.copyfile(self._sources[number], folder / name)
            except (FileNotFoundError, IsADirectoryError):
                raise NotFoundError(f"the asset {self._sources[number]!r} is no file; a model is saved with its assets") from None


def _defaults(owner: Any) -> list[Any]:
    """Default arguments of a function, which are saved with it."""
    if isinstance(owner, ConcreteFunction):
        return []
    _, _, _, defaults, _, keyword_defaults = owner.function_spec.full_args()
    return [defaults, keyword_defaults]


def _fill_spec(proto: Any, spec: Any) -> None:
    """The parameters of a function, as a saved `inspect.FullArgSpec`."""
    args, varargs, varkw, defaults, keyword_only, keyword_defaults = spec.full_args()
    fields = {
        "args": args,
        "varargs": varargs,
        "varkw": varkw,
        "defaults": _storable(tuple(defaults)) or None,
        "kwonlyargs": keyword_only,
        "kwonlydefaults": _storable(keyword_defaults) or None,
        "annotations": {},
    }
    proto.fullargspec.named_tuple_value.name = "FullArgSpec"
    for key, value in fields.items():
        proto.fullargspec.named_tuple_value.values.add(key=key).value.CopyFrom(structure.encode(value))
    signature = spec.input_signature
    proto.input_signature.CopyFrom(structure.encode(signature))


def _storable(defaults: Any) -> Any:
    """The defaults, or nothing when the function was left out because one of them has no stored form."""
    try:
        structure.encode(defaults)
    except UnimplementedError:
        return None
    return defaults
