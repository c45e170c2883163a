"""Lookup tables as objects, filled once by an initializer."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import ResourceTensor, Tensor
from headrace.ops.lookup.tables import Table, unique_name
from headrace.state.table_initializers import KeyValueTensorInitializer
from headrace.state.tracking import Trackable


class TableOwner(Trackable):
    """What a model has of a lookup table: its handle, and what fills it.

    Attributes:
        checkpointed: whether the entries belong into a checkpoint.
    """

    checkpointed = False

    @property
    def resource_handle(self) -> ResourceTensor:
        """The handle that the ops take."""
        raise NotImplementedError

    def initialize(self, handle: Tensor) -> None:
        """Fills the new table behind a handle, unless a checkpoint does."""


class LookupTable(TableOwner):
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
        self._check_dtype(keys)
        return get("LookupTableFindV2")(self._handle, keys, self._default, name=name)

    def _check_dtype(self, keys: Tensor) -> None:
        if keys.dtype is not self.key_dtype:
            raise TypeError(f"the table {self.name!r} has keys of {self.key_dtype.name}; got {keys.dtype.name}; use tf.cast")

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
        initializer: a KeyValueTensorInitializer or a TextFileInitializer.
        default_value: the value of unknown keys.
    """

    def __init__(
        self, initializer: Any, default_value: Any, name: str | None = None, experimental_is_anonymous: bool = False
    ) -> None:
        chosen = name or unique_name("hash_table")
        super().__init__(Table(chosen, initializer.key_dtype, initializer.value_dtype, mutable=False), default_value)
        self._initializer = initializer
        initializer.initialize(self)

    def initialize(self, handle: Tensor) -> None:
        """Fills the new table behind a handle."""
        self._initializer.fill(handle)


class StaticVocabularyTable(StaticHashTable):
    """A vocabulary of int64 numbers, filled once; keys outside of it are spread over buckets by their hash.

    Args:
        initializer: fills the vocabulary; None when there are buckets only.
        num_oov_buckets: how many buckets follow the vocabulary's numbers.
        lookup_key_dtype: the dtype of the keys to look up; by default that of the vocabulary.

    Raises:
        ValueError: there is no bucket.
        TypeError: keys or values of the vocabulary have a dtype that does not do.
    """

    def __init__(
        self,
        initializer: Any,
        num_oov_buckets: int,
        lookup_key_dtype: Any = None,
        name: str | None = None,
        experimental_is_anonymous: bool = False,
    ) -> None:
        if num_oov_buckets <= 0:
            raise ValueError(f"num_oov_buckets must be positive; got {num_oov_buckets}; a StaticHashTable needs no buckets")
        held = initializer or KeyValueTensorInitializer([], [], dtypes.string, dtypes.int64)
        wanted = dtypes.as_dtype(lookup_key_dtype) if initializer and lookup_key_dtype is not None else held.key_dtype
        if held.key_dtype not in (dtypes.int64, dtypes.string) or held.key_dtype.is_integer != wanted.is_integer:
            raise TypeError(
                f"the vocabulary has keys of {held.key_dtype.name} and is asked for {wanted.name}; expected string and string, or"
                " int64 and an integer dtype"
            )
        if held.value_dtype is not dtypes.int64:
            raise TypeError(f"the vocabulary must give int64; its initializer gives {held.value_dtype.name}")
        if not wanted.is_integer and wanted is not dtypes.string:
            raise TypeError(f"the keys to look up must be integers or strings; got {wanted.name}")
        super().__init__(held, -1, name, experimental_is_anonymous)
        self._lookup_dtype = wanted
        self._buckets = num_oov_buckets

    @property
    def key_dtype(self) -> DType:
        """The dtype of the keys to look up."""
        return getattr(self, "_lookup_dtype", self._table.key_dtype)

    def size(self, name: str | None = None) -> Tensor:
        """The size of the vocabulary and the number of buckets together, int64."""
        return super().size(name) + self._buckets

    def lookup(self, keys: Any, name: str | None = None) -> Tensor:
        """The number of each key.

        Raises:
            TypeError: the keys have another dtype than the table's.
        """
        keys = convert_to_tensor(keys, dtype_hint=self.key_dtype)
        self._check_dtype(keys)
        if keys.dtype is not self._table.key_dtype:
            keys = get("Cast")(keys, DstT=dtypes.int64)
        text = keys if keys.dtype is dtypes.string else get("AsString")(keys)
        hashed = get("StringToHashBucketFast")(text, num_buckets=self._buckets)
        ids = get("LookupTableFindV2")(self._handle, keys, self._default)
        buckets = hashed + get("LookupTableSizeV2")(self._handle)
        return get("SelectV2")(get("NotEqual")(ids, self._default), ids, buckets, name=name)
