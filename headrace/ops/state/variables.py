"""Reading and assigning variables. Kernels are pure: they take the present array and return the new one."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INDEX, NUMERIC, DType, int32
from headrace.core.errors import UnimplementedError
from headrace.core.shapes import TensorShape
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.opdef import Strs, get, op


@op("VarHandleOp", " -> resource: resource", stateful=True, host_only=True)
def var_handle(
    *,
    container: str = "",
    shared_name: str = "",
    debug_name: str = "",
    dtype: DType,
    shape: TensorShape,
    allowed_devices: Strs = (),
) -> Any:
    """A handle to a variable; in a graph of ours handles are inputs, so this occurs in GraphDefs alone."""
    raise UnimplementedError("VarHandleOp is raised to a graph input when a GraphDef is imported")


@op("ReadVariableOp", "resource: resource -> value: dtype", stateful=True)
def read_variable(resource: Any, *, dtype: DType) -> Any:
    """The present value."""
    return resource


@read_variable.gradient
def _read_variable_gradient(record: Any, grad: Any) -> Any:
    return grad


@op("AssignVariableOp", "resource: resource, value: dtype -> ", updates=("resource",))
def assign_variable(resource: Any, value: Any, *, validate_shape: bool = False) -> Any:
    """Replaces the value."""
    return value


@op("AssignAddVariableOp", "resource: resource, value: dtype -> ", updates=("resource",))
def assign_add_variable(resource: Any, value: Any) -> Any:
    """Adds to the value."""
    return resource + value


@op("AssignSubVariableOp", "resource: resource, value: dtype -> ", updates=("resource",))
def assign_sub_variable(resource: Any, value: Any) -> Any:
    """Subtracts from the value."""
    return resource - value


@op("VariableShape", "input: resource -> output: out_type", out_type=INDEX, stateful=True, differentiable=False)
def variable_shape(input: Any, *, out_type: DType = int32) -> Any:
    """The shape of the value."""
    return np.array(input.shape, out_type.np_dtype)


@op("VarIsInitializedOp", "resource: resource -> is_initialized: bool", stateful=True, differentiable=False)
def var_is_initialized(resource: Any) -> Any:
    """Whether the variable has a value; one that a compiled function takes always has."""
    return np.bool_(resource is not None)


@op("DestroyResourceOp", "resource: resource -> ", stateful=True, differentiable=False)
def destroy_resource(resource: Any, *, ignore_lookup_error: bool = True) -> Any:
    """Takes the variable's value away; the eager executor does it."""
    raise UnimplementedError("a compiled function cannot destroy a variable; call DestroyResourceOp outside of tf.function")


@op("ResourceGather", "resource: resource, indices: Tindices -> output: dtype", Tindices=INDEX, stateful=True)
def resource_gather(resource: Any, indices: Any, *, batch_dims: int = 0, validate_indices: bool = True, dtype: DType) -> Any:
    """Rows of the value; positions out of range give zeros."""
    if batch_dims:
        raise UnimplementedError("ResourceGather with batch_dims is not supported; read the variable and use tf.gather")
    return jnp.take(resource, indices, axis=0, mode="fill", fill_value=0)


@resource_gather.gradient
def _resource_gather_gradient(record: Any, grad: Any) -> Any:
    handle, indices = record.inputs
    shape = get("VariableShape")(handle)
    flat = get("Reshape")(indices, [-1])
    rows = get("Reshape")(grad, get("ConcatV2")([[-1], shape[1:]], 0))
    return IndexedSlices(rows, flat, shape), None


@op(
    "ResourceScatterAdd",
    "resource: resource, indices: Tindices, updates: dtype -> ",
    updates=("resource",),
    dtype=NUMERIC,
    Tindices=INDEX,
)
def resource_scatter_add(resource: Any, indices: Any, updates: Any) -> Any:
    """Adds rows at positions; repeated positions add up."""
    return resource.at[indices].add(updates)


@op(
    "ResourceScatterSub",
    "resource: resource, indices: Tindices, updates: dtype -> ",
    updates=("resource",),
    dtype=NUMERIC,
    Tindices=INDEX,
)
def resource_scatter_sub(resource: Any, indices: Any, updates: Any) -> Any:
    """Subtracts rows at positions; repeated positions add up."""
    return resource.at[indices].add(-updates)


@op("ResourceScatterUpdate", "resource: resource, indices: Tindices, updates: dtype -> ", updates=("resource",), Tindices=INDEX)
def resource_scatter_update(resource: Any, indices: Any, updates: Any) -> Any:
    """Replaces rows at positions."""
    return resource.at[indices].set(updates)
