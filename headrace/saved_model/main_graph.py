"""The main graph of a SavedModel: what TF1's loader, TensorFlow Serving and OpenVINO run.

It holds a handle for each variable, a call for each signature, and the nodes that save and restore the variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.checkpoint.object_graph import KEYS, VALUES
from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import SCALAR, TensorShape
from headrace.core.spec import CompositeSpec, TensorSpec
from headrace.proto.messages import MetaGraphDef, SaverDef
from headrace.proto.tensors import Array, shape_to_proto, to_proto
from headrace.saved_model import attrs, structure
from headrace.saved_model.graph_export import PRODUCER, call_node, node_name
from headrace.saved_model.signatures import INIT_OP, SignatureFunction
from headrace.saved_model.table_export import SavedTable
from headrace.sparse.tensor import SparseTensorSpec
from headrace.state.variable import Variable

MIN_CONSUMER = 12
PREDICT_METHOD = "tensorflow/serving/predict"


class _Stored(NamedTuple):
    """A tensor of the checkpoint: its key and dtype, and the node's output that gives it."""

    key: str
    dtype: DType
    read: str


def _no_functions(graph: Any) -> str:
    raise AssertionError(f"the main graph's own nodes hold no function, yet {graph!r} was given")


class MainGraph:
    """Builds graph_def, signature_def and saver_def of a MetaGraphDef."""

    def __init__(self, meta: Any) -> None:
        self._meta = meta
        self._graph = meta.graph_def
        self._graph.versions.producer = PRODUCER
        self._graph.versions.min_consumer = MIN_CONSUMER
        self._taken: set[str] = set()
        self.variables: dict[int, str] = {}
        """The names of the handles by object number."""
        self._types: dict[int, DType] = {}
        self._constants: dict[int, str] = {}
        self._tables: dict[int, str] = {}
        self._paths: dict[int, str] = {}
        self._before: list[str] = []
        """What initializes the model, in order."""

    def _unique(self, stem: str) -> str:
        stem = node_name(stem)
        name, number = stem, 0
        while name.lower() in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._taken.add(name.lower())
        return name

    def _node(self, stem: str, op: str, inputs: Iterable[str], **attributes: tuple[str, Any]) -> str:
        node = self._graph.node.add(name=self._unique(stem), op=op, input=inputs)
        for key, (kind, value) in attributes.items():
            node.attr[key].CopyFrom(attrs.encode(kind, value, _no_functions))
        return str(node.name)

    def _const(self, stem: str, value: Array, dtype: DType) -> str:
        return self._node(stem, "Const", [], dtype=("type", dtype), value=("tensor", value))

    def add_variable(self, number: int, variable: Variable) -> None:
        """Adds the handle of the variable with that object number."""
        name = self._unique(variable._name)
        self._taken.discard(name.lower())
        handle = self._node(
            name,
            "VarHandleOp",
            [],
            dtype=("type", variable.dtype),
            shape=("shape", variable.shape),
            shared_name=("string", name),
            container=("string", ""),
        )
        self._node(f"{name}/Read/ReadVariableOp", "ReadVariableOp", [handle], dtype=("type", variable.dtype))
        self.variables[number] = handle
        self._types[number] = variable.dtype

    def add_constant(self, number: int, tensor: Any) -> str:
        """Adds a captured tensor and returns the name of its node."""
        name = self._const("Const", np.asarray(tensor), tensor.dtype)
        self._constants[number] = name
        return name

    def add_table(self, number: int, creator: Any) -> None:
        """Adds the handle of a table: a call of the function that makes it, a FunctionDef."""
        self._tables[number] = self._call(creator, [])

    def add_asset(self, number: int, filename: str) -> None:
        """Adds an asset: the path is fed when the model is initialized, and kept in a variable for later.

        Args:
            number: of the object.
            filename: the name in the folder of assets.
        """
        fed = self._node("asset_path_initializer", "Placeholder", [], dtype=("type", dtypes.string), shape=("shape", SCALAR))
        name = self._unique("asset_path")
        self._taken.discard(name.lower())
        kept = {"dtype": ("type", dtypes.string), "shape": ("shape", SCALAR), "shared_name": ("string", name)}
        handle = self._node(name, "VarHandleOp", [], **kept, container=("string", ""))
        self._before.append(self._node(f"{name}/Assign", "AssignVariableOp", [handle, fed], dtype=("type", dtypes.string)))
        self._paths[number] = handle
        entry = self._meta.asset_file_def.add(filename=filename)
        entry.tensor_info.name = f"{fed}:0"

    def add_initializer(self, function: Any, bound: Sequence[int]) -> None:
        """Adds a call of a function, a FunctionDef, when the model is initialized; `bound` numbers its captures."""
        order = [f"^{name}" for name in self._before]
        inputs = [*(self._captured(number, order) for number in bound), *order]
        self._before.append(self._call(function, inputs))

    def _captured(self, number: int, order: Sequence[str] = ()) -> str:
        """The node that stands for an object; reading the path of an asset waits for `order`."""
        if number not in self._paths:
            return self.variables.get(number) or self._tables.get(number) or self._constants[number]
        return self._node("asset_path/Read", "ReadVariableOp", [self._paths[number], *order], dtype=("type", dtypes.string))

    def _call(self, function: Any, inputs: Iterable[str]) -> str:
        node = call_node(self._unique("StatefulPartitionedCall"), function, inputs)
        self._graph.node.append(node)
        return str(node.name)

    def add_signature(self, signature: SignatureFunction, function: Any, bound: Sequence[int]) -> None:
        """Adds placeholders and the call of a signature, and its SignatureDef.

        Args:
            signature: the signature.
            function: the FunctionDef of its graph.
            bound: object numbers of its captures.
        """
        proto = self._meta.signature_def[signature.name]
        proto.method_name = PREDICT_METHOD
        inputs = []
        for key, spec in signature.inputs.items():
            kinds = {"dtype": ("type", spec.dtype), "shape": ("shape", spec.shape)}
            stem, default = f"{signature.name}_{key}", signature.defaults.get(key)
            if default is None:
                name = self._node(stem, "Placeholder", [], **kinds)
            else:
                source = self._const(f"{stem}/input", default, spec.dtype)
                name = self._node(stem, "PlaceholderWithDefault", [source], **kinds)
                proto.defaults[key].CopyFrom(to_proto(default, spec.dtype))
            inputs.append(name)
            _fill_info(proto.inputs[key], f"{name}:0", spec.dtype, spec.shape)
        node = self._call(function, [*inputs, *map(self._captured, bound)])
        ports = (f"{node}:{index}" for index in range(len(signature.output_names)))
        for key, spec in signature.outputs.items():
            _fill_output(proto.outputs[key], spec, ports)

    def add_saver(self, keys: dict[int, str], tables: dict[int, tuple[str, SavedTable]]) -> None:
        """Adds the nodes that save and restore variables and tables, and the initialization op.

        Args:
            keys: the checkpoint key of each variable by its object number.
            tables: what the checkpoint keys of a table begin with, and the table, by its object number.
        """
        init = self._node("NoOp", "NoOp", [f"^{name}" for name in self._before])
        self._meta.collection_def["saved_model_main_op"].node_list.value.append(init)
        info = self._meta.signature_def[INIT_OP].outputs[INIT_OP]
        info.name = init
        info.tensor_shape.unknown_rank = True
        filename = self._node("saver_filename", "Placeholder", [], dtype=("type", dtypes.string), shape=("shape", SCALAR))
        stored = [_Stored(key, self._types[n], f"{self.variables[n]}/Read/ReadVariableOp") for n, key in keys.items()]
        for number, (key, saved) in tables.items():
            stored += self._exported(number, key, saved)
        names = self._strings("saver/tensor_names", [item.key for item in stored])
        slices = self._strings("saver/shape_and_slices", [""] * len(stored))
        types = ("list(type)", tuple(item.dtype for item in stored))
        saved_by = restored = ""
        if stored:
            reads = [item.read for item in stored]
            saved_by = self._node("saver/SaveV2", "SaveV2", [filename, names, slices, *reads], dtypes=types)
            restored = self._node("saver/RestoreV2", "RestoreV2", [filename, names, slices], dtypes=types)
        assigned = self._assigned(restored, keys, tables)
        done = self._node("saver/restore_all", "NoOp", [f"^{name}" for name in assigned])
        order = [f"^{saved_by}"] if saved_by else []
        written = self._node("saver/save", "Identity", [filename, *order], T=("type", dtypes.string))
        self._meta.saver_def.CopyFrom(
            SaverDef(
                filename_tensor_name=f"{filename}:0", save_tensor_name=f"{written}:0", restore_op_name=done, version=SaverDef.V2
            )
        )

    def _exported(self, number: int, key: str, saved: SavedTable) -> list[_Stored]:
        """The entries of a table as two tensors."""
        kinds = saved.table.key_dtype, saved.table.value_dtype
        attributes = {"Tkeys": ("type", kinds[0]), "Tvalues": ("type", kinds[1])}
        node = self._node("saver/LookupTableExportV2", "LookupTableExportV2", [self._tables[number]], **attributes)
        return [_Stored(key + KEYS, kinds[0], node), _Stored(key + VALUES, kinds[1], f"{node}:1")]

    def _assigned(self, restored: str, keys: Iterable[int], tables: dict[int, tuple[str, SavedTable]]) -> list[str]:
        """The nodes that give variables and tables what the node `restored` reads, in the order of the stored tensors."""
        assigned = []
        position = 0
        for number in keys:
            inputs = [self.variables[number], f"{restored}:{position}"]
            assigned.append(self._node("saver/AssignVariableOp", "AssignVariableOp", inputs, dtype=("type", self._types[number])))
            position += 1
        for number, (_, saved) in tables.items():
            inputs = [self._tables[number], f"{restored}:{position}", f"{restored}:{position + 1}"]
            kinds = {"Tin": ("type", saved.table.key_dtype), "Tout": ("type", saved.table.value_dtype)}
            assigned.append(self._node("saver/LookupTableImportV2", "LookupTableImportV2", inputs, **kinds))
            position += 2
        return assigned

    def _strings(self, stem: str, items: list[str]) -> str:
        array = np.empty(len(items), dtype=object)
        array[:] = [item.encode() for item in items]
        return self._const(stem, array, dtypes.string)


def _fill_output(info: Any, spec: TensorSpec | CompositeSpec, ports: Iterator[str]) -> None:
    """Describes an output that takes as many ports as it has tensors."""
    if isinstance(spec, TensorSpec):
        _fill_info(info, next(ports), spec.dtype, spec.shape)
    elif isinstance(spec, SparseTensorSpec):
        sparse = info.coo_sparse
        sparse.indices_tensor_name, sparse.values_tensor_name, sparse.dense_shape_tensor_name = (
            next(ports),
            next(ports),
            next(ports),
        )
        info.dtype = spec.dtype.enum
        info.tensor_shape.CopyFrom(shape_to_proto(spec.shape))
    else:
        structure.encode_composite(spec, info.composite_tensor.type_spec)
        for part in spec.component_specs:
            _fill_info(info.composite_tensor.components.add(), next(ports), part.dtype, part.shape)


def _fill_info(info: Any, name: str, dtype: DType, shape: TensorShape) -> None:
    info.name = name
    info.dtype = dtype.enum
    info.tensor_shape.CopyFrom(shape_to_proto(shape))


def new_meta_graph(tags: Iterable[str]) -> Any:
    """An empty MetaGraphDef with its tags."""
    meta = MetaGraphDef()
    meta.meta_info_def.tags.extend(tags)
    return meta
