"""The elements that tf.map_fn goes over, and the results that it puts together: of dense, ragged and sparse tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core import dtypes
from headrace.core.dtypes import DType, as_dtype
from headrace.core.spec import CompositeTensor, TensorSpec, is_only_composite
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.ops.array.selecting import where
from headrace.ragged.tensor import RaggedTensor, RaggedTensorSpec
from headrace.sparse.tensor import SparseTensor, SparseTensorSpec
from headrace.trace.control.tensor_array import TensorArray


def as_rows(value: Any) -> Any:
    """A sparse or ragged tensor as it is, anything else as a tensor."""
    return value if is_only_composite(value) else convert_to_tensor(value)


class Rows:
    """A tensor, taken apart along its first dimension.

    Args:
        tensor: what `as_rows` gave.
        count: how many rows, an int or a scalar.
    """

    def __init__(self, tensor: Any, count: Any) -> None:
        self.tensor = tensor
        self._array = None
        if not isinstance(tensor, CompositeTensor) and not (isinstance(count, int) and count == 0):
            self._array = TensorArray(tensor.dtype, size=count, clear_after_read=False, infer_shape=True).unstack(tensor)

    def at(self, index: Any) -> Any:
        """One row."""
        if self._array is not None:
            return self._array.read(index)
        return _sparse_row(self.tensor, index) if isinstance(self.tensor, SparseTensor) else self.tensor[index]


def row_count(tensor: Any) -> Any:
    """The size of the first dimension: an int where it is known, else a scalar."""
    if tensor.shape.rank and tensor.shape[0] is not None:
        return tensor.shape[0]
    if isinstance(tensor, RaggedTensor):
        return get("Cast")(tensor.nrows(), DstT=dtypes.int32)
    if isinstance(tensor, SparseTensor):
        return get("Cast")(tensor.dense_shape[0], DstT=dtypes.int32)
    return get("Shape")(tensor)[0]


def _sparse_row(tensor: SparseTensor, index: Any) -> SparseTensor:
    places = where(get("Equal")(tensor.indices[:, 0], get("Cast")(index, DstT=dtypes.int64)))[:, 0]
    indices, values = get("GatherV2")(tensor.indices, places, 0), get("GatherV2")(tensor.values, places, 0)
    return SparseTensorSpec(tensor.shape[1:], tensor.dtype).from_components([indices[:, 1:], values, tensor.dense_shape[1:]])


class Results:
    """What one output of tf.map_fn is put together of, while the loop runs.

    Args:
        signature: a dtype or a spec of one result.
        count: how many results.
        infer_shape: see tf.map_fn.
    """

    def __init__(self, signature: Any, count: Any, infer_shape: bool) -> None:
        self.signature = signature
        self.count = count
        shape = signature.shape if isinstance(signature, TensorSpec) else None
        self.dtype = _dtype(signature)
        self.arrays = [TensorArray(self.dtype, size=count, infer_shape=infer_shape, element_shape=shape)]

    def write(self, arrays: Sequence[TensorArray], index: Any, value: Any) -> list[TensorArray]:
        """The arrays with one more result in them."""
        return [arrays[0].write(index, value)]

    def whole(self, arrays: Sequence[TensorArray]) -> Any:
        """All results, stacked."""
        return arrays[0].stack()

    def nothing(self) -> Any:
        """The result of no elements."""
        known = isinstance(self.signature, TensorSpec) and self.signature.shape.is_fully_defined()
        return get("Fill")([0, *(self.signature.shape.as_list() if known else [])], convert_to_tensor(0, self.dtype))


class RaggedResults(Results):
    """Results that differ in length, or are ragged themselves: their innermost values, and the lengths of rows level by level."""

    def __init__(self, signature: RaggedTensorSpec, count: Any, infer_shape: bool) -> None:
        super().__init__(signature, count, False)
        kind = signature.row_splits_dtype
        inner = signature.component_specs[0].shape
        self.arrays = [
            TensorArray(signature.dtype, size=count, infer_shape=False, element_shape=inner),
            TensorArray(kind, size=count, element_shape=[]),
            *(TensorArray(kind, size=count, infer_shape=False, element_shape=[None]) for _ in range(signature.ragged_rank)),
        ]

    def write(self, arrays: Sequence[TensorArray], index: Any, value: Any) -> list[TensorArray]:
        """See Results.write."""
        kind = self.signature.row_splits_dtype
        if isinstance(value, RaggedTensor):
            flat, lengths = value.flat_values, list(value.nested_row_lengths())
            parts = [flat, value.nrows(), *lengths]
        else:
            parts = [convert_to_tensor(value), get("Shape")(value, out_type=kind)[0]]
        if len(parts) != len(arrays):
            raise ValueError(
                f"a result of tf.map_fn has {len(parts) - 2} ragged dimensions; its signature {self.signature!r} has"
                f" {self.signature.ragged_rank}"
            )
        parts[1:] = [get("Cast")(part, DstT=kind) for part in parts[1:]]
        return [array.write(index, part) for array, part in zip(arrays, parts, strict=True)]

    def whole(self, arrays: Sequence[TensorArray]) -> Any:
        """See Results.whole."""
        flat, outer, *inner = arrays
        lengths = [outer.stack(), *(array.concat() for array in inner)]
        return RaggedTensor.from_nested_row_lengths(flat.concat(), lengths, validate=False)

    def nothing(self) -> Any:
        """See Results.nothing."""
        shape = [0, *(d or 0 for d in self.signature.component_specs[0].shape[1:])]
        none = get("Fill")([0], convert_to_tensor(0, self.signature.row_splits_dtype))
        flat = get("Fill")(shape, convert_to_tensor("" if self.dtype is dtypes.string else 0, self.dtype))
        return RaggedTensor.from_nested_row_lengths(flat, [none] * (self.signature.ragged_rank + 1), validate=False)


class SparseResults(Results):
    """Sparse results: coordinates, values, how many there are, and shapes, of which the largest counts."""

    def __init__(self, signature: SparseTensorSpec, count: Any, infer_shape: bool) -> None:
        super().__init__(signature, count, False)
        rank, kind = signature.shape.rank, dtypes.int64
        self.arrays = [
            TensorArray(kind, size=count, infer_shape=False, element_shape=[None, rank]),
            TensorArray(signature.dtype, size=count, infer_shape=False, element_shape=[None]),
            TensorArray(kind, size=count, element_shape=[]),
            TensorArray(kind, size=count, element_shape=[rank]),
        ]

    def write(self, arrays: Sequence[TensorArray], index: Any, value: Any) -> list[TensorArray]:
        """See Results.write."""
        if not isinstance(value, SparseTensor):
            raise TypeError(f"a result of tf.map_fn must be a SparseTensor, as its signature says; got {type(value).__name__}")
        number = get("Shape")(value.values, out_type=dtypes.int64)[0]
        parts = [value.indices, value.values, number, value.dense_shape]
        return [array.write(index, part) for array, part in zip(arrays, parts, strict=True)]

    def whole(self, arrays: Sequence[TensorArray]) -> Any:
        """See Results.whole."""
        indices, values, counts, shapes = arrays[0].concat(), arrays[1].concat(), arrays[2].stack(), arrays[3].stack()
        rows = RaggedTensor.from_row_lengths(values, counts, validate=False).value_rowids()
        shape = get("ConcatV2")([get("Shape")(counts, out_type=dtypes.int64), get("Max")(shapes, [0])], 0)
        whole = get("ConcatV2")([get("ExpandDims")(get("Cast")(rows, DstT=dtypes.int64), -1), indices], 1)
        return SparseTensorSpec([None, *self.signature.shape], self.dtype).from_components([whole, values, shape])

    def nothing(self) -> Any:
        """See Results.nothing."""
        rank = self.signature.shape.rank
        none = get("Fill")([0], convert_to_tensor("" if self.dtype is dtypes.string else 0, self.dtype))
        return SparseTensor(
            get("Fill")([0, rank + 1], convert_to_tensor(0, dtypes.int64)), none, [0, *(d or 0 for d in self.signature.shape)]
        )


def results_of(signature: Any, count: Any, infer_shape: bool) -> Results:
    """The Results for a dtype or spec."""
    if isinstance(signature, RaggedTensorSpec):
        return RaggedResults(signature, count, infer_shape)
    return (
        SparseResults(signature, count, infer_shape)
        if isinstance(signature, SparseTensorSpec)
        else Results(signature, count, infer_shape)
    )


def signature_of(tensor: Any) -> Any:
    """The dtype or spec of results that are like the rows of a tensor."""
    if isinstance(tensor, RaggedTensor):
        inner = tensor.type_spec
        rank = max(inner.ragged_rank - 1, 0)
        return RaggedTensorSpec(inner.shape[1:], inner.dtype, rank, inner.row_splits_dtype)
    return SparseTensorSpec(tensor.shape[1:], tensor.dtype) if isinstance(tensor, SparseTensor) else tensor.dtype


def _dtype(signature: Any) -> DType:
    return as_dtype(getattr(signature, "dtype", signature))
