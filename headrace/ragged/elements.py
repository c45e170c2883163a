"""Elementwise ops on ragged tensors: they run on the innermost values."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.infer import elementwise
from headrace.dispatch.opdef import OpDef, get
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.portable import static_value
from headrace.ops.strings.elements import same_shape

NAMES = frozenset(
    {"Cast", "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Softplus", "Softsign", "Equal", "NotEqual", "ClipByValue", "ZerosLike"}
    | {"OnesLike", "Identity", "StopGradient", "StringJoin", "AddN", "CheckNumerics", "AsString", "StringToNumber", "Bitcast"}
)
"""Elementwise ops besides those whose shape rule says so."""


def is_elementwise(op: OpDef) -> bool:
    """True for ops that treat each element alone."""
    return op.shape is elementwise or op.shape is same_shape or op.name in NAMES


def run(kind: Any, op: OpDef, args: Any, attrs: Any, name: str | None) -> tuple[Any, ...] | None:
    """The outputs of an elementwise op some of whose arguments are of class `kind`; None for other ops."""
    if op.name == "Rank":
        return (get("AddV2")(get("Rank")(args[0].flat_values), args[0].ragged_rank),)
    if not is_elementwise(op):
        return None
    flat: list[Any] = op.flatten(args)
    ragged = [a for a in flat if isinstance(a, kind)]
    model = max(ragged, key=lambda r: r.ragged_rank)
    for other in ragged:
        check_partitions(model, other)
    fixed = [(a.flat_values if isinstance(a, kind) else beside(kind, model, a)) for a in flat]
    rest = iter(fixed)
    grouped = [[next(rest) for _ in a] if d.is_list else next(rest) for d, a in zip(op.inputs, args, strict=True)]
    return tuple(model.with_flat_values(o) for o in op.run(grouped, attrs, name))


def check_partitions(first: Any, second: Any) -> None:
    """Raises InvalidArgumentError where the row splits of two ragged tensors are known to differ."""
    if first is second:
        return
    if first.ragged_rank != second.ragged_rank:
        raise InvalidArgumentError(
            f"ragged tensors of {first.ragged_rank} and {second.ragged_rank} ragged dimensions do not go together"
        )
    for a, b in zip(first.nested_row_splits, second.nested_row_splits, strict=True):
        left, right = (None, None) if a is b else (static_value(a), static_value(b))
        if left is not None and right is not None and not np.array_equal(left, right):
            raise InvalidArgumentError(
                f"the rows of two ragged tensors differ in length: row splits {left.tolist()[:20]} and {right.tolist()[:20]}"
            )


def beside(kind: Any, model: Any, value: Any) -> Any:
    """A dense argument as it goes with the innermost values of `model`: broadcast to its rows."""
    if not isinstance(value, Tensor | np.ndarray | list | tuple):
        return value
    x = convert_to_tensor(value) if isinstance(value, Tensor | np.ndarray) else convert_to_tensor(value, dtype_hint=model.dtype)
    inner = len(model.flat_values.shape) - 1
    if x.shape.rank is not None and x.shape.rank <= inner:
        return x
    if x.shape.rank != model.ragged_rank + 1 + inner:
        raise InvalidArgumentError(f"a tensor of shape {x.shape} does not broadcast to the ragged shape {model.shape}")
    outer = list(x.shape[: model.ragged_rank + 1])
    if all(d == 1 for d in outer[1:]):
        rows = get("Reshape")(x, get("ConcatV2")([[-1], get("Shape")(x)[model.ragged_rank + 1 :]], 0))
        if outer[0] == 1:
            return rows
        for rowids in model.nested_value_rowids():
            rows = get("GatherV2")(rows, rowids, 0)
        return rows
    ragged = kind.from_tensor(x, ragged_rank=model.ragged_rank)
    check_partitions(model, ragged)
    return ragged.flat_values
