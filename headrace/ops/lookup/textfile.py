"""Filling a table from the lines of a text file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError, ResourceExhaustedError
from headrace.dispatch.opdef import op
from headrace.ops.lookup.tables import fill, table_of

WHOLE_LINE = -2
LINE_NUMBER = -1
MAX_BYTES = 2**30
"""The largest vocabulary file that is read: it is held in memory as a table."""


@op("InitializeTableFromTextFileV2", "table_handle: resource, filename: string -> ", host_only=True, stateful=True)
def initialize_from_text_file(
    table_handle: Any,
    filename: Any,
    *,
    key_index: int,
    value_index: int,
    vocab_size: int = -1,
    delimiter: str = "\t",
    offset: int = 0,
) -> tuple[()]:
    """Fills a table once, one entry a line: the key and the value are the line, its number or one of its columns."""
    table = table_of(table_handle)
    if len(delimiter.encode()) != 1:
        raise InvalidArgumentError(f"the delimiter must be a single byte; got {delimiter!r}")
    if filename.shape != ():
        raise InvalidArgumentError(f"the filename must be a single string; got shape {list(filename.shape)}")
    path = os.fsdecode(filename.item())
    lines = _lines(path)
    if vocab_size >= 0:
        if len(lines) < vocab_size:
            raise InvalidArgumentError(f"the file {path!r} has {len(lines)} lines; the table expects a vocabulary of {vocab_size}")
        lines = lines[:vocab_size]
    columns = _Columns(path, lines, delimiter.encode(), offset)
    fill(table, columns.read(key_index, table.key_dtype), columns.read(value_index, table.value_dtype))
    return ()


def _lines(path: str) -> list[bytes]:
    """The lines of a file, without their ends.

    Raises:
        NotFoundError: there is no such file.
        PermissionDeniedError: it cannot be read.
        ResourceExhaustedError: it is larger than MAX_BYTES.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise NotFoundError(f"{path}; No such file or directory") from None
    except PermissionError as error:
        raise PermissionDeniedError(f"{path}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise ResourceExhaustedError(f"the file {path!r} is larger than {MAX_BYTES} bytes, the most that a table is filled from")
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


class _Columns:
    """What the lines of a file hold, by column."""

    def __init__(self, path: str, lines: list[bytes], delimiter: bytes, offset: int) -> None:
        self._path = path
        self._lines = lines
        self._delimiter = delimiter
        self._offset = offset

    def read(self, index: int, dtype: DType) -> Any:
        """One value a line: its number, the line, or a column, as `dtype`."""
        if index == LINE_NUMBER:
            if dtype.name != "int64":
                raise InvalidArgumentError(f"line numbers of {self._path!r} are int64; the table expects {dtype.name}")
            return np.arange(len(self._lines), dtype=np.int64) + self._offset
        if index == WHOLE_LINE:
            return self._array(self._lines, dtype)
        if index < 0:
            raise InvalidArgumentError(f"a column of {self._path!r} must be {WHOLE_LINE}, {LINE_NUMBER} or at least 0; got {index}")
        return self._array([self._cell(number, line, index) for number, line in enumerate(self._lines)], dtype)

    def _cell(self, number: int, line: bytes, index: int) -> bytes:
        cells = line.split(self._delimiter)
        if index >= len(cells):
            raise InvalidArgumentError(
                f"line {number} of {self._path!r} has {len(cells)} columns; expected column {index} after splitting by"
                f" {self._delimiter!r}"
            )
        return cells[index]

    def _array(self, cells: list[bytes], dtype: DType) -> Any:
        out = np.empty(len(cells), dtype.np_dtype)
        for number, cell in enumerate(cells):
            try:
                out[number] = cell if dtype.name == "string" else dtype.np_dtype.type(cell.decode("ascii"))
            except (ValueError, OverflowError):
                raise InvalidArgumentError(f"line {number} of {self._path!r} holds {cell!r}, which is no {dtype.name}") from None
        return out
