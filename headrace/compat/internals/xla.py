"""tensorflow.compiler.tf2xla.python.xla: ops that XLA has and TensorFlow has not."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.xla import dynamic_update_slice_op


def dynamic_update_slice(x: Any, updates: Any, start_indices: Any) -> Tensor:
    """`x` with `updates` in place of the block that begins at `start_indices`."""
    starts = convert_to_tensor(start_indices, dtype_hint=dtypes.int32)
    tensor = convert_to_tensor(x)
    return dynamic_update_slice_op(tensor, convert_to_tensor(updates, tensor.dtype), starts)
