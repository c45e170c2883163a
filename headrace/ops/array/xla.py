"""Ops that TensorFlow has for XLA."""

from __future__ import annotations

from typing import Any

import jax

from headrace.core.dtypes import INDEX
from headrace.dispatch.opdef import op


@op(
    "XlaDynamicUpdateSlice",
    "input: T, update: T, indices: Tindices -> output: T",
    Tindices=INDEX,
    shape=lambda input, *_, **__: input,
)
def dynamic_update_slice_op(input: Any, update: Any, indices: Any) -> Any:
    """The input with a block in place of its own at `indices`, which move so far that the block fits."""
    return jax.lax.dynamic_update_slice(input, update, [indices[axis] for axis in range(input.ndim)], allow_negative_indices=False)
