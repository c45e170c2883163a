"""Lookup tables and the files they are filled from, as a SavedModel holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.dispatch.tensor import ResourceTensor
from headrace.ir.graph import Graph
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
