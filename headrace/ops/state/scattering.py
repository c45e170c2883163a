"""Rows and elements of variables changed in place, and their state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from headrace.core.dtypes import INDEX, NUMERIC, DType
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op

_ROWS = "resource: resource, indices: Tindices, updates: dtype -> "
_POINTS = "ref: resource, indices: Tindices, updates: T -> "


@op("ResourceScatterMin", _ROWS, updates=("resource",), dtype=NUMERIC, Tindices=INDEX)
def resource_scatter_min(resource: Any, indices: Any, updates: Any) -> Any:
    """Rows become the lesser of themselves and the updates."""
    return resource.at[indices].min(updates)


@op("ResourceScatterMax", _ROWS, updates=("resource",), dtype=NUMERIC, Tindices=INDEX)
def resource_scatter_max(resource: Any, indices: Any, updates: Any) -> Any:
    """Rows become the greater of themselves and the updates."""
    return resource.at[indices].max(updates)


@op("ResourceScatterMul", _ROWS, updates=("resource",), dtype=NUMERIC, Tindices=INDEX)
def resource_scatter_mul(resource: Any, indices: Any, updates: Any) -> Any:
    """Rows are multiplied; repeated positions multiply up."""
    return resource.at[indices].multiply(updates)


@op("ResourceScatterDiv", _ROWS, updates=("resource",), dtype=NUMERIC, Tindices=INDEX)
def resource_scatter_div(resource: Any, indices: Any, updates: Any) -> Any:
    """Rows are divided; repeated positions divide on."""
    if jnp.issubdtype(resource.dtype, jnp.integer):
        divisor = jnp.ones_like(resource).at[indices].multiply(updates)
        return jnp.sign(resource) * jnp.sign(divisor) * (jnp.abs(resource) // jnp.abs(divisor))
    return resource.at[indices].divide(updates)


def _points(ref: Any, indices: Any) -> Any:
    depth = indices.shape[-1] if indices.ndim else 0
    if not indices.ndim or depth > ref.ndim:
        raise InvalidArgumentError(
            f"the last dimension of the indices is 1 to {ref.ndim}, for a variable of shape {list(ref.shape)};"
            f" got indices of shape {list(indices.shape)}"
        )
    return ref.at[tuple(jnp.moveaxis(indices, -1, 0))]


def _scatter_nd(name: str, summary: str, change: Callable[[Any, Any], Any]) -> Any:
    def kernel(ref: Any, indices: Any, updates: Any, *, use_locking: bool = True, bad_indices_policy: str = "") -> Any:
        return change(_points(ref, indices), updates)

    kernel.__doc__ = summary
    kernel.__name__ = name
    return op(name, _POINTS, updates=("ref",), Tindices=INDEX)(kernel)


resource_scatter_nd_update = _scatter_nd("ResourceScatterNdUpdate", "Replaces elements.", lambda at, new: at.set(new))
resource_scatter_nd_add = _scatter_nd("ResourceScatterNdAdd", "Adds to elements.", lambda at, new: at.add(new))
resource_scatter_nd_sub = _scatter_nd("ResourceScatterNdSub", "Subtracts from elements.", lambda at, new: at.add(-new))
resource_scatter_nd_min = _scatter_nd("ResourceScatterNdMin", "The lesser of elements and updates.", lambda at, new: at.min(new))
resource_scatter_nd_max = _scatter_nd("ResourceScatterNdMax", "The greater of elements and updates.", lambda at, new: at.max(new))


@op(
    "ResourceGatherNd",
    "resource: resource, indices: Tindices -> output: dtype",
    Tindices=INDEX,
    stateful=True,
    differentiable=False,
)
def resource_gather_nd(resource: Any, indices: Any, *, dtype: DType) -> Any:
    """Elements of the value; positions out of range give zeros."""
    return _points(resource, indices).get(mode="fill", fill_value=0)
