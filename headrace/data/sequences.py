"""tf.io.parse_sequence_example: serialized SequenceExamples into dicts of tensors, as features describe them."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.shapes import TensorShape
from headrace.data.example import FixedLenFeature
from headrace.data.features import (
    Features,
    FixedLenSequenceFeature,
    RaggedFeature,
    Request,
    VarLenFeature,
    keys_of,
)
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor
from headrace.ops.parsing.sequences import parse_sequence_example_v2
from headrace.ragged.tensor import RaggedTensor
from headrace.sparse.tensor import SparseTensor

_CONTEXT = (VarLenFeature, RaggedFeature, FixedLenFeature)
_LISTS = (VarLenFeature, RaggedFeature, FixedLenSequenceFeature)


class _Lists(Request):
    """The features of lists; `dense` has, in place of defaults, empty tensors of the dtype."""

    def __init__(self, features: Features) -> None:
        self.may_miss: list[bool] = []
        super().__init__(features, _LISTS)

    def _add_sequence(self, key: str, feature: FixedLenSequenceFeature) -> None:
        if feature.default_value is not None:
            raise ValueError(f"feature list {key!r} has a default value, which lists cannot have; leave it out")
        self.may_miss.append(bool(feature.allow_missing))
        super()._add_sequence(key, feature._replace(allow_missing=True))
        shape, default = self.dense[key]
        self.dense[key] = TensorShape(shape[1:]), default


def _parsed(
    serialized: Tensor, context: Request, lists: _Lists, example_names: Any, name: str | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    found = iter(
        parse_sequence_example_v2.all(
            serialized,
            convert_to_tensor(np.empty(0, object), dtypes.string) if example_names is None else example_names,
            *[keys_of(part) for request in (context, lists) for part in (request.sparse, request.dense, request.ragged)],
            np.array(lists.may_miss, np.bool_),
            [default for _, default in context.dense.values()],
            Ncontext_sparse=len(context.sparse),
            context_sparse_types=tuple(context.sparse.values()),
            context_ragged_value_types=tuple(dtype for dtype, _ in context.ragged.values()),
            context_ragged_split_types=tuple(splits for _, splits in context.ragged.values()),
            context_dense_shapes=tuple(shape for shape, _ in context.dense.values()),
            Nfeature_list_sparse=len(lists.sparse),
            Nfeature_list_dense=len(lists.dense),
            feature_list_dense_types=tuple(default.dtype for _, default in lists.dense.values()),
            feature_list_sparse_types=tuple(lists.sparse.values()),
            feature_list_ragged_value_types=tuple(dtype for dtype, _ in lists.ragged.values()),
            feature_list_ragged_split_types=tuple(splits for _, splits in lists.ragged.values()),
            feature_list_dense_shapes=tuple(shape for shape, _ in lists.dense.values()),
            name=name,
        )
    )
    single = serialized.shape.rank == 0

    def take(count: int, parts: int) -> list[tuple[Any, ...]]:
        columns = [[next(found) for _ in range(count)] for _ in range(parts)]
        return list(zip(*columns, strict=True))

    def rows(values: Any, *splits: Any) -> Any:
        for part in splits:
            values = RaggedTensor.from_row_splits(values, part, validate=False)
        return values

    sparse = [SparseTensor(*item) for item in take(len(context.sparse), 3)]
    dense = [value for (value,) in take(len(context.dense), 1)]
    ragged = [values if single else rows(values, splits) for values, splits in take(len(context.ragged), 2)]
    of_context = context.results(sparse, dense, ragged)
    sparse = [SparseTensor(*item) for item in take(len(lists.sparse), 3)]
    padded = take(len(lists.dense), 2)
    ragged = [rows(values, inner, *[outer][single:]) for values, outer, inner in take(len(lists.ragged), 3)]
    of_lists = lists.results(sparse, [values for values, _ in padded], ragged)
    return of_context, of_lists, dict(zip(lists.dense, [steps for _, steps in padded], strict=True))


def _requests(context: Features | None, lists: Features | None) -> tuple[Request, _Lists]:
    if not context and not lists:
        raise ValueError("give context_features, sequence_features or both; got neither")
    return Request(context or {}, _CONTEXT), _Lists(lists or {})


def parse_sequence_example(
    serialized: Any,
    context_features: Features | None = None,
    sequence_features: Features | None = None,
    example_names: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Reads a vector of serialized SequenceExamples.

    Args:
        serialized: strings [batch].
        context_features: what to read of the examples as a whole, as for `parse_example`: VarLenFeature, RaggedFeature and
            FixedLenFeature.
        sequence_features: what to read of the feature lists: FixedLenSequenceFeature gives tensors [batch, time, ...] padded
            with zeros or empty strings, VarLenFeature sparse ones [batch, time, values], RaggedFeature ragged ones.
        example_names: names of the examples [batch]; they change nothing.
        name: a name for the node in a graph.

    Returns:
        The context's tensors, those of the lists, and the lengths [batch] of the lists that were padded.

    Raises:
        ValueError: a feature contradicts itself, or none is given.
        InvalidArgumentError: bytes that are no SequenceExample, or a feature that is missing, of another dtype or length.
    """
    context, lists = _requests(context_features, sequence_features)
    return _parsed(convert_to_tensor(serialized, dtypes.string), context, lists, example_names, name)


def parse_single_sequence_example(
    serialized: Any,
    context_features: Features | None = None,
    sequence_features: Features | None = None,
    example_name: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads one serialized SequenceExample, a scalar string; see `parse_sequence_example`.

    Returns:
        The context's tensors and those of the lists, without a dimension for the batch.
    """
    tensor = convert_to_tensor(serialized, dtypes.string)
    if tensor.shape.rank not in (None, 0):
        raise ValueError(
            f"parse_single_sequence_example takes a scalar string; got shape {tensor.shape}; use parse_sequence_example"
        )
    context, lists = _requests(context_features, sequence_features)
    return _parsed(tensor, context, lists, example_name, name)[:2]
