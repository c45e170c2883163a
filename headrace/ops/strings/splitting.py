"""Splitting strings into the parts of a sparse matrix."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op
from headrace.ops.strings.elements import scalar, strings


def _sparse(input: Any, divide: Callable[[bytes], list[bytes]]) -> Any:
    """The parts of each string of a vector as a sparse matrix: indices, values, shape."""
    if input.ndim != 1:
        raise InvalidArgumentError(f"input must be a vector; got shape {list(input.shape)}")
    parts = [divide(item) for item in input.tolist()]
    if len(parts) == 1:  # one line at a time, as input pipelines split them
        indices = np.zeros((len(parts[0]), 2), np.int64)
        indices[:, 1] = range(len(parts[0]))
        return indices, strings(parts[0]), np.array([1, len(parts[0])], np.int64)
    counts = np.array([len(row) for row in parts], np.int64)
    rows = np.repeat(np.arange(len(parts)), counts)
    columns = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    indices = np.stack([rows, columns], 1).astype(np.int64)
    values = strings(part for row in parts for part in row)
    return indices, values, np.array([len(parts), counts.max(initial=0)], np.int64)


def _at_blanks(item: bytes, most: int) -> list[bytes]:
    if not most:
        return [item]
    parts = item.split(None, most)
    # After the last split that is allowed the rest counts as a part, even when nothing is left.
    return [*parts, b""] if len(parts) == most else parts


def _parts_shapes(*_: Any, **__: Any) -> list[tuple[int | None, ...]]:
    return [(None, 2), (None,), (2,)]


@op(
    "StringSplitV2",
    "input: string, sep: string -> indices: int64, values: string, shape: int64",
    host_only=True,
    differentiable=False,
    shape=_parts_shapes,
)
def string_split_v2(input: Any, sep: Any, *, maxsplit: int = -1) -> Any:
    """Each string split at a separator, or where that is empty at runs of blanks, at most `maxsplit` times."""
    separator = scalar(sep, "sep")
    if separator:
        return _sparse(input, lambda item: item.split(separator, maxsplit))
    return _sparse(input, lambda item: _at_blanks(item, maxsplit))


@op(
    "StringSplit",
    "input: string, delimiter: string -> indices: int64, values: string, shape: int64",
    host_only=True,
    differentiable=False,
    shape=_parts_shapes,
)
def string_split(input: Any, delimiter: Any, *, skip_empty: bool = True) -> Any:
    """Each string split at every byte of `delimiter`, or into its bytes where that is empty."""
    characters = scalar(delimiter, "delimiter")
    if not characters:
        return _sparse(input, lambda item: [item[i : i + 1] for i in range(len(item))])
    pattern = re.compile(b"[" + re.escape(characters) + b"]")
    return _sparse(input, lambda item: [part for part in pattern.split(item) if part or (item and not skip_empty)])
