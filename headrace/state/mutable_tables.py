"""Lookup tables whose entries come and go: `tf.lookup.experimental`."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.ops.lookup.tables import Table, unique_name
from headrace.state.tables import LookupTable


class MutableHashTable(LookupTable):
    """A table whose entries come and go.

    Args:
        key_dtype, value_dtype: the dtypes of keys and values.
        default_value: the value of unknown keys; its shape is that of every value.
    """

    def __init__(
        self,
        key_dtype: Any,
        value_dtype: Any,
        default_value: Any,
        name: str = "MutableHashTable",
        checkpoint: bool = True,
        experimental_is_anonymous: bool = False,
    ) -> None:
        default = convert_to_tensor(default_value, dtypes.as_dtype(value_dtype))
        table = Table(
            unique_name(name),
            dtypes.as_dtype(key_dtype),
            default.dtype,
            mutable=True,
            value_shape=default.shape.concrete(),
        )
        super().__init__(table, default)

    def insert(self, keys: Any, values: Any, name: str | None = None) -> None:
        """Adds entries, or replaces those of known keys."""
        keys, values = convert_to_tensor(keys, self.key_dtype), convert_to_tensor(values, self.value_dtype)
        get("LookupTableInsertV2").all(self._handle, keys, values, name=name)

    def remove(self, keys: Any, name: str | None = None) -> None:
        """Removes the entries of the keys; unknown ones are passed over."""
        get("LookupTableRemoveV2").all(self._handle, convert_to_tensor(keys, self.key_dtype), name=name)
