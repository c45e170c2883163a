"""Hash tables: the resource that holds one, and the ops that look up and change it."""

from __future__ import annotations

import itertools
import math
import threading
from typing import Any

import numpy as np

from headrace.core.dtypes import DType
from headrace.core.errors import FailedPreconditionError, InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import op
from headrace.dispatch.resource import Resource
from headrace.ops.lookup.buckets import enough, lay_out

_numbers = itertools.count()


def unique_name(stem: str) -> str:
    """A name that no table of this process has yet."""
    return f"{stem}_{next(_numbers)}"


class Table(Resource):
    """A dictionary on the host, behind a handle as a variable's array is.

    Attributes:
        key_dtype, value_dtype: the dtypes of keys and values.
        value_shape: the shape of one value.
        mutable: whether entries may be inserted and removed at any time; else it is filled once.
        reserved: keys that no entry may have: the empty and the deleted key of a dense table.
        buckets: into how many buckets the entries of a dense table go when they are exported, at least.
        entries: the values by key; None before a table that is filled once is initialized.
    """

    __slots__ = ("buckets", "entries", "key_dtype", "lock", "mutable", "reserved", "value_dtype", "value_shape")

    def __init__(
        self,
        name: str,
        key_dtype: DType,
        value_dtype: DType,
        *,
        mutable: bool,
        value_shape: tuple[int, ...] = (),
        reserved: tuple[Any, ...] = (),
        buckets: int = 0,
    ) -> None:
        super().__init__(name, value_dtype, TensorShape(value_shape))
        self.key_dtype = key_dtype
        self.value_dtype = value_dtype
        self.value_shape = value_shape
        self.mutable = mutable
        self.reserved = reserved
        self.buckets = buckets
        self.entries: dict[Any, Any] | None = {} if mutable else None
        self.lock = threading.Lock()

    def filled(self) -> dict[Any, Any]:
        """The entries.

        Raises:
            FailedPreconditionError: the table was not initialized.
        """
        if self.entries is None:
            raise FailedPreconditionError(f"the table {self.name!r} is not initialized; run its initializer first")
        return self.entries

    def check(self, keys: Any, values: Any = None) -> None:
        """Checks dtypes and shapes of keys and values.

        Raises:
            InvalidArgumentError: they do not fit the table or each other.
        """
        if keys.dtype != self.key_dtype.np_dtype:
            raise InvalidArgumentError(f"the table {self.name!r} has keys of {self.key_dtype.name}; got {keys.dtype}")
        for key in self.reserved:
            if (keys == key).any():
                raise InvalidArgumentError(f"the table {self.name!r} reserves the key {key!r} as its empty or deleted key")
        if values is None:
            return
        if values.dtype != self.value_dtype.np_dtype:
            raise InvalidArgumentError(f"the table {self.name!r} has values of {self.value_dtype.name}; got {values.dtype}")
        if values.shape != keys.shape + self.value_shape:
            raise InvalidArgumentError(
                f"values for keys of shape {list(keys.shape)} must have shape {list(keys.shape + self.value_shape)};"
                f" got {list(values.shape)}"
            )

    def exported(self) -> tuple[Any, Any]:
        """All keys and their values; a dense table gives its buckets, the empty ones included."""
        with self.lock:
            entries = dict(self.filled())
        if self.reserved:
            count = enough(self.buckets, len(entries))
            keys = np.full((count, 1), self.reserved[0], self.key_dtype.np_dtype)
            nothing = b"" if self.value_dtype.name == "string" else 0
            values = np.full((count, math.prod(self.value_shape)), nothing, self.value_dtype.np_dtype)
            lay_out(entries, keys, values)
            return keys, values
        keys = np.empty(len(entries), self.key_dtype.np_dtype)
        if entries:
            keys[:] = list(entries)
        return keys, self.stacked(list(entries.values()))

    def stacked(self, rows: list[Any]) -> Any:
        """Values one after the other as one array."""
        out = np.empty((len(rows), *self.value_shape), self.value_dtype.np_dtype)
        if rows:
            out[:] = rows
        return out

    def rows(self, values: Any) -> list[Any]:
        """The values one by one: Python scalars, or arrays of `value_shape`."""
        return list(values.reshape(-1, *self.value_shape)) if self.value_shape else list(values.ravel().tolist())


def table_of(handle: Any) -> Table:
    """The table of a handle, which the eager executor wraps in an array."""
    found = handle.item() if isinstance(handle, np.ndarray) else handle
    if not isinstance(found, Table):
        raise InvalidArgumentError(f"the handle is of {getattr(found, 'name', found)!r}, which is no lookup table")
    return found


def _found_shape(handle: Any, keys: tuple[int, ...], default: tuple[int, ...], **_: Any) -> tuple[int, ...]:
    return keys + default


@op(
    "LookupTableFindV2",
    "table_handle: resource, keys: Tin, default_value: Tout -> values: Tout",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=_found_shape,
)
def find(table_handle: Any, keys: Any, default_value: Any) -> Any:
    """The value of each key, the default for keys that the table lacks."""
    table = table_of(table_handle)
    table.check(keys)
    if default_value.dtype != table.value_dtype.np_dtype or default_value.shape != table.value_shape:
        raise InvalidArgumentError(
            f"the default of table {table.name!r} must be {table.value_dtype.name} of shape {list(table.value_shape)};"
            f" got {default_value.dtype} of shape {list(default_value.shape)}"
        )
    default = default_value if table.value_shape else default_value.item()
    with table.lock:
        entries = table.filled()
        found = [entries.get(key, default) for key in keys.ravel().tolist()]
    return table.stacked(found).reshape(keys.shape + table.value_shape)


def _put(table: Table, keys: Any, values: Any, *, clear: bool) -> None:
    if not table.mutable:
        raise InvalidArgumentError(f"the table {table.name!r} is filled once and cannot be changed; use a MutableHashTable")
    table.check(keys, values)
    with table.lock:
        entries = table.filled()
        if clear:
            entries.clear()
        entries.update(zip(keys.ravel().tolist(), table.rows(values.copy()), strict=True))


@op("LookupTableInsertV2", "table_handle: resource, keys: Tin, values: Tout -> ", host_only=True, stateful=True)
def insert(table_handle: Any, keys: Any, values: Any) -> tuple[()]:
    """Adds entries, or replaces those of known keys."""
    _put(table_of(table_handle), keys, values, clear=False)
    return ()


@op("LookupTableImportV2", "table_handle: resource, keys: Tin, values: Tout -> ", host_only=True, stateful=True)
def import_entries(table_handle: Any, keys: Any, values: Any) -> tuple[()]:
    """Replaces all entries, or fills a table that is filled once."""
    table = table_of(table_handle)
    if table.mutable:
        if table.reserved:
            keys, values = _from_buckets(table, keys, values)
        _put(table, keys, values, clear=True)
    else:
        fill(table, keys, values)
    return ()


def _from_buckets(table: Table, keys: Any, values: Any) -> tuple[Any, Any]:
    """The entries of a dense table out of its buckets.

    Raises:
        InvalidArgumentError: the buckets are not of the table's shape.
    """
    wanted = (len(keys), math.prod(table.value_shape)) if keys.ndim else ()
    if keys.shape != (*wanted[:1], 1) or values.shape != wanted:
        raise InvalidArgumentError(
            f"the dense table {table.name!r} takes buckets: keys of shape [n, 1] and values of shape"
            f" [n, {math.prod(table.value_shape)}]; got {list(keys.shape)} and {list(values.shape)}"
        )
    kept = ~np.isin(keys[:, 0], np.array(table.reserved, keys.dtype))
    return keys[kept, 0], values[kept].reshape(-1, *table.value_shape)


@op("LookupTableRemoveV2", "table_handle: resource, keys: Tin -> ", host_only=True, stateful=True)
def remove(table_handle: Any, keys: Any) -> tuple[()]:
    """Removes the entries of the keys; unknown ones are passed over."""
    table = table_of(table_handle)
    if not table.mutable:
        raise InvalidArgumentError(f"the table {table.name!r} is filled once and cannot be changed; use a MutableHashTable")
    table.check(keys)
    with table.lock:
        for key in keys.ravel().tolist():
            table.filled().pop(key, None)
    return ()


@op("LookupTableSizeV2", "table_handle: resource -> size: int64", host_only=True, stateful=True, shape=lambda *_, **__: ())
def size(table_handle: Any) -> Any:
    """The number of entries, int64."""
    return np.array(len(table_of(table_handle).filled()), np.int64)


@op("LookupTableExportV2", "table_handle: resource -> keys: Tkeys, values: Tvalues", host_only=True, stateful=True)
def export(table_handle: Any, *, Tkeys: DType, Tvalues: DType) -> Any:
    """All keys and their values."""
    return table_of(table_handle).exported()


@op("InitializeTableV2", "table_handle: resource, keys: Tkey, values: Tval -> ", host_only=True, stateful=True)
def initialize(table_handle: Any, keys: Any, values: Any) -> tuple[()]:
    """Fills a table once; filling it again with the same entries changes nothing."""
    fill(table_of(table_handle), keys, values)
    return ()


def fill(table: Table, keys: Any, values: Any) -> None:
    table.check(keys, values)
    entries: dict[Any, Any] = {}
    for key, value in zip(keys.ravel().tolist(), table.rows(values), strict=True):
        if entries.setdefault(key, value) != value:
            raise FailedPreconditionError(f"key {key!r} of table {table.name!r} is given twice: for {entries[key]!r} and {value!r}")
    with table.lock:
        if table.entries is not None and table.entries != entries:
            raise FailedPreconditionError(f"the table {table.name!r} is initialized already, with other entries")
        table.entries = entries
