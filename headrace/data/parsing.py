"""tf.io.parse_example: serialized tf.Examples into a dict of tensors, as features describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType, as_dtype
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.shapes import TensorShape, as_shape
from headrace.data.example import FixedLenFeature
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.parsing.examples import VALUES, parse_example_v2
from headrace.ragged.tensor import RaggedTensor
from headrace.sparse.functions import reorder
from headrace.sparse.tensor import SparseTensor


class VarLenFeature(NamedTuple):
    """A feature of any length, which becomes a sparse tensor.

    Attributes:
        dtype: float32, int64 or string.
    """

    dtype: Any


class SparseFeature(NamedTuple):
    """Values with their coordinates in other features, which become a sparse tensor.

    Attributes:
        index_key: the feature (int64) of the coordinates, or several, one a dimension.
        value_key: the feature of the values.
        dtype: float32, int64 or string.
        size: of the dimension, or of each.
        already_sorted: the coordinates are in order.
    """

    index_key: Any
    value_key: str
    dtype: Any
    size: Any
    already_sorted: bool = False


class RaggedFeature(NamedTuple):
    """A feature of any length, which becomes a ragged tensor (for one example: a vector).

    Attributes:
        dtype: float32, int64 or string.
        value_key: the feature's name, where it differs from the key in the dict.
        partitions: must be empty; see the limitation `ragged-feature-partitions`.
        row_splits_dtype: int32 or int64.
        validate: accepted for TensorFlow's signature.
    """

    dtype: Any
    value_key: str | None = None
    partitions: Sequence[Any] = ()
    row_splits_dtype: Any = dtypes.int32
    validate: bool = False


class FixedLenSequenceFeature(NamedTuple):
    """A sequence of elements of one shape, padded to the longest of the batch.

    Attributes:
        shape: of one element.
        dtype: float32, int64 or string.
        allow_missing: must be True.
        default_value: a scalar to pad with; zero or empty by default.
    """

    shape: Any
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


Features = Mapping[str, Any]


class _Request:
    """The features of a call, sorted out into the inputs of ParseExampleV2."""

    def __init__(self, features: Features) -> None:
        if not features:
            raise ValueError("parse_example needs features to read; got none")
        self.features = features
        self.sparse: dict[str, DType] = {}
        self.dense: dict[str, tuple[TensorShape, Tensor]] = {}
        self.ragged: dict[str, tuple[DType, DType]] = {}
        for key in sorted(features):
            self._add(key, features[key])

    def _add(self, key: str, feature: Any) -> None:
        if isinstance(feature, VarLenFeature):
            self._add_sparse(key, _dtype(key, feature.dtype))
        elif isinstance(feature, SparseFeature):
            for index in _index_keys(key, feature):
                self._add_sparse(index, dtypes.int64)
            self._add_sparse(feature.value_key, _dtype(key, feature.dtype))
        elif isinstance(feature, RaggedFeature):
            if feature.partitions:
                raise UnimplementedError(
                    f"feature {key!r} has partitions (limitation ragged-feature-partitions); read them as features of their own"
                )
            self.ragged[feature.value_key or key] = _dtype(key, feature.dtype), as_dtype(feature.row_splits_dtype)
        elif isinstance(feature, FixedLenFeature):
            self._add_fixed(key, feature)
        elif isinstance(feature, FixedLenSequenceFeature):
            self._add_sequence(key, feature)
        else:
            raise ValueError(f"feature {key!r} must be one of tf.io's feature classes; got {feature!r}")

    def _add_sparse(self, key: str, dtype: DType) -> None:
        if self.sparse.setdefault(key, dtype) is not dtype:
            raise ValueError(f"feature {key!r} is asked for as {self.sparse[key].name} and as {dtype.name}; expected one dtype")

    def _add_fixed(self, key: str, feature: FixedLenFeature) -> None:
        dtype, shape = _dtype(key, feature.dtype), as_shape(feature.shape)
        if not shape.is_fully_defined():
            raise ValueError(f"feature {key!r} has shape {shape}; a FixedLenFeature needs every dimension known")
        if feature.default_value is None:
            default = convert_to_tensor(np.empty(0, dtype.np_dtype), dtype)
        else:
            default = convert_to_tensor(feature.default_value, dtype)
            if default.shape.num_elements() != shape.num_elements():
                raise InvalidArgumentError(f"the default of feature {key!r} has shape {default.shape}; expected {shape}")
            default = get("Reshape")(default, np.array(shape.concrete(), np.int32))
        self.dense[key] = shape, default

    def _add_sequence(self, key: str, feature: FixedLenSequenceFeature) -> None:
        dtype, shape = _dtype(key, feature.dtype), as_shape(feature.shape)
        if not feature.allow_missing:
            raise ValueError(f"feature {key!r}: a FixedLenSequenceFeature needs allow_missing=True here")
        if not shape.is_fully_defined():
            raise ValueError(f"feature {key!r} has elements of shape {shape}; every dimension must be known")
        value = feature.default_value
        if value is None:
            value = b"" if dtype is dtypes.string else 0
        self.dense[key] = TensorShape([None, *shape]), convert_to_tensor(value, dtype)

    def run(self, serialized: Tensor, example_names: Any, name: str | None) -> dict[str, Any]:
        """The tensors, by the keys of the features."""
        found = iter(
            parse_example_v2.all(
                serialized,
                convert_to_tensor(np.empty(0, object), dtypes.string) if example_names is None else example_names,
                _keys(self.sparse),
                _keys(self.dense),
                _keys(self.ragged),
                [default for _, default in self.dense.values()],
                num_sparse=len(self.sparse),
                sparse_types=tuple(self.sparse.values()),
                ragged_value_types=tuple(dtype for dtype, _ in self.ragged.values()),
                ragged_split_types=tuple(splits for _, splits in self.ragged.values()),
                dense_shapes=tuple(shape for shape, _ in self.dense.values()),
                name=name,
            )
        )
        parts = [[next(found) for _ in self.sparse] for _ in range(3)]
        sparse = {key: SparseTensor(*item) for key, *item in zip(self.sparse, *parts, strict=True)}
        dense = {key: next(found) for key in self.dense}
        values, splits = ([next(found) for _ in self.ragged] for _ in range(2))
        single = serialized.shape.rank == 0
        ragged = {
            key: v if single else RaggedTensor.from_row_splits(v, s, validate=False)
            for key, v, s in zip(self.ragged, values, splits, strict=True)
        }
        return {key: self._result(key, sparse, dense, ragged) for key in sorted(self.features)}

    def _result(self, key: str, sparse: dict[str, SparseTensor], dense: dict[str, Tensor], ragged: dict[str, Any]) -> Any:
        feature = self.features[key]
        if isinstance(feature, VarLenFeature):
            return sparse[key]
        if isinstance(feature, RaggedFeature):
            return ragged[feature.value_key or key]
        if isinstance(feature, SparseFeature):
            return _merged(feature, [sparse[index] for index in _index_keys(key, feature)], sparse[feature.value_key])
        return dense[key]


def _merged(feature: SparseFeature, indices: list[SparseTensor], values: SparseTensor) -> SparseTensor:
    """Values at the coordinates that other features hold."""
    sizes = [feature.size] if isinstance(feature.size, int) else list(feature.size)
    columns = [get("ExpandDims")(index.values, -1) for index in indices]
    places = get("ConcatV2")([values.indices[:, :-1], *columns], 1)
    shape = get("ConcatV2")([values.dense_shape[:-1], np.array(sizes, np.int64)], 0)
    whole = SparseTensor(places, values.values, shape)
    return whole if feature.already_sorted else reorder(whole)


def _index_keys(key: str, feature: SparseFeature) -> list[str]:
    keys = [feature.index_key] if isinstance(feature.index_key, str) else list(feature.index_key)
    sizes = [feature.size] if isinstance(feature.size, int) else list(feature.size)
    if len(keys) != len(sizes):
        raise ValueError(f"feature {key!r} has {len(keys)} index keys and {len(sizes)} sizes; expected as many of each")
    return keys


def _dtype(key: str, dtype: Any) -> DType:
    if dtype is None:
        raise ValueError(f"feature {key!r} needs a dtype")
    found = as_dtype(dtype)
    if found not in VALUES:
        raise TypeError(f"feature {key!r} asks for {found.name}; expected float32, int64 or string")
    return found


def _keys(items: Mapping[str, Any]) -> Tensor:
    keys = np.empty(len(items), object)
    keys[:] = list(items)
    return convert_to_tensor(keys, dtypes.string)


def parse_example(serialized: Any, features: Features, example_names: Any = None, name: str | None = None) -> dict[str, Any]:
    """Reads a vector of serialized tf.Examples.

    Args:
        serialized: strings [batch].
        features: what to read: FixedLenFeature and FixedLenSequenceFeature give dense tensors, VarLenFeature and SparseFeature
            sparse ones, RaggedFeature ragged ones.
        example_names: names of the examples [batch]; they change nothing.
        name: a name for the node in a graph.

    Returns:
        A tensor for each feature, with a first dimension [batch].

    Raises:
        ValueError: a feature contradicts itself.
        InvalidArgumentError: bytes that are no Example, or a feature that is missing, of another dtype or length.
    """
    return _Request(features).run(convert_to_tensor(serialized, dtypes.string), example_names, name)


def parse_single_example(serialized: Any, features: Features, example_names: Any = None, name: str | None = None) -> dict[str, Any]:
    """Reads one serialized tf.Example, a scalar string; the results have no batch dimension. See `parse_example`."""
    tensor = convert_to_tensor(serialized, dtypes.string)
    if tensor.shape.rank not in (None, 0):
        raise ValueError(f"parse_single_example takes a scalar string; got shape {tensor.shape}; use parse_example")
    return _Request(features).run(tensor, example_names, name)
