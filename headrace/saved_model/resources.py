"""Lookup tables and the files they are filled from, as a SavedModel holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import ResourceTensor, Tensor
from headrace.ir.graph import Graph
from headrace.ops.lookup.tables import table_of
from headrace.saved_model.restored import LoadedObject
from headrace.state.assets import Asset
from headrace.state.tables import TableOwner


class LoadedTable(LoadedObject, TableOwner):
    """A lookup table of a loaded model; its functions look it up."""

    def __init__(self, handle: ResourceTensor, checkpointed: bool) -> None:
        self._headrace_handle = handle
        self.checkpointed = checkpointed

    @property
    def resource_handle(self) -> ResourceTensor:
        """The handle that the ops take."""
        return self._headrace_handle


class FilledTable(LoadedTable):
    """A table of a loaded graph; saved again, it is filled with the entries that it has now."""

    def __init__(self, handle: ResourceTensor) -> None:
        table = table_of(handle.array)
        super().__init__(handle, checkpointed=table.mutable)
        self._headrace_entries: list[Any] = []
        if not table.mutable and table.entries is not None:
            kinds: dict[str, Any] = {"Tkeys": table.key_dtype, "Tvalues": table.value_dtype}
            self._headrace_entries = [np.asarray(part) for part in get("LookupTableExportV2").all(handle, **kinds)]

    def initialize(self, handle: Tensor) -> None:
        """Fills the new table behind a handle, unless a checkpoint does or this one was never filled."""
        if self._headrace_entries:
            get("InitializeTableV2").all(handle, *map(convert_to_tensor, self._headrace_entries))


def unshare(graph: Graph) -> None:
    """Takes the names off the tables that a function makes: each load of a model has tables of its own."""
    for node in graph.nodes:
        if "shared_name" in node.attrs and node.op.endswith(("HashTableV2", "HashTableOfTensorsV2")):
            node.attrs["shared_name"] = ""


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
