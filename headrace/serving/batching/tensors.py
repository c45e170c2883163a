"""Requests' inputs put together along dimension 0, and outputs taken apart again."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from headrace.core.errors import FailedPreconditionError
from headrace.serving.engines.base import Array, Signature

Inputs = Mapping[str, Array]
Outputs = dict[str, Array]


class BatchDimensionError(FailedPreconditionError):
    """An output has not one row for each row of the inputs, so a batch of several requests cannot be taken apart."""


def why_not_batched(signature: Signature) -> str:
    """Why a signature's requests cannot share a batch; empty when they can."""
    if not signature.inputs or not signature.outputs:
        return "it has no inputs or no outputs"
    for role, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for name, spec in specs.items():
            if spec.shape.rank is None:
                return f"{role} {name!r} has an unknown rank"
            if spec.shape.rank == 0:
                return f"{role} {name!r} is a scalar"
            if spec.shape.as_tuple()[0] is not None:
                return f"{role} {name!r} has a fixed dimension 0 of {spec.shape.as_tuple()[0]}"
    return ""


def rows_of(inputs: Inputs) -> int | None:
    """The size of dimension 0 that all inputs share; None when they differ, or there are no rows."""
    sizes = {value.shape[0] for value in inputs.values()}
    return sizes.pop() or None if len(sizes) == 1 else None


def kind_of(inputs: Inputs, ragged: bool) -> Hashable | None:
    """What requests must have in common to share a batch.

    Args:
        inputs: of one request.
        ragged: later dimensions may differ, since they will be padded; an input without elements has nothing to pad with.
    """
    if not ragged:
        return tuple((name, value.shape[1:]) for name, value in sorted(inputs.items()))
    if any(value.size == 0 for value in inputs.values()):
        return None
    return tuple((name, value.ndim) for name, value in sorted(inputs.items()))


class Layout:
    """What of a request's inputs tells which requests it may share a batch with; it depends on their shapes alone.

    Attributes:
        rows: see `rows_of`.
        kind: see `kind_of`; None also where there are no such rows.
    """

    __slots__ = ("kind", "rows")

    def __init__(self, inputs: Inputs, ragged: bool) -> None:
        self.rows = rows_of(inputs)
        self.kind = kind_of(inputs, ragged) if self.rows is not None else None


def stack(requests: Sequence[Inputs], rows: int, size: int, ragged: bool = True) -> dict[str, Array]:
    """The inputs of several requests as those of one.

    Later dimensions that differ are padded at their end with the input's own first element. Missing rows are filled with
    the last request's first row, which is as valid an input as any.

    Args:
        requests: the inputs by name, `rows` rows in all.
        size: the rows of the result.
        ragged: later dimensions may differ.
    """
    if len(requests) == 1 and rows == size:
        return dict(requests[0])
    return {name: _stack_one([inputs[name] for inputs in requests], size - rows, ragged) for name in requests[0]}


def _stack_one(values: list[Array], missing: int, ragged: bool) -> Array:
    inner = values[0].shape[1:]
    if ragged and any(value.shape[1:] != inner for value in values):
        inner = tuple(np.max([value.shape[1:] for value in values], axis=0).tolist())
        values = [_pad(value, inner) for value in values]
    if missing:
        values.extend([values[-1][:1]] * missing)
    return np.concatenate(values)


def _pad(value: Array, inner: tuple[int, ...]) -> Array:
    if value.shape[1:] == inner:
        return value
    result = np.empty((value.shape[0], *inner), value.dtype)
    result[...] = value.flat[0]
    result[tuple(map(slice, value.shape))] = value
    return result


def check_rows(outputs: Mapping[str, Array], rows: int) -> None:
    """Raises BatchDimensionError unless every output has `rows` rows."""
    for name, value in outputs.items():
        if value.ndim == 0 or value.shape[0] != rows:
            raise BatchDimensionError(
                f"output {name!r} has the shape {value.shape} for inputs of {rows} rows; expected {rows} as its first dimension."
                " Its signature is not batched any more"
            )


def split(outputs: Mapping[str, Array], counts: Sequence[int]) -> list[Outputs]:
    """The outputs of each request, `counts` rows each; rows beyond their sum are dropped."""
    parts: list[Outputs] = []
    start = 0
    for count in counts:
        parts.append({name: value[start : start + count] for name, value in outputs.items()})
        start += count
    return parts
