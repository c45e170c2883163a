"""A model whose meaning is in its main graph: SavedModels of TensorFlow 1, without an object graph."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from headrace.checkpoint.bundle import BundleReader, index_path
from headrace.core import nest
from headrace.core.errors import HeadraceError, InvalidArgumentError, UnimplementedError
from headrace.core.spec import TensorSpec
from headrace.proto.messages import VariableDef, parse
from headrace.proto.tensors import dtype_from_proto, shape_from_proto
from headrace.saved_model import structure
from headrace.saved_model.functional_import import Input, capture_input
from headrace.saved_model.objects import SIGNATURES, SignatureMap
from headrace.saved_model.resources import asset_of
from headrace.saved_model.restored import LoadedObject, SignatureConcrete, UnavailableFunction
from headrace.saved_model.signatures import INIT_OP, RESERVED
from headrace.saved_model.v1.functions import HANDLES, PLACEHOLDERS, GraphFunctions, placeholder_spec
from headrace.saved_model.v1.model import GraphModel
from headrace.saved_model.v1.nodes import Port, parse_port
from headrace.saved_model.v1.restoring import Restoring, restore
from headrace.saved_model.v1.state import GraphState
from headrace.sparse.tensor import SparseTensorSpec
from headrace.state.assets import Asset
from headrace.state.variable import Variable
from headrace.trace.concrete import ConcreteFunction

_log = logging.getLogger(__name__)
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
_PARTS = ("indices", "values", "dense_shape")


def load_graph(folder: Path, meta: Any) -> GraphModel:
    """The model of a MetaGraphDef without an object graph.

    Args:
        folder: of the SavedModel; its variables and assets are read.
        meta: the MetaGraphDef.

    Raises:
        NotFoundError, DataLossError: a variable or an asset is missing or damaged.
        InvalidArgumentError: the graph contradicts itself.
        UnimplementedError: what restores the variables needs something that Headrace does not have.
    """
    return _GraphLoader(folder, meta).model()


class _GraphLoader:
    """One load."""

    def __init__(self, folder: Path, meta: Any) -> None:
        self._folder = folder
        self._meta = meta
        self._label = f"the SavedModel {str(folder)!r}"
        self._functions = GraphFunctions(meta.graph_def, self._label)
        self._state = GraphState(self._functions, self._collected("trainable_variables"))

    def model(self) -> GraphModel:
        """Restores, initializes, and makes the functions."""
        prefix = self._folder / "variables" / "variables"
        for name in self._collected("variables"):
            if name in self._functions.nodes:
                self._state.handles([name])
        if self._meta.saver_def.restore_op_name and index_path(prefix).exists():
            restore(self._state, Restoring(self._functions, self._meta.saver_def), BundleReader(prefix))
        assets = [asset_of(self._meta, i, self._folder, self._label) for i in range(len(self._meta.asset_file_def))]
        self._initialize(assets)
        signatures = dict(self._signatures())
        model = GraphModel(self._functions, self._state, assets)
        vars(model)[SIGNATURES] = SignatureMap(signatures)
        return model

    def _collected(self, key: str) -> list[str]:
        """The nodes of a collection of variables."""
        items = self._meta.collection_def[key].bytes_list.value if key in self._meta.collection_def else ()
        what = f"the collection {key!r} of {self._label}"
        return [parse_port(parse(VariableDef, item, what).variable_name, what).node for item in items]

    def _initialize(self, assets: Sequence[Asset]) -> None:
        """Runs what initializes the model, with the paths of the assets."""
        operation = self._init_op()
        if operation is None:
            return
        infos = [entry.tensor_info.name for entry in self._meta.asset_file_def]
        fed = [(parse_port(name, "the tensor of an asset"), asset.asset_path) for name, asset in zip(infos, assets, strict=True)]
        try:
            self._state.run(operation, fed)
        except UnimplementedError as error:
            _log.warning("%s cannot be initialized here, so its lookup tables cannot be used: %s", self._label, error)
            self._state.refused = error

    def _init_op(self) -> str | None:
        named = [self._meta.signature_def[INIT_OP].outputs[INIT_OP].name] if INIT_OP in self._meta.signature_def else []
        for key in _INIT_COLLECTIONS:
            if key in self._meta.collection_def:
                named += self._meta.collection_def[key].node_list.value
        return parse_port(named[0].removeprefix("^"), "the initialization op").node if named and named[0] else None

    def _signatures(self) -> Iterator[tuple[str, Any]]:
        for key, signature in sorted(self._meta.signature_def.items()):
            if key in RESERVED:
                continue
            try:
                yield key, self._signature(key, signature)
            except UnimplementedError as error:
                yield key, self._unavailable(key, error)

    def _unavailable(self, key: str, error: UnimplementedError) -> UnavailableFunction:
        importer = self._functions.importer
        missing = importer.missing_ops(key) if key in importer else []
        ops = f"Headrace lacks the operations {', '.join(missing)}" if missing else str(error)
        text = f"the signature {key!r} of {self._label} cannot be used here: {ops}"
        _log.warning("%s", text)
        return UnavailableFunction(UnimplementedError(text, op=error.op))

    def _signature(self, key: str, signature: Any) -> ConcreteFunction:
        inputs, outputs, function, held = define_signature(self._functions, key, signature)
        specs = {str(spec.name): spec for spec in inputs}
        built = self._functions.build(
            SignatureConcrete, function, ((), specs), outputs, self._state.handles(held), self._state.by_storage()
        )
        built.describe(signature)
        return built


def define_signature(
    functions: GraphFunctions, key: str, signature: Any
) -> tuple[list[TensorSpec], dict[str, Any], str, list[str]]:
    """Adds the function of a SignatureDef to the importer.

    Args:
        functions: of the graph.
        key: of the signature.
        signature: the SignatureDef.

    Returns:
        The inputs in the order of their names; the outputs' structure by name; the function's name; the names of the nodes whose
        handles follow its arguments.

    Raises:
        InvalidArgumentError: the signature or the graph contradicts itself.
    """
    what = f"signature {key!r} of {functions.nodes.label}"
    inputs = sorted(
        (item for name, info in signature.inputs.items() for item in _input(name, info, what)), key=lambda item: str(item[0].name)
    )
    outputs, ports = {}, []
    for name, info in sorted(signature.outputs.items()):
        outputs[name], found = _output(name, info, what)
        ports += found
    feeds = [port for _, port in inputs]
    if len(set(feeds)) != len(feeds):
        raise InvalidArgumentError(f"{what} gives one tensor to two inputs: {[str(port) for port in feeds]}")
    function, held = functions.define(key, feeds, ports)
    return [spec for spec, _ in inputs], outputs, function, held


def _input(name: str, info: Any, what: str) -> list[tuple[TensorSpec, Port]]:
    """The tensors of a signature's input; those of a sparse or ragged one are named after it."""
    what = f"input {name!r} of {what}"
    encoding = info.WhichOneof("encoding")
    if encoding == "name":
        return [
            (
                TensorSpec(shape_from_proto(info.tensor_shape, what), dtype_from_proto(info.dtype, what), name),
                parse_port(info.name, what),
            )
        ]
    if encoding == "coo_sparse":
        specs = _sparse(info, what).component_specs
        return [
            (TensorSpec.from_spec(spec, f"{name}_{part}"), parse_port(getattr(info.coo_sparse, f"{part}_tensor_name"), what))
            for part, spec in zip(_PARTS, specs, strict=True)
        ]
    if encoding == "composite_tensor":
        parts = enumerate(info.composite_tensor.components)
        return [item for i, part in parts for item in _input(f"{name}_component_{i}", part, what)]
    raise InvalidArgumentError(f"{what} names no tensor; the SavedModel is damaged")


def _sparse(info: Any, what: str) -> SparseTensorSpec:
    return SparseTensorSpec(shape_from_proto(info.tensor_shape, what), dtype_from_proto(info.dtype, what))


def _output(name: str, info: Any, what: str) -> tuple[Any, list[Port]]:
    """The spec of a signature's output where it is sparse or ragged, else True, and its tensors."""
    what = f"output {name!r} of {what}"
    encoding = info.WhichOneof("encoding")
    if encoding == "name":
        return True, [parse_port(info.name, what)]
    if encoding == "coo_sparse":
        return _sparse(info, what), [parse_port(getattr(info.coo_sparse, f"{part}_tensor_name"), what) for part in _PARTS]
    if encoding == "composite_tensor":
        spec = structure.decode_composite(info.composite_tensor.type_spec, what)
        return spec, [port for part in info.composite_tensor.components for port in _output(name, part, what)[1]]
    raise InvalidArgumentError(f"{what} names no tensor; the SavedModel is damaged")
