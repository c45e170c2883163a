"""Lines of comma-separated values into columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from headrace.core.dtypes import DType, as_dtype, float32, float64, int32, int64, string
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import Ints, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.strings.numeric import parse_number

COLUMNS = (float32, float64, int32, int64, string)
QUOTE = b'"'


def fields(line: bytes, separator: bytes, quoted: bool) -> Iterator[bytes]:
    """The fields of one record (RFC 4180).

    Args:
        line: the record.
        separator: one byte between fields.
        quoted: whether a field may stand in quotes, in which a quote is written twice.

    Raises:
        InvalidArgumentError: quotes or line breaks stand where they may not.
    """
    position, end = 0, len(line)
    while position <= end:
        if quoted and line[position : position + 1] == QUOTE:
            field, position = _quoted(line, position + 1)
            if position < end and line[position : position + 1] != separator:
                raise InvalidArgumentError(
                    f"a quoted field must be followed by {separator.decode()!r} or the end; got {line[:80]!r}"
                )
        else:
            stop = line.find(separator, position)
            stop = end if stop < 0 else stop
            field, position = line[position:stop], stop
            if (quoted and QUOTE in field) or b"\n" in field or b"\r" in field:
                raise InvalidArgumentError(f"a field without quotes holds a quote or a line break in {line[:80]!r}; quote it")
        yield field
        position += 1


def _quoted(line: bytes, start: int) -> tuple[bytes, int]:
    """A field whose opening quote stands before `start`, and the position after its closing quote."""
    parts = []
    while True:
        stop = line.find(QUOTE, start)
        if stop < 0:
            raise InvalidArgumentError(f"a quoted field is not closed in {line[:80]!r}")
        parts.append(line[start:stop])
        if line[stop + 1 : stop + 2] != QUOTE:
            return b"".join(parts), stop + 1
        parts.append(QUOTE)
        start = stop + 2


def default_of(default: Any, column: int) -> Any:
    """The value that a column has where a field is empty; None where it must not be."""
    if default.ndim > 1 or default.size > 1:
        raise InvalidArgumentError(f"the default of column {column} has shape {list(default.shape)}; expected at most one value")
    return default.ravel()[0] if default.size else None


def value_of(field: bytes, default: Any, dtype: DType, where: str) -> Any:
    """What a field stands for in a column of a dtype."""
    if not field:
        if default is None:
            raise InvalidArgumentError(f"{where} is empty, and the column has no default; give the field, or a default")
        return default
    value = field if dtype is string else parse_number(field, dtype)
    if value is None:
        raise InvalidArgumentError(f"{where} is no valid {dtype.name}: {field[:80]!r}")
    return value


@op(
    "DecodeCSV",
    "records: string, record_defaults: OUT_TYPE[] -> output: OUT_TYPE[]",
    OUT_TYPE=COLUMNS,
    host_only=True,
    differentiable=False,
    shape=lambda records, defaults, **_: [records] * len(defaults),
)
def decode_csv_op(
    records: Any,
    record_defaults: Any,
    *,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Ints = (),
) -> Any:
    """A tensor of the shape of `records` for each column; an empty field, or `na_value`, is the column's default."""
    separator, missing = field_delim.encode(), na_value.encode()
    if len(separator) != 1:
        raise InvalidArgumentError(f"field_delim must be one character; got {field_delim!r}")
    types = [as_dtype(default.dtype) for default in record_defaults]
    if select_cols and (len(select_cols) != len(types) or list(select_cols) != sorted(set(select_cols)) or select_cols[0] < 0):
        raise InvalidArgumentError(f"select_cols must be {len(types)} rising positions; got {list(select_cols)}")
    defaults = [default_of(default, column) for column, default in enumerate(record_defaults)]
    columns: list[list[Any]] = [[] for _ in types]
    for row, line in enumerate(records.ravel().tolist()):
        found = list(fields(line, separator, use_quote_delim))
        if select_cols:
            found = [found[place] for place in select_cols if place < len(found)]
        if len(found) != len(types):
            raise InvalidArgumentError(f"expected {len(types)} fields but record {row} has {len(found)}")
        for column, (field, default, dtype) in enumerate(zip(found, defaults, types, strict=True)):
            text = b"" if field == missing else field
            columns[column].append(value_of(text, default, dtype, f"field {column} of record {row}"))
    return tuple(_array(items, dtype, records.shape) for items, dtype in zip(columns, types, strict=True))


def _array(items: Sequence[Any], dtype: DType, shape: tuple[int, ...]) -> Any:
    array = np.empty(len(items), dtype.np_dtype)
    array[:] = items
    return array.reshape(shape)


def decode_csv(
    records: Any,
    record_defaults: Sequence[Any],
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
    name: str | None = None,
) -> list[Tensor]:
    """The columns of comma-separated records.

    Args:
        records: strings of any shape, a record each.
        record_defaults: for each column a value of its dtype for empty fields, or an empty vector when it must be there.
        field_delim: the character between fields.
        use_quote_delim: whether fields may stand in quotes.
        na_value: another text that stands for an empty field.
        select_cols: the positions of the columns to read, rising; by default all.
        name: of the operation.

    Returns:
        A tensor of the shape of `records` for each column.

    Raises:
        InvalidArgumentError: a record has another number of fields, or one that cannot be read.
        ValueError: `select_cols` does not rise, or is not as long as `record_defaults`.
    """
    if select_cols is not None:
        if any(after <= before for before, after in pairwise(select_cols)):
            raise ValueError(f"select_cols must rise; got {list(select_cols)}")
        if select_cols and select_cols[0] < 0:
            raise ValueError(f"select_cols must not be negative; got {list(select_cols)}")
        if len(select_cols) != len(record_defaults):
            raise ValueError(f"select_cols has {len(select_cols)} entries; expected {len(record_defaults)}, as many as defaults")
    defaults = [convert_to_tensor(default) for default in record_defaults]
    columns = decode_csv_op.all(
        records,
        defaults,
        field_delim=field_delim,
        use_quote_delim=use_quote_delim,
        na_value=na_value,
        select_cols=tuple(select_cols or ()),
        name=name,
    )
    return list(columns)
