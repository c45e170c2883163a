"""What fills a lookup table once: tensors, or the lines of a text file."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.lookup import textfile
from headrace.state.assets import Asset
from headrace.state.tracking import Trackable


class TableInitializer(Trackable):
    """What all initializers share: the dtypes of the table that they fill, and `initialize`."""

    key_dtype: DType
    value_dtype: DType

    def initialize(self, table: Any) -> None:
        """Fills `table`, an object with a `resource_handle`.

        Raises:
            TypeError: the table has other dtypes.
        """
        ours, theirs = (self.key_dtype, self.value_dtype), (table.key_dtype, table.value_dtype)
        if ours != theirs:
            given, wanted = (" and ".join(dtype.name for dtype in pair) for pair in (ours, theirs))
            raise TypeError(f"the initializer gives keys and values of {given}; the table holds {wanted}")
        self.fill(table.resource_handle)

    def fill(self, handle: Tensor) -> None:
        """Fills the table behind a handle."""
        raise NotImplementedError


class KeyValueTensorInitializer(TableInitializer):
    """Fills a table from a vector of keys and one of values."""

    def __init__(self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None, name: str | None = None) -> None:
        self._keys = convert_to_tensor(keys, key_dtype)
        self._values = convert_to_tensor(values, value_dtype)
        self.key_dtype = self._keys.dtype
        self.value_dtype = self._values.dtype

    def fill(self, handle: Tensor) -> None:
        """Fills the table behind a handle."""
        get("InitializeTableV2").all(handle, self._keys, self._values)


class TextFileIndex:
    """What a key or value is taken from, besides a column."""

    WHOLE_LINE = textfile.WHOLE_LINE
    LINE_NUMBER = textfile.LINE_NUMBER


class TextFileInitializer(TableInitializer):
    """Fills a table from a text file, one entry a line.

    Args:
        filename: the file; a model that is saved carries a copy.
        key_dtype, value_dtype: the dtypes of keys and values.
        key_index, value_index: a column, or one of TextFileIndex.
        vocab_size: how many lines to read; all by default.
        delimiter: the byte between columns.
        value_index_offset: added to line numbers.

    Raises:
        ValueError: an index is below TextFileIndex.WHOLE_LINE, or its dtype does not fit it.
    """

    def __init__(
        self,
        filename: Any,
        key_dtype: Any,
        key_index: int,
        value_dtype: Any,
        value_index: int,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: str | None = None,
        value_index_offset: int = 0,
    ) -> None:
        if not isinstance(filename, Tensor | Asset) and not filename:
            raise ValueError("filename must not be empty; got an empty one")
        self.key_dtype, self.value_dtype = dtypes.as_dtype(key_dtype), dtypes.as_dtype(value_dtype)
        _check_index("key", key_index, self.key_dtype)
        _check_index("value", value_index, self.value_dtype)
        if vocab_size is not None and vocab_size <= 0:
            raise ValueError(f"vocab_size must be positive, or None for all lines; got {vocab_size}")
        self._filename = filename if isinstance(filename, Asset) else Asset(filename)
        self._attributes: dict[str, Any] = {
            "key_index": key_index,
            "value_index": value_index,
            "vocab_size": -1 if vocab_size is None else vocab_size,
            "delimiter": delimiter,
            "offset": value_index_offset,
        }

    def fill(self, handle: Tensor) -> None:
        """Fills the table behind a handle."""
        get("InitializeTableFromTextFileV2").all(handle, self._filename.asset_path, **self._attributes)


def _check_index(what: str, index: int, dtype: DType) -> None:
    if index < TextFileIndex.WHOLE_LINE:
        raise ValueError(f"the {what} index must be a column, WHOLE_LINE ({textfile.WHOLE_LINE}) or LINE_NUMBER; got {index}")
    if index == TextFileIndex.LINE_NUMBER and dtype is not dtypes.int64:
        raise ValueError(f"line numbers are int64; the {what} dtype is {dtype.name}")
    if index == TextFileIndex.WHOLE_LINE and dtype is not dtypes.string and what == "key" and not dtype.is_integer:
        raise ValueError(f"whole lines are strings; the {what} dtype is {dtype.name}")
    if index == TextFileIndex.WHOLE_LINE and dtype is not dtypes.string and what == "value":
        raise ValueError(f"whole lines are strings; the {what} dtype is {dtype.name}")
