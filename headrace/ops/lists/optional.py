"""Optional values: what a branch keeps for its gradient in graphs of TensorFlow, where branches stand in loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.lists import OptionalValue
from headrace.dispatch.opdef import DTypes, Shapes, get, op


@op("OptionalFromValue", "components: Toutput_types[] -> optional: variant", shape=lambda *_, **__: ())
def optional_from_value(components: tuple[Any, ...]) -> Any:
    """An optional that holds tensors."""
    return OptionalValue(tuple(components))


@optional_from_value.gradient
def _from_value_gradient(record: Any, grad: Any) -> Any:
    types = tuple(tensor.dtype for tensor in record.inputs)
    shapes = tuple(tensor.shape for tensor in record.inputs)
    return optional_get_value.all(grad, output_types=types, output_shapes=shapes)


@op("OptionalNone", "-> optional: variant", shape=lambda **_: (), differentiable=False)
def optional_none() -> Any:
    """An optional that holds nothing."""
    return OptionalValue((), False)


@op("OptionalHasValue", "optional: variant -> has_value: bool", shape=lambda *_, **__: (), differentiable=False)
def optional_has_value(optional: Any) -> Any:
    """Whether an optional holds tensors."""
    present = optional.present
    return np.bool_(present) if isinstance(present, bool) else present


def _shapes(optional: Any, *, output_shapes: Shapes, **_: Any) -> list[tuple[int | None, ...] | None]:
    return [None if shape.rank is None else tuple(shape) for shape in output_shapes]


@op("OptionalGetValue", "optional: variant -> components: output_types[]", shape=_shapes)
def optional_get_value(optional: Any, *, output_types: DTypes, output_shapes: Shapes) -> Any:
    """The tensors that an optional holds."""
    if optional.present is False:
        raise InvalidArgumentError("the optional holds no value; ask OptionalHasValue first")
    if len(optional.items) != len(output_types):
        raise InvalidArgumentError(f"the optional holds {len(optional.items)} tensors; {len(output_types)} are asked for")
    for item, dtype, shape in zip(optional.items, output_types, output_shapes, strict=True):
        if item.dtype != dtype.np_dtype or not shape.is_compatible_with(item.shape):
            raise InvalidArgumentError(f"the optional holds {item.dtype}{list(item.shape)}; {dtype.name}{shape} is asked for")
    return tuple(optional.items)


@optional_get_value.gradient
def _get_value_gradient(record: Any, *grads: Any) -> Any:
    filled = [get("ZerosLike")(output) if grad is None else grad for output, grad in zip(record.outputs, grads, strict=True)]
    return optional_from_value(filled)
