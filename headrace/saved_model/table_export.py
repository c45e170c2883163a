"""A lookup table on its way into a SavedModel: the functions that make, fill, save and restore it."""

from __future__ import annotations

import secrets
from typing import Any

from headrace.checkpoint.object_graph import KEYS, VALUES
from headrace.core import dtypes
from headrace.core.shapes import SCALAR, UNKNOWN, TensorShape
from headrace.core.spec import TensorSpec
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.lookup.tables import Table, table_of
from headrace.state.tables import TableOwner
from headrace.trace.concrete import ConcreteFunction
from headrace.trace.function import Function

CREATE, INITIALIZE, DESTROY = "_create_resource", "_initialize", "_destroy_resource"
"""The functions of a resource, by the names of its children."""


class SavedTable:
    """One table of a model that is being saved.

    Attributes:
        table: the table.
        children: the functions that loaders call, by the names of the edges to them.
        save, restore: what the entries go through on their way to and from a checkpoint; None when they are not stored.
    """

    def __init__(self, owner: TableOwner) -> None:
        handle = owner.resource_handle
        self.table = table_of(handle.array)
        # TensorFlow shares tables of one name within a process, even between models.
        name = f"table_{secrets.token_hex(16)}"

        def fill() -> Tensor:
            owner.initialize(handle)
            return _done()

        self.children = {
            CREATE: Function(lambda: make_like(self.table, name), ()),
            INITIALIZE: vars(owner).get(INITIALIZE) or Function(fill, ()),
            DESTROY: Function(_done, ()),
        }
        self.save: ConcreteFunction | None = None
        self.restore: ConcreteFunction | None = None
        if owner.checkpointed:
            self.save = self._save_function(handle)
            self.restore = self._restore_function(handle)

    def _save_function(self, handle: Tensor) -> ConcreteFunction:
        kinds: dict[str, Any] = {"Tkeys": self.table.key_dtype, "Tvalues": self.table.value_dtype}

        def save(checkpoint_key: Any) -> Any:
            entries = get("LookupTableExportV2").all(handle, **kinds)
            names = [get("StringJoin")([checkpoint_key, suffix]) for suffix in (KEYS, VALUES)]
            whole = convert_to_tensor("")
            return [{"name": n, "slice_spec": whole, "tensor": t} for n, t in zip(names, entries, strict=True)]

        return Function(save, [TensorSpec(SCALAR, dtypes.string, "checkpoint_key")]).get_concrete_function()

    def _restore_function(self, handle: Tensor) -> ConcreteFunction:
        def restore(keys: Any, values: Any) -> Any:
            get("LookupTableImportV2").all(handle, keys, values)
            return _done()

        specs = [TensorSpec(UNKNOWN, self.table.key_dtype, "keys"), TensorSpec(UNKNOWN, self.table.value_dtype, "values")]
        return Function(restore, specs).get_concrete_function()


def _done() -> Tensor:
    """What the functions of a resource return, for they must return something."""
    return convert_to_tensor(1, dtypes.int32)


def make_like(table: Table, shared_name: str) -> Tensor:
    """The handle of an empty table like another."""
    kinds: dict[str, Any] = {"value_dtype": table.value_dtype, "shared_name": shared_name}
    shape = TensorShape(table.value_shape)
    if table.reserved:
        reserved = [convert_to_tensor(key, table.key_dtype) for key in table.reserved]
        return get("MutableDenseHashTableV2")(*reserved, value_shape=shape, initial_num_buckets=table.buckets, **kinds)
    kinds["key_dtype"] = table.key_dtype
    if not table.mutable:
        return get("HashTableV2")(**kinds)
    if not table.value_shape:
        return get("MutableHashTableV2")(**kinds)
    return get("MutableHashTableOfTensorsV2")(**kinds, value_shape=shape)
