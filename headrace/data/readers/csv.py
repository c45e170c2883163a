"""Comma-separated values: CsvDataset and make_csv_dataset."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType, as_dtype
from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.data import compression
from headrace.data.pipeline.buffering import AUTOTUNE
from headrace.data.pipeline.dataset import Dataset
from headrace.data.pipeline.elements import Element
from headrace.data.pipeline.stage import Cursor, Run, Stage, State
from headrace.data.readers.blocks import RowReader
from headrace.data.readers.files import Files, compression_of, names_of
from headrace.dispatch.convert import to_numpy
from headrace.dispatch.tensor import EagerTensor, Tensor
from headrace.ops.parsing.csv import COLUMNS, default_of, fields, value_of
from headrace.ops.strings.numeric import parse_number


class _Columns:
    """How a row becomes an element."""

    def __init__(self, defaults: Sequence[Any], separator: str, quoted: bool, missing: str, select: Any, exclude: Any) -> None:
        if len(separator) != 1:
            raise InvalidArgumentError(f"field_delim must be one character; got {separator!r}")
        if select and exclude:
            raise InvalidArgumentError("give select_cols or exclude_cols, not both")
        self.dtypes, self._defaults = [], []
        for column, default in enumerate(defaults):
            dtype, value = _default(default, column)
            self.dtypes.append(dtype)
            self._defaults.append(value)
        self._separator, self._quoted, self._missing = separator.encode(), quoted, missing.encode()
        self._select = None if not select else [int(place) for place in select]
        self._exclude = frozenset(int(place) for place in exclude or ())

    def element(self, row: bytes, number: int) -> Element:
        """The values of a row.

        Raises:
            InvalidArgumentError: it has another number of fields, or one that cannot be read.
        """
        found = list(fields(row, self._separator, self._quoted))
        if self._select is not None:
            found = [found[place] for place in self._select if place < len(found)]
        elif self._exclude:
            found = [field for place, field in enumerate(found) if place not in self._exclude]
        if len(found) != len(self.dtypes):
            raise InvalidArgumentError(f"expected {len(self.dtypes)} fields but row {number} has {len(found)}: {row[:80]!r}")
        parts = []
        for column, (field, default, dtype) in enumerate(zip(found, self._defaults, self.dtypes, strict=True)):
            text = b"" if field == self._missing else field
            part = np.empty((), dtype.np_dtype)
            part[()] = value_of(text, default, dtype, f"field {column} of row {number}")
            parts.append(part)
        return tuple(parts)


def _default(default: Any, column: int) -> tuple[DType, Any]:
    """The dtype of a column and its default, None where a field must not be empty."""
    if isinstance(default, DType | type):
        dtype, value = as_dtype(default), None
    else:
        if isinstance(default, Tensor) and not isinstance(default, EagerTensor):
            raise TypeError(f"the default of column {column} must be known when the dataset is made; got {default!r}")
        array, dtype = (np.asarray(default.array), default.dtype) if isinstance(default, EagerTensor) else to_numpy(default)
        value = default_of(array, column)
    if dtype not in COLUMNS:
        raise ValueError(f"column {column} asks for {dtype.name}; expected {', '.join(kind.name for kind in COLUMNS)}")
    return dtype, value


class _Csv(Stage):
    """Rows as tuples of numbers and strings."""

    kind = "CsvDataset"

    def __init__(self, rows: Stage, columns: _Columns) -> None:
        super().__init__((rows,), tuple(TensorSpec((), dtype) for dtype in columns.dtypes))
        self._columns = columns

    def start(self, run: Run) -> Cursor:
        """See Stage.start."""
        return _CsvCursor(run.open(self.inputs[0]), self._columns)


class _CsvCursor(Cursor):
    __slots__ = ("_columns", "_done")

    def __init__(self, rows: Cursor, columns: _Columns) -> None:
        super().__init__(rows)
        self._columns = columns
        self._done = 0

    def next(self) -> Element:
        """See Cursor.next."""
        (row,) = self.inputs[0].next()
        self._done += 1
        return self._columns.element(row.item(), self._done - 1)

    def state(self) -> State:
        """See Cursor.state."""
        return [self._done, self.inputs[0].state()]

    def restore(self, state: State) -> None:
        """See Cursor.restore."""
        self._done, rows = state
        self.inputs[0].restore(rows)


class CsvDataset(Dataset):
    """The rows of CSV files, each a tuple of scalars.

    Args:
        filenames: one name or several, a tensor of names, or a dataset of them.
        record_defaults: for each column its dtype, where fields must not be empty, or a value for empty ones.
        compression_type: '' (or None), 'GZIP' or 'ZLIB'.
        buffer_size: accepted for TensorFlow's sake.
        header: leaves out the first row of each file.
        field_delim: the character between fields.
        use_quote_delim: whether fields may stand in quotes.
        na_value: another text that stands for an empty field.
        select_cols: the positions of the columns to read; by default all.
        exclude_cols: or those to leave out.

    Raises:
        InvalidArgumentError: an argument is out of range. A row that cannot be read raises it, too, and the next one follows.
        ValueError: a column asks for another dtype than float32, float64, int32, int64 or string.
    """

    def __init__(
        self,
        filenames: Any,
        record_defaults: Sequence[Any],
        compression_type: Any = None,
        buffer_size: Any = None,
        header: bool = False,
        field_delim: str = ",",
        use_quote_delim: bool = True,
        na_value: str = "",
        select_cols: Sequence[int] | None = None,
        exclude_cols: Sequence[int] | None = None,
    ) -> None:
        kind = compression_of(compression_type)
        columns = _Columns(record_defaults, field_delim, use_quote_delim, na_value, select_cols, exclude_cols)

        def reader(path: str, offset: int) -> RowReader:
            return RowReader(path, kind, offset, header, use_quote_delim)

        super().__init__(_Csv(Files(names_of(filenames), "CsvDataset", lambda: reader, None), columns))


_WIDTHS = (dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64, dtypes.string)


def _narrowest(texts: Sequence[str], missing: str) -> DType:
    """The first dtype of `_WIDTHS` that takes all of these fields; string where all are empty."""
    given = [text.encode() for text in texts if text not in ("", missing)]
    if not given:
        return dtypes.string
    for dtype in _WIDTHS[:-1]:
        found = [parse_number(text, dtype) for text in given]
        if all(value is not None and (not dtype.is_floating or np.isfinite(value)) for value in found):
            return dtype
    return dtypes.string


def _inferred(rows: Sequence[Sequence[str]], places: Sequence[int], missing: str) -> list[Any]:
    kinds = [_narrowest([row[place] for row in rows if place < len(row)], missing) for place in places]
    return [np.array("" if kind is dtypes.string else 0, object if kind is dtypes.string else kind.np_dtype) for kind in kinds]


def _places(select: Sequence[Any] | None, names: Sequence[str]) -> list[int]:
    """The positions of the columns that are asked for by position or by name, rising."""
    if select is None:
        return list(range(len(names)))
    places = sorted(names.index(item) if isinstance(item, str) and item in names else item for item in select)
    if len(set(places)) != len(places) or any(isinstance(place, str) or not 0 <= place < len(names) for place in places):
        raise ValueError(f"select_columns must be different columns of {list(names)}; got {list(select)}")
    return places


class _Form(NamedTuple):
    """How CSV files are written.

    Attributes:
        kind: of compression.
        separator: between fields.
        quoted: whether fields may stand in quotes.
        missing: a text that stands for an empty field.
        header: whether the first row has names.
        encoding: of the text.
    """

    kind: str
    separator: str
    quoted: bool
    missing: str
    header: bool
    encoding: str

    def first_rows(self, path: str, count: int | None) -> list[list[str]]:
        """The first rows of a file, all of them for None."""
        with compression.open_for_reading(path, self.kind) as stream, io.TextIOWrapper(stream, self.encoding, newline="") as text:
            quoted = csv.reader(text, delimiter=self.separator)
            plain = csv.reader(text, delimiter=self.separator, quoting=csv.QUOTE_NONE)
            return list(itertools.islice(quoted if self.quoted else plain, count))


class _Table(NamedTuple):
    """The columns that are read: their names, positions and defaults."""

    names: list[str]
    places: list[int]
    defaults: Sequence[Any]

    def named(self, columns: Sequence[Any], label: str | None) -> Any:
        """Columns as a dict, and one of them beside it."""
        found = dict(zip(self.names, columns, strict=True))
        if label is None:
            return found
        value = found.pop(label)
        return found, value


def _table(
    path: str,
    form: _Form,
    names: Sequence[str] | None,
    defaults: Sequence[Any] | None,
    select: Sequence[Any] | None,
    looked_at: int | None,
) -> _Table:
    """What is read of a file: as asked for, or as its first rows say."""
    count = 1 if defaults is not None else None if looked_at is None else looked_at + form.header
    rows = form.first_rows(path, count)
    if names is None:
        if not form.header or not rows:
            raise ValueError(f"column_names must be given: {path} has no row with names")
        names = rows[0]
    if len(set(names)) != len(names):
        raise ValueError(f"column names must differ; got {list(names)}")
    places = _places(select, names)
    if defaults is None:
        defaults = _inferred(rows[form.header :], places, form.missing)
    if len(defaults) != len(places):
        raise InvalidArgumentError(f"column_defaults has {len(defaults)} entries for {len(places)} columns")
    return _Table([names[place] for place in places], places, defaults)


def make_csv_dataset(
    file_pattern: Any,
    batch_size: Any,
    column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None,
    label_name: str | None = None,
    select_columns: Sequence[Any] | None = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: Any = 10000,
    shuffle_seed: Any = None,
    prefetch_buffer_size: Any = None,
    num_parallel_reads: Any = None,
    sloppy: bool = False,
    num_rows_for_inference: int | None = 100,
    compression_type: Any = None,
    ignore_errors: bool = False,
    encoding: str = "utf-8",
) -> Dataset:
    """Batches of the rows of CSV files, each a dict of columns, or a pair of such a dict and a label.

    Args:
        file_pattern, batch_size, num_epochs, shuffle..., prefetch_buffer_size: as for make_batched_features_dataset.
        column_names: by default those in the first row of the first file.
        column_defaults: dtypes or defaults of the columns that are read; by default the narrowest dtype that fits, with 0 or "".
        label_name: a column that is taken out of the dict and given beside it.
        select_columns: names or positions of the columns to read; by default all.
        num_parallel_reads: files read by turns; 1 by default. `sloppy` is accepted: their order is fixed.
        num_rows_for_inference: rows looked at for dtypes; None for all.
        ignore_errors: leaves out rows that cannot be read.
        encoding: of the names. For the other arguments see CsvDataset.

    Raises:
        InvalidArgumentError: no file fits, or there are not as many defaults as columns.
        ValueError: names and columns do not fit together.
    """
    form = _Form(compression_of(compression_type), field_delim, use_quote_delim, na_value, bool(header), encoding)
    names = Dataset.list_files(file_pattern, shuffle=False)
    first = next(names.as_numpy_iterator()).decode()
    table = _table(first, form, column_names, column_defaults, select_columns, num_rows_for_inference)
    if label_name is not None and label_name not in table.names:
        raise ValueError(f"label_name must be one of the columns {table.names}; got {label_name!r}")
    select = None if select_columns is None else table.places
    rows = _rows(names.shuffle(len(names), shuffle_seed) if shuffle else names, form, table, select, num_parallel_reads)
    rows = rows.ignore_errors() if ignore_errors else rows
    rows = rows.shuffle(shuffle_buffer_size, shuffle_seed) if shuffle else rows
    rows = rows if num_epochs == 1 else rows.repeat(num_epochs)
    batches = rows.batch(batch_size, drop_remainder=num_epochs is None).map(lambda *columns: table.named(columns, label_name))
    return batches.prefetch(AUTOTUNE if prefetch_buffer_size is None else prefetch_buffer_size)


def _rows(names: Dataset, form: _Form, table: _Table, select: Sequence[int] | None, readers: Any) -> Dataset:
    """The rows of several files, by turns."""

    def read(name: Any) -> Dataset:
        return CsvDataset(name, table.defaults, form.kind, None, form.header, form.separator, form.quoted, form.missing, select)

    return names.interleave(read, cycle_length=readers or 1, block_length=1)
