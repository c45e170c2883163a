"""Ops that make lookup tables: under a name that others share, or anonymous."""

from __future__ import annotations

import threading
from typing import Any

from headrace.core.dtypes import DType, from_numpy
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import SCALAR, TensorShape
from headrace.dispatch.opdef import op
from headrace.ops.lookup.tables import Table, unique_name

_shared: dict[tuple[str, str], Table] = {}
"""Tables with a name: they live as long as the process, for a handle that is made again finds what the last one filled."""
_lock = threading.Lock()


def _handle_shape(*_: Any, **__: Any) -> tuple[int, ...]:
    return ()


def _made(table: Table, container: str = "", shared_name: str = "") -> Table:
    """The table of that name, which is `table` itself when there was none.

    Raises:
        InvalidArgumentError: the name stands for a table of another kind.
    """
    if not shared_name:
        return table
    with _lock:
        found = _shared.setdefault((container, shared_name), table)
    kinds = [(t.key_dtype.name, t.value_dtype.name, t.value_shape, t.mutable, t.reserved) for t in (found, table)]
    if kinds[0] != kinds[1]:
        raise InvalidArgumentError(
            f"the table {shared_name!r} exists with (keys, values, shape of a value, mutable, reserved keys) {kinds[0]};"
            f" it was asked for with {kinds[1]}"
        )
    return found


def _value_shape(shape: TensorShape) -> tuple[int, ...]:
    if not shape.is_fully_defined():
        raise InvalidArgumentError(f"the shape of a table's values must be known; got {shape}")
    return shape.concrete()


@op("HashTableV2", " -> table_handle: resource", host_only=True, stateful=True, differentiable=False, shape=_handle_shape)
def hash_table(
    *, container: str = "", shared_name: str = "", use_node_name_sharing: bool = False, key_dtype: DType, value_dtype: DType
) -> Any:
    """A table that is filled once."""
    return _made(Table(shared_name or unique_name("hash_table"), key_dtype, value_dtype, mutable=False), container, shared_name)


@op("AnonymousHashTable", " -> table_handle: resource", host_only=True, stateful=True, differentiable=False, shape=_handle_shape)
def anonymous_hash_table(*, key_dtype: DType, value_dtype: DType) -> Any:
    """A table that is filled once, known by its handle alone."""
    return Table(unique_name("hash_table"), key_dtype, value_dtype, mutable=False)


@op("MutableHashTableV2", " -> table_handle: resource", host_only=True, stateful=True, differentiable=False, shape=_handle_shape)
def mutable_hash_table(
    *, container: str = "", shared_name: str = "", use_node_name_sharing: bool = False, key_dtype: DType, value_dtype: DType
) -> Any:
    """A table whose entries come and go."""
    name = shared_name or unique_name("mutable_hash_table")
    return _made(Table(name, key_dtype, value_dtype, mutable=True), container, shared_name)


@op(
    "AnonymousMutableHashTable",
    " -> table_handle: resource",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=_handle_shape,
)
def anonymous_mutable_hash_table(*, key_dtype: DType, value_dtype: DType) -> Any:
    """A table whose entries come and go, known by its handle alone."""
    return Table(unique_name("mutable_hash_table"), key_dtype, value_dtype, mutable=True)


@op(
    "MutableHashTableOfTensorsV2",
    " -> table_handle: resource",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=_handle_shape,
)
def mutable_hash_table_of_tensors(
    *,
    container: str = "",
    shared_name: str = "",
    use_node_name_sharing: bool = False,
    key_dtype: DType,
    value_dtype: DType,
    value_shape: TensorShape = SCALAR,
) -> Any:
    """A table whose values are tensors of one shape."""
    name = shared_name or unique_name("mutable_hash_table")
    table = Table(name, key_dtype, value_dtype, mutable=True, value_shape=_value_shape(value_shape))
    return _made(table, container, shared_name)


@op(
    "AnonymousMutableHashTableOfTensors",
    " -> table_handle: resource",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=_handle_shape,
)
def anonymous_mutable_hash_table_of_tensors(*, key_dtype: DType, value_dtype: DType, value_shape: TensorShape = SCALAR) -> Any:
    """A table whose values are tensors of one shape, known by its handle alone."""
    name = unique_name("mutable_hash_table")
    return Table(name, key_dtype, value_dtype, mutable=True, value_shape=_value_shape(value_shape))


def _dense(name: str, empty_key: Any, deleted_key: Any, value_dtype: DType, value_shape: TensorShape, buckets: int) -> Table:
    """A table that reserves two keys.

    Raises:
        InvalidArgumentError: the reserved keys are no scalars or equal, or the number of buckets is no power of two.
    """
    if empty_key.shape != () or deleted_key.shape != ():
        raise InvalidArgumentError(
            f"the empty and the deleted key must be scalars; got shapes {list(empty_key.shape)} and {list(deleted_key.shape)}"
        )
    if empty_key.item() == deleted_key.item():
        raise InvalidArgumentError(f"the empty and the deleted key must differ; both are {empty_key.item()!r}")
    if buckets < 1 or buckets & (buckets - 1):
        raise InvalidArgumentError(f"the number of buckets must be a power of two; got {buckets}")
    key_dtype = from_numpy(empty_key.dtype)
    reserved = (empty_key.item(), deleted_key.item())
    shape = _value_shape(value_shape)
    return Table(name, key_dtype, value_dtype, mutable=True, value_shape=shape, reserved=reserved, buckets=buckets)


@op(
    "MutableDenseHashTableV2",
    "empty_key: key_dtype, deleted_key: key_dtype -> table_handle: resource",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=_handle_shape,
)
def mutable_dense_hash_table(
    empty_key: Any,
    deleted_key: Any,
    *,
    container: str = "",
    shared_name: str = "",
    use_node_name_sharing: bool = False,
    value_dtype: DType,
    value_shape: TensorShape = SCALAR,
    initial_num_buckets: int = 131072,
    max_load_factor: float = 0.8,
) -> Any:
    """A table whose entries come and go, and which reserves two keys."""
    name = shared_name or unique_name("mutable_dense_hash_table")
    table = _dense(name, empty_key, deleted_key, value_dtype, value_shape, initial_num_buckets)
    return _made(table, container, shared_name)


@op(
    "AnonymousMutableDenseHashTable",
    "empty_key: key_dtype, deleted_key: key_dtype -> table_handle: resource",
    host_only=True,
    stateful=True,
    differentiable=False,
    shape=_handle_shape,
)
def anonymous_mutable_dense_hash_table(
    empty_key: Any,
    deleted_key: Any,
    *,
    value_dtype: DType,
    value_shape: TensorShape = SCALAR,
    initial_num_buckets: int = 131072,
    max_load_factor: float = 0.8,
) -> Any:
    """A table that reserves two keys, known by its handle alone."""
    name = unique_name("mutable_dense_hash_table")
    return _dense(name, empty_key, deleted_key, value_dtype, value_shape, initial_num_buckets)
