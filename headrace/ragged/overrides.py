"""Public functions on ragged tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core import dtypes
from headrace.core.errors import UnimplementedError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.overriding import elementwise_version, override
from headrace.ops.array import creation, gathering, joining, selecting, shaping
from headrace.ops.math import functions
from headrace.ops.nn import functions as nn_functions
from headrace.ragged import functions as ragged_functions
from headrace.ragged import gathering as ragged_gathering
from headrace.ragged import joining as ragged_joining
from headrace.ragged import reducing
from headrace.ragged.shapes import DynamicRaggedShape
from headrace.ragged.tensor import RaggedTensor

for _function in (functions.abs, functions.cast, functions.round, creation.one_hot, creation.zeros_like, creation.ones_like):
    elementwise_version(_function, RaggedTensor)


def _reduction(function: Callable[..., Any]) -> None:
    @override(function, RaggedTensor)
    def version(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
        return reducing.reduce(function, input_tensor, axis, keepdims)


for _function in reducing.SEGMENTS:
    _reduction(_function)


def _tensors(values: Any) -> list[Any]:
    return [v if isinstance(v, RaggedTensor) else convert_to_tensor(v) for v in values]


@override(joining.concat, RaggedTensor)
def _concat(values: Any, axis: Any, name: str | None = None) -> Any:
    return ragged_joining.concat(_tensors([values] if isinstance(values, RaggedTensor) else values), int(axis))


@override(joining.stack, RaggedTensor)
def _stack(values: Any, axis: int = 0, name: str | None = None) -> Any:
    return ragged_joining.stack(_tensors(values), int(axis))


@override(shaping.expand_dims, RaggedTensor)
def _expand_dims(input: Any, axis: Any, name: str | None = None) -> Any:
    return ragged_joining.expand_dims(input, int(axis))


@override(shaping.shape, RaggedTensor)
def _shape(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    return DynamicRaggedShape(input)


@override(shaping.size, RaggedTensor)
def _size(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    return shaping.size(input.flat_values, out_type, name)


@override(gathering.gather, RaggedTensor)
def _gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0, name: str | None = None
) -> Any:
    tensor, places = (v if isinstance(v, RaggedTensor) else convert_to_tensor(v) for v in (params, indices))
    return ragged_gathering.gather(tensor, places, batch_dims if axis is None else int(axis), batch_dims)


@override(nn_functions.embedding_lookup, RaggedTensor)
def _embedding_lookup(params: Any, ids: Any, max_norm: float | None = None, name: str | None = None) -> Any:
    return ids.with_flat_values(nn_functions.embedding_lookup(params, ids.flat_values, max_norm, name))


@override(gathering.boolean_mask, RaggedTensor)
def _boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str | None = None) -> Any:
    return ragged_functions.boolean_mask(tensor, mask)


@override(selecting.where, RaggedTensor)
def _where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    if x is not None:
        return selecting.select_v2(condition, x, y)
    coordinates = condition.to_sparse()
    kept = get("Reshape")(get("Where")(get("Cast")(coordinates.values, DstT=dtypes.bool_)), [-1])
    return get("GatherV2")(coordinates.indices, kept, 0)
