"""The main graph of a SavedModel: what TF1's loader, TensorFlow Serving and OpenVINO run.

It holds a handle for each variable, a call for each signature, and the nodes that save and restore the variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape
from headrace.proto.messages import MetaGraphDef, SaverDef
from headrace.proto.tensors import Array, shape_to_proto
from headrace.saved_model import attrs
from headrace.saved_model.graph_export import PRODUCER, call_node, node_name
from headrace.saved_model.signatures import INIT_OP, SignatureFunction
from headrace.state.variable import Variable

MIN_CONSUMER = 12
PREDICT_METHOD = "tensorflow/serving/predict"


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
            name = self._node(f"{signature.name}_{key}", "Placeholder", [], dtype=("type", spec.dtype), shape=("shape", spec.shape))
            inputs.append(name)
            _fill_info(proto.inputs[key], f"{name}:0", spec.dtype, spec.shape)
        inputs += [self.variables.get(number) or self._constants[number] for number in bound]
        node = call_node(self._unique("StatefulPartitionedCall"), function, inputs)
        self._graph.node.append(node)
        for index, (key, spec) in enumerate(signature.outputs.items()):
            _fill_info(proto.outputs[key], f"{node.name}:{index}", spec.dtype, spec.shape)

    def add_saver(self, keys: dict[int, str]) -> None:
        """Adds the nodes that save and restore variables, and the initialization op.

        Args:
            keys: the checkpoint key of each variable by its object number.
        """
        init = self._node("NoOp", "NoOp", [])
        self._meta.collection_def["saved_model_main_op"].node_list.value.append(init)
        info = self._meta.signature_def[INIT_OP].outputs[INIT_OP]
        info.name = init
        info.tensor_shape.unknown_rank = True
        filename = self._node("saver_filename", "Placeholder", [], dtype=("type", dtypes.string), shape=("shape", TensorShape(())))
        names = self._strings("saver/tensor_names", list(keys.values()))
        slices = self._strings("saver/shape_and_slices", [""] * len(keys))
        types = tuple(self._types[number] for number in keys)
        reads = [f"{self.variables[number]}/Read/ReadVariableOp" for number in keys]
        saved = restored = ""
        if keys:
            saved = self._node("saver/SaveV2", "SaveV2", [filename, names, slices, *reads], dtypes=("list(type)", types))
            restored = self._node("saver/RestoreV2", "RestoreV2", [filename, names, slices], dtypes=("list(type)", types))
        assigned = []
        for index, (number, dtype) in enumerate(zip(keys, types, strict=True)):
            inputs = [self.variables[number], f"{restored}:{index}"]
            assigned.append(self._node("saver/AssignVariableOp", "AssignVariableOp", inputs, dtype=("type", dtype)))
        done = self._node("saver/restore_all", "NoOp", [f"^{name}" for name in assigned])
        order = [f"^{saved}"] if saved else []
        written = self._node("saver/save", "Identity", [filename, *order], T=("type", dtypes.string))
        self._meta.saver_def.CopyFrom(
            SaverDef(
                filename_tensor_name=f"{filename}:0", save_tensor_name=f"{written}:0", restore_op_name=done, version=SaverDef.V2
            )
        )

    def _strings(self, stem: str, items: list[str]) -> str:
        array = np.empty(len(items), dtype=object)
        array[:] = [item.encode() for item in items]
        return self._const(stem, array, dtypes.string)


def _fill_info(info: Any, name: str, dtype: DType, shape: TensorShape) -> None:
    info.name = name
    info.dtype = dtype.enum
    info.tensor_shape.CopyFrom(shape_to_proto(shape))


def new_meta_graph(tags: Iterable[str]) -> Any:
    """An empty MetaGraphDef with its tags."""
    meta = MetaGraphDef()
    meta.meta_info_def.tags.extend(tags)
    return meta
