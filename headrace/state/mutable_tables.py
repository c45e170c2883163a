"""Lookup tables whose entries come and go: `tf.lookup.experimental`."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.ops.lookup.tables import Table, table_of, unique_name
from headrace.state.tables import LookupTable


class ChangingTable(LookupTable):
    """What tables share whose entries come and go."""

    def insert(self, keys: Any, values: Any, name: str | None = None) -> None:
        """Adds entries, or replaces those of known keys."""
        keys, values = convert_to_tensor(keys, self.key_dtype), convert_to_tensor(values, self.value_dtype)
        get("LookupTableInsertV2").all(self._handle, keys, values, name=name)

    def remove(self, keys: Any, name: str | None = None) -> None:
        """Removes the entries of the keys; unknown ones are passed over."""
        get("LookupTableRemoveV2").all(self._handle, convert_to_tensor(keys, self.key_dtype), name=name)


class MutableHashTable(ChangingTable):
    """A table whose entries come and go.

    Args:
        key_dtype, value_dtype: the dtypes of keys and values.
        default_value: the value of unknown keys; its shape is that of every value.
        checkpoint: whether checkpoints and saved models hold the entries.
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
        kinds = (dtypes.as_dtype(key_dtype), default.dtype)
        super().__init__(Table(unique_name(name), *kinds, mutable=True, value_shape=default.shape.concrete()), default)
        self.checkpointed = checkpoint


class DenseHashTable(ChangingTable):
    """A table whose entries come and go, and which reserves two keys.

    Args:
        key_dtype, value_dtype: the dtypes of keys and values.
        default_value: the value of unknown keys; its shape is that of every value.
        empty_key, deleted_key: keys that may not be used.
        initial_num_buckets: a power of two.
        checkpoint: whether checkpoints and saved models hold the entries.

    Raises:
        InvalidArgumentError: the reserved keys are equal, or the number of buckets is no power of two.
    """

    def __init__(
        self,
        key_dtype: Any,
        value_dtype: Any,
        default_value: Any,
        empty_key: Any,
        deleted_key: Any,
        initial_num_buckets: int | None = None,
        name: str = "MutableDenseHashTable",
        checkpoint: bool = True,
        experimental_is_anonymous: bool = False,
    ) -> None:
        default = convert_to_tensor(default_value, dtypes.as_dtype(value_dtype))
        reserved = [convert_to_tensor(key, dtypes.as_dtype(key_dtype)) for key in (empty_key, deleted_key)]
        buckets = {} if initial_num_buckets is None else {"initial_num_buckets": initial_num_buckets}
        kinds: dict[str, Any] = {"value_dtype": default.dtype, "value_shape": default.shape, **buckets}
        handle = get("AnonymousMutableDenseHashTable")(*reserved, **kinds)
        super().__init__(table_of(handle.array), default)  # type: ignore[attr-defined]
        self.checkpointed = checkpoint

    def erase(self, keys: Any, name: str | None = None) -> None:
        """Removes the entries of the keys: another name for `remove`."""
        self.remove(keys, name)

    def insert_or_assign(self, keys: Any, values: Any, name: str | None = None) -> None:
        """Adds entries, or replaces those of known keys: another name for `insert`."""
        self.insert(keys, values, name)
