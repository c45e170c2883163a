"""A SavedModel described from its files: signatures, variables, operations, and what Headrace could not run."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

from headrace.checkpoint.bundle import BundleReader, index_path
from headrace.checkpoint.object_graph import GRAPH_KEY
from headrace.core.errors import NotFoundError
from headrace.proto.messages import SavedModel, parse
from headrace.proto.tensors import dtype_from_proto, from_proto, shape_from_proto
from headrace.saved_model import contains_saved_model
from headrace.saved_model.digest import content_digest
from headrace.saved_model.fingerprint import MODEL
from headrace.saved_model.graph_import import FunctionImporter
from headrace.saved_model.signatures import RESERVED
from headrace.saved_model.v1.functions import GraphFunctions
from headrace.saved_model.v1.loading import define_signature

MOST_EXAMPLE_NUMBERS = 16
"""An example of an input with more elements is described, not written out."""


def describe(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Everything that can be said of a SavedModel without running it, as plain data for JSON.

    Returns:
        path, digest, bytes (of all files), variables (name, dtype, shape, bytes of each), variable_bytes, and graphs: for each its
        tags, the TensorFlow version that wrote it, signatures (with inputs, outputs, an example and the operations that Headrace
        lacks), the number of functions, operations (counts by name), those missing of all functions, and assets.

    Raises:
        NotFoundError: there is no SavedModel.
        DataLossError: a file is damaged.
        InvalidArgumentError: the model contradicts itself.
    """
    path = Path(folder)
    if not contains_saved_model(path):
        raise NotFoundError(f"there is no SavedModel in {str(path)!r}: {MODEL} is missing")
    model = parse(SavedModel, (path / MODEL).read_bytes(), str(path / MODEL))
    variables = _variables(path)
    return {
        "path": str(path),
        "digest": content_digest(path),
        "bytes": sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        "variable_bytes": sum(v["bytes"] for v in variables),
        "variables": variables,
        "graphs": [_graph(meta, path.name) for meta in model.meta_graphs],
    }


def _variables(path: Path) -> list[dict[str, Any]]:
    prefix = path / "variables" / "variables"
    if not index_path(prefix).is_file():
        return []
    reader = BundleReader(prefix)
    found = []
    for key in sorted(reader):
        if key != GRAPH_KEY:
            dtype, shape = reader.spec(key)
            size = (
                reader.entry(key).size or math.prod(shape) * dtype.np_dtype.itemsize
            )  # partitioned ones have no size of their own
            name = key.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE")
            found.append({"name": name, "dtype": dtype.name, "shape": list(shape), "bytes": size})
    return found


def _graph(meta: Any, model: str) -> dict[str, Any]:
    library = FunctionImporter(meta.graph_def.library)
    operations: Counter[str] = Counter(node.op for node in meta.graph_def.node)
    for function in meta.graph_def.library.function:
        operations.update(node.op for node in function.node_def)
    if meta.object_graph_def.nodes:
        # The functions by which TensorFlow writes checkpoints are in the library too, but nobody calls them.
        called = (name for name in meta.object_graph_def.concrete_functions if name in library)
        missing = {op for name in called for op in library.missing_ops(name)}
        calls = {node.name: node.attr["f"].func.name for node in meta.graph_def.node if "f" in node.attr}
        nodes = {k: {i.name.partition(":")[0] for i in s.outputs.values()} for k, s in meta.signature_def.items()}
        by_signature = {k: {op for n in found if n in calls for op in library.missing_ops(calls[n])} for k, found in nodes.items()}
    else:
        by_signature = _missing_of_graph(meta)
        missing = set().union(*by_signature.values())
    for name in list(operations):
        if name in library:
            del operations[name]
    return {
        "tags": sorted(meta.meta_info_def.tags),
        "tensorflow_version": meta.meta_info_def.tensorflow_version,
        "signatures": {
            key: _signature(key, signature, model, sorted(by_signature[key]))
            for key, signature in sorted(meta.signature_def.items())
            if key not in RESERVED
        },
        "functions": len(meta.graph_def.library.function),
        "operations": dict(sorted(operations.items(), key=lambda pair: (-pair[1], pair[0]))),
        "missing": sorted(missing),
        "assets": sorted(asset.filename for asset in meta.asset_file_def),
    }


def _missing_of_graph(meta: Any) -> dict[str, set[str]]:
    """The ops that Headrace lacks by signature, for a graph of TensorFlow 1."""
    functions = GraphFunctions(meta.graph_def, "the SavedModel")
    missing = {}
    for key, signature in meta.signature_def.items():
        if key not in RESERVED:
            _, _, name, _ = define_signature(functions, key, signature)
            missing[key] = set(functions.importer.missing_ops(name))
    return missing


def _signature(key: str, signature: Any, model: str, missing: list[str]) -> dict[str, Any]:
    inputs = {name: _tensor(name, info) for name, info in sorted(signature.inputs.items())}
    for name, proto in signature.defaults.items():
        if name in inputs:
            inputs[name]["default"] = from_proto(proto, f"the default of {name!r}").astype(str).tolist()
    return {
        "method_name": signature.method_name,
        "inputs": inputs,
        "outputs": {name: _tensor(name, info) for name, info in sorted(signature.outputs.items())},
        "curl": _curl(key, inputs, model),
        "missing": missing,
    }


def _tensor(name: str, info: Any) -> dict[str, Any]:
    encoding = info.WhichOneof("encoding")
    if encoding == "composite_tensor":
        return {"dtype": info.composite_tensor.type_spec.type_spec_class_name, "shape": None, "name": ""}
    what = f"tensor {name!r} of a signature"
    shape = shape_from_proto(info.tensor_shape, what)
    sizes = None if shape.rank is None else list(shape)
    dtype = dtype_from_proto(info.dtype, what).name
    return {"dtype": f"sparse {dtype}" if encoding == "coo_sparse" else dtype, "shape": sizes, "name": info.name}


def _curl(key: str, inputs: dict[str, dict[str, Any]], model: str) -> str:
    """A request by curl; unknown dimensions are 1."""
    values = ", ".join(f'"{name}": {_example(tensor)}' for name, tensor in inputs.items())
    chosen = "" if key == "serving_default" else f'"signature_name": "{key}", '
    return f"curl -d '{{{chosen}\"inputs\": {{{values}}}}}' http://localhost:8501/v1/models/{model}:predict"


def _example(tensor: dict[str, Any]) -> str:
    shape = [1 if size is None else size for size in tensor["shape"] or []]
    if math.prod(shape) > MOST_EXAMPLE_NUMBERS:
        return f"<{tensor['dtype']} {shape}>"
    zero = {"string": '"text"', "bool": "false"}.get(tensor["dtype"], "0" if "int" in tensor["dtype"] else "0.0")

    def nested(sizes: list[int]) -> str:
        return zero if not sizes else f"[{', '.join([nested(sizes[1:])] * sizes[0])}]"

    return nested(shape)
