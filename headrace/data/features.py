"""What to read of examples: the classes of features, and a request made of some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType, as_dtype
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape, as_shape
from headrace.data import partitions
from headrace.data.example import FixedLenFeature
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.parsing.examples import VALUES
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


class _RaggedFields(NamedTuple):
    dtype: Any
    value_key: str | None = None
    partitions: Sequence[Any] = ()
    row_splits_dtype: Any = dtypes.int32
    validate: bool = False


class RaggedFeature(_RaggedFields):
    """A feature of any length, which becomes a ragged tensor (for one example without partitions: a vector).

    Attributes:
        dtype: float32, int64 or string.
        value_key: the feature's name, where it differs from the key in the dict.
        partitions: how the values of one example are divided, outermost first: RowSplits, RowLengths, RowStarts, RowLimits or
            ValueRowIds of another feature (int64), or UniformRowLength.
        row_splits_dtype: int32 or int64.
        validate: whether partitions are checked against one another.

    Raises:
        TypeError: an argument has another type.
    """

    __slots__ = ()

    RowSplits: ClassVar = partitions.RowSplits
    RowLengths: ClassVar = partitions.RowLengths
    RowStarts: ClassVar = partitions.RowStarts
    RowLimits: ClassVar = partitions.RowLimits
    ValueRowIds: ClassVar = partitions.ValueRowIds
    UniformRowLength: ClassVar = partitions.UniformRowLength

    def __new__(
        cls,
        dtype: Any,
        value_key: str | None = None,
        partitions: Sequence[Any] = (),
        row_splits_dtype: Any = dtypes.int32,
        validate: bool = False,
    ) -> RaggedFeature:
        if value_key is not None and not isinstance(value_key, str):
            raise TypeError(f"value_key must be a string; got {value_key!r}")
        if not isinstance(partitions, list | tuple) or not all(isinstance(part, PARTITIONS) for part in partitions):
            raise TypeError(f"partitions must be a list of RaggedFeature's partitions; got {partitions!r}")
        if as_dtype(row_splits_dtype) not in dtypes.INDEX:
            raise ValueError(f"row_splits_dtype must be int32 or int64; got {row_splits_dtype!r}")
        if not isinstance(validate, bool):
            raise TypeError(f"validate must be True or False; got {validate!r}")
        return super().__new__(cls, as_dtype(dtype), value_key, tuple(partitions), as_dtype(row_splits_dtype), validate)


PARTITIONS = partitions.KINDS


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


class Request:
    """Features sorted out into what one op reads.

    Args:
        features: by their keys.
        kinds: the classes that are taken here.

    Attributes:
        sparse: names and dtypes of the features to be read as sparse tensors.
        dense: names, shapes and defaults.
        ragged: names, dtypes and those of the row splits.

    Raises:
        ValueError: a feature contradicts itself or another.
    """

    def __init__(self, features: Features, kinds: tuple[Any, ...]) -> None:
        self.features = features
        self.sparse: dict[str, DType] = {}
        self.dense: dict[str, tuple[TensorShape, Tensor]] = {}
        self.ragged: dict[str, tuple[DType, DType]] = {}
        for key in sorted(features):
            if not isinstance(features[key], kinds):
                names = ", ".join(kind.__name__ for kind in kinds)
                raise ValueError(f"feature {key!r} must be one of {names} here; got {features[key]!r}")
            self._add(key, features[key])

    def _add(self, key: str, feature: Any) -> None:
        if isinstance(feature, VarLenFeature):
            self._add_sparse(key, _dtype(key, feature.dtype))
        elif isinstance(feature, SparseFeature):
            for index in _index_keys(key, feature):
                self._add_sparse(index, dtypes.int64)
            self._add_sparse(feature.value_key, _dtype(key, feature.dtype))
        elif isinstance(feature, RaggedFeature):
            self._add_ragged(feature.value_key or key, _dtype(key, feature.dtype), feature.row_splits_dtype)
            for part in feature.partitions:
                if not isinstance(part, partitions.UniformRowLength):
                    self._add_ragged(part.key, dtypes.int64, feature.row_splits_dtype)
        elif isinstance(feature, FixedLenFeature):
            self._add_fixed(key, feature)
        else:
            self._add_sequence(key, feature)

    def _add_sparse(self, key: str, dtype: DType) -> None:
        if self.sparse.setdefault(key, dtype) is not dtype:
            raise ValueError(f"feature {key!r} is asked for as {self.sparse[key].name} and as {dtype.name}; expected one dtype")

    def _add_ragged(self, key: str, dtype: DType, splits: DType) -> None:
        if self.ragged.setdefault(key, (dtype, splits)) != (dtype, splits):
            was = " and ".join(kind.name for kind in self.ragged[key])
            raise ValueError(
                f"ragged feature {key!r} is asked for with values and splits of {was} and of {dtype.name} and {splits.name}"
            )

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

    def results(self, sparse: Sequence[SparseTensor], dense: Sequence[Any], ragged: Sequence[Any]) -> dict[str, Any]:
        """The features' tensors by their keys.

        Args:
            sparse: what was read, in the order of `self.sparse`.
            dense: likewise.
            ragged: likewise: ragged tensors, or vectors of one example's values.
        """
        self._found_sparse = dict(zip(self.sparse, sparse, strict=True))
        self._found_dense = dict(zip(self.dense, dense, strict=True))
        self._found_ragged = dict(zip(self.ragged, ragged, strict=True))
        return {key: self._result(key) for key in sorted(self.features)}

    def _result(self, key: str) -> Any:
        feature, sparse = self.features[key], self._found_sparse
        if isinstance(feature, VarLenFeature):
            return sparse[key]
        if isinstance(feature, RaggedFeature):
            values = self._found_ragged[feature.value_key or key]
            return partitions.divided(values, feature.partitions, self._found_ragged, feature.row_splits_dtype, feature.validate)
        if isinstance(feature, SparseFeature):
            return _merged(feature, [sparse[index] for index in _index_keys(key, feature)], sparse[feature.value_key])
        return self._found_dense[key]


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


def keys_of(items: Mapping[str, Any]) -> Tensor:
    """Names as a vector of strings."""
    keys = np.empty(len(items), object)
    keys[:] = list(items)
    return convert_to_tensor(keys, dtypes.string)
