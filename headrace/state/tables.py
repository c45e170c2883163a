"""Lookup tables as objects, filled once by an initializer."""

from __future__ import annotations

from typing import Any

from headrace.core.dtypes import DType
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import ResourceTensor, Tensor
from headrace.ops.lookup.tables import Table, unique_name
from headrace.state.tracking import Trackable


class KeyValueTensorInitializer(Trackable):
    """Fills a table from a vector of keys and one of values."""

    def __init__(self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None, name: str | None = None) -> None:
        self._keys = convert_to_tensor(keys, key_dtype)
        self._values = convert_to_tensor(values, value_dtype)

    @property
    def key_dtype(self) -> DType:
        """The dtype of the keys."""
        return self._keys.dtype

    @property
    def value_dtype(self) -> DType:
        """The dtype of the values."""
        return self._values.dtype

    def initialize(self, table: LookupTable) -> None:
        """Fills `table`."""
        get("InitializeTableV2").all(table.resource_handle, self._keys, self._values)


class LookupTable(Trackable):
    """What all tables share: a handle, a default value, looking up."""

    def __init__(self, table: Table, default_value: Any) -> None:
        self._handle = ResourceTensor(table)
        self._table = table
        self._default = convert_to_tensor(default_value, table.value_dtype)

    @property
    def resource_handle(self) -> ResourceTensor:
        """The handle that the ops take."""
        return self._handle

    @property
    def name(self) -> str:
        """The table's name."""
        return self._table.name

    @property
    def key_dtype(self) -> DType:
        """The dtype of the keys."""
        return self._table.key_dtype

    @property
    def value_dtype(self) -> DType:
        """The dtype of the values."""
        return self._table.value_dtype

    @property
    def default_value(self) -> Tensor:
        """The value of unknown keys."""
        return self._default

    def size(self, name: str | None = None) -> Tensor:
        """The number of entries, int64."""
        return get("LookupTableSizeV2")(self._handle, name=name)

    def lookup(self, keys: Any, name: str | None = None) -> Tensor:
        """The value of each key, the default for unknown ones.

        Raises:
            TypeError: the keys have another dtype than the table's.
        """
        keys = convert_to_tensor(keys, dtype_hint=self.key_dtype)
        if keys.dtype is not self.key_dtype:
            raise TypeError(f"the table {self.name!r} has keys of {self.key_dtype.name}; got {keys.dtype.name}; use tf.cast")
        return get("LookupTableFindV2")(self._handle, keys, self._default, name=name)

    def __getitem__(self, keys: Any) -> Tensor:
        return self.lookup(keys)

    def export(self, name: str | None = None) -> tuple[Tensor, Tensor]:
        """All keys and their values."""
        dtypes_given = {"Tkeys": self.key_dtype, "Tvalues": self.value_dtype}
        keys, values = get("LookupTableExportV2").all(self._handle, **dtypes_given, name=name)
        return keys, values


class StaticHashTable(LookupTable):
    """A table that an initializer fills once.

    Args:
        initializer: a KeyValueTensorInitializer.
        default_value: the value of unknown keys.
    """

    def __init__(
        self, initializer: Any, default_value: Any, name: str | None = None, experimental_is_anonymous: bool = False
    ) -> None:
        chosen = name or unique_name("hash_table")
        super().__init__(Table(chosen, initializer.key_dtype, initializer.value_dtype, mutable=False), default_value)
        self._initializer = initializer
        initializer.initialize(self)
