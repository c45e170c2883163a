"""tf.sets and tf.edit_distance."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.ops.sparse import sets
from headrace.sparse.tensor import SparseTensor

_MEMBERS = (dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64, dtypes.uint8, dtypes.uint16, dtypes.string)


def _set_tensor(value: Any, name: str) -> Any:
    tensor = value if isinstance(value, SparseTensor) else convert_to_tensor(value)
    if tensor.dtype not in _MEMBERS:
        kinds = ", ".join(kind.name for kind in _MEMBERS)
        raise TypeError(f"{name} holds {tensor.dtype.name}; sets have members of {kinds}")
    return tensor


def _parts(x: SparseTensor) -> tuple[Any, Any, Any]:
    return x.indices, x.values, x.dense_shape


def _combined(a: Any, b: Any, operation: str, validate: bool) -> SparseTensor:
    first, second = _set_tensor(a, "a"), _set_tensor(b, "b")
    if first.dtype != second.dtype:
        raise TypeError(f"a and b hold one dtype; got {first.dtype.name} and {second.dtype.name}")
    options: dict[str, Any] = {"set_operation": operation, "validate_indices": validate}
    if isinstance(first, SparseTensor) and not isinstance(second, SparseTensor):
        first, second = second, first
        options["set_operation"] = {"a-b": "b-a", "b-a": "a-b"}.get(operation, operation)
    if isinstance(first, SparseTensor):
        return SparseTensor(*sets.sparse_to_sparse_set_operation.all(*_parts(first), *_parts(second), **options))
    if isinstance(second, SparseTensor):
        return SparseTensor(*sets.dense_to_sparse_set_operation.all(first, *_parts(second), **options))
    return SparseTensor(*sets.dense_to_dense_set_operation.all(first, second, **options))


def intersection(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """What the rows of both tensors (dense or sparse, of at least two dimensions) hold, sorted."""
    return _combined(a, b, "intersection", validate_indices)


def union(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """What the rows of either tensor (dense or sparse, of at least two dimensions) hold, sorted."""
    return _combined(a, b, "union", validate_indices)


def difference(a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True) -> SparseTensor:
    """What the rows of `a` hold and those of `b` do not (or the other way round), sorted."""
    return _combined(a, b, "a-b" if aminusb else "b-a", validate_indices)


def size(a: Any, validate_indices: bool = True) -> Tensor:
    """How many distinct values each row of a sparse tensor holds, int32."""
    if not isinstance(a, SparseTensor):
        raise TypeError(f"tf.sets.size needs a SparseTensor; got {type(a).__name__}; use tf.sparse.from_dense")
    _set_tensor(a, "a")
    return sets.set_size(a.indices, a.values, a.dense_shape, validate_indices=validate_indices)


def edit_distance(hypothesis: Any, truth: Any, normalize: bool = True, name: str | None = "edit_distance") -> Tensor:
    """Levenshtein's distance between the rows of two sparse tensors.

    Args:
        hypothesis, truth: SparseTensors of one rank, at least 2; sequences lie along the last dimension.
        normalize: whether to divide by the length of the truth (infinite where that is 0).
        name: of the op.

    Returns:
        The distances, float32, of the shape of the leading dimensions.
    """
    for given, what in ((hypothesis, "hypothesis"), (truth, "truth")):
        if not isinstance(given, SparseTensor):
            raise TypeError(f"edit_distance needs a SparseTensor as {what}; got {type(given).__name__}")
    return sets.edit_distance_op(*_parts(hypothesis), *_parts(truth), normalize=normalize, name=name)
