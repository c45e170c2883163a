"""Public functions on sparse tensors: those of one input work on the values, sizes are those of the whole."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.dispatch.overriding import elementwise_version, override
from headrace.ops.array import shaping
from headrace.ops.math import functions
from headrace.sparse.tensor import SparseTensor

ELEMENTWISE = (functions.abs, functions.cast, functions.round)

for _function in ELEMENTWISE:
    elementwise_version(_function, SparseTensor)


@override(shaping.shape, SparseTensor)
def _shape(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    return functions.cast(input.dense_shape, out_type or dtypes.int32, name=name)


@override(shaping.size, SparseTensor)
def _size(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    return functions.reduce_prod(_shape(input, out_type), name=name)
