"""Lookup tables and the files they are filled from, as a SavedModel holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import ResourceTensor, Tensor
from headrace.ir.graph import Graph
from headrace.ops.lookup.tables import Table, table_of
from headrace.saved_model.bundle import BundleReader
from headrace.saved_model.restored import LoadedObject
from headrace.state.assets import Asset

CREATE, INITIALIZE, DESTROY = "_create_resource", "_initialize", "_destroy_resource"
"""The functions of a resource, by the names of its children."""
TABLE = "table"
"""The attribute of a checkpoint's object that stands for the entries of a table."""
KEYS, VALUES = "-keys", "-values"
"""What follows the checkpoint key of a table: its entries are two tensors."""


class LoadedTable(LoadedObject):
    """A lookup table of a loaded model; its functions look it up."""

    def __init__(self, handle: ResourceTensor) -> None:
        self._headrace_handle = handle

    @property
    def resource_handle(self) -> ResourceTensor:
        """The handle that the ops take."""
        return self._headrace_handle


def make_like(table: Table, shared_name: str) -> Tensor:
    """The handle of an empty table like another."""
    kinds: dict[str, Any] = {"value_dtype": table.value_dtype, "shared_name": shared_name}
    if table.reserved:
        reserved = [table.key_dtype.np_dtype.type(key) if table.key_dtype.name != "string" else key for key in table.reserved]
        return get("MutableDenseHashTableV2")(*reserved, value_shape=TensorShape(table.value_shape), **kinds)
    kinds["key_dtype"] = table.key_dtype
    if not table.mutable:
        return get("HashTableV2")(**kinds)
    if not table.value_shape:
        return get("MutableHashTableV2")(**kinds)
    return get("MutableHashTableOfTensorsV2")(**kinds, value_shape=TensorShape(table.value_shape))


def unshare(graph: Graph) -> None:
    """Takes the names off the tables that a function makes: each load of a model has tables of its own."""
    for node in graph.nodes:
        if "shared_name" in node.attrs and node.op.endswith(("HashTableV2", "HashTableOfTensorsV2")):
            node.attrs["shared_name"] = ""


def restore_entries(reader: BundleReader, key: str, handle: ResourceTensor) -> None:
    """Fills a table from a checkpoint.

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


def asset_of(meta: Any, index: int, folder: Path, label: str) -> Asset:
    """An asset of a SavedModel.

    Args:
        meta: the MetaGraphDef.
        index: into its asset_file_def.
        folder: of the model.
        label: names the model in messages.

    Raises:
        InvalidArgumentError: there is no such asset, or its name leads out of the model's folder.
        DataLossError: its file is missing.
    """
    if not 0 <= index < len(meta.asset_file_def):
        raise InvalidArgumentError(f"{label} names asset {index} but describes {len(meta.asset_file_def)}")
    name = meta.asset_file_def[index].filename
    parts = Path(name).parts
    if not parts or ".." in parts or Path(name).is_absolute() or "\0" in name:
        raise InvalidArgumentError(f"the asset {name!r} of {label} is no name of a file in its folder assets/")
    path = folder / "assets" / name
    if not path.is_file():
        raise DataLossError(f"the asset {name!r} of {label} is missing")
    return Asset(path)
