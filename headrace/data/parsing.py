"""tf.io.parse_example: serialized tf.Examples into a dict of tensors, as features describe them."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.data.example import FixedLenFeature
from headrace.data.features import (
    Features,
    FixedLenSequenceFeature,
    RaggedFeature,
    Request,
    SparseFeature,
    VarLenFeature,
    keys_of,
)
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.ops.parsing.examples import parse_example_v2
from headrace.ragged.tensor import RaggedTensor
from headrace.sparse.tensor import SparseTensor

_KINDS = (VarLenFeature, SparseFeature, RaggedFeature, FixedLenFeature, FixedLenSequenceFeature)


def _parsed(serialized: Tensor, features: Features, example_names: Any, name: str | None) -> dict[str, Any]:
    if not features:
        raise ValueError("parse_example needs features to read; got none")
    request = Request(features, _KINDS)
    found = iter(
        parse_example_v2.all(
            serialized,
            convert_to_tensor(np.empty(0, object), dtypes.string) if example_names is None else example_names,
            keys_of(request.sparse),
            keys_of(request.dense),
            keys_of(request.ragged),
            [default for _, default in request.dense.values()],
            num_sparse=len(request.sparse),
            sparse_types=tuple(request.sparse.values()),
            ragged_value_types=tuple(dtype for dtype, _ in request.ragged.values()),
            ragged_split_types=tuple(splits for _, splits in request.ragged.values()),
            dense_shapes=tuple(shape for shape, _ in request.dense.values()),
            name=name,
        )
    )
    parts = [[next(found) for _ in request.sparse] for _ in range(3)]
    dense = [next(found) for _ in request.dense]
    values, splits = ([next(found) for _ in request.ragged] for _ in range(2))
    if serialized.shape.rank == 0:
        ragged: list[Any] = values
    else:
        ragged = [RaggedTensor.from_row_splits(*pair, validate=False) for pair in zip(values, splits, strict=True)]
    return request.results([SparseTensor(*item) for item in zip(*parts, strict=True)], dense, ragged)


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
    return _parsed(convert_to_tensor(serialized, dtypes.string), features, example_names, name)


def parse_single_example(serialized: Any, features: Features, example_names: Any = None, name: str | None = None) -> dict[str, Any]:
    """Reads one serialized tf.Example, a scalar string; the results have no batch dimension. See `parse_example`."""
    tensor = convert_to_tensor(serialized, dtypes.string)
    if tensor.shape.rank not in (None, 0):
        raise ValueError(f"parse_single_example takes a scalar string; got shape {tensor.shape}; use parse_example")
    return _parsed(tensor, features, example_names, name)
