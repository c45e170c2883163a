"""What the example_decoding pass makes: examples parsed, and some of their strings decoded, without making the strings."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape
from headrace.dispatch.opdef import DTypes, Ints, Shapes, op
from headrace.ops.parsing.examples import VALUES, parse, shapes_v2, texts, wanted_of
from headrace.ops.strings.encoding import DECODED, decoded, numbers_of


def _shapes(*inputs: Any, dense_shapes: Shapes, decoded: Ints, **attrs: Any) -> list[Any]:
    longer = tuple(TensorShape([*shape, None]) if i in decoded else shape for i, shape in enumerate(dense_shapes))
    return shapes_v2(*inputs, dense_shapes=longer, **attrs)


@op(
    "_ParseExampleNumbers",
    "serialized: string, names: string, sparse_keys: string, dense_keys: string, ragged_keys: string, dense_defaults: Tdense[] ->"
    " sparse_indices: num_sparse*int64, sparse_values: sparse_types[], sparse_shapes: num_sparse*int64,"
    " dense_values: dense_types[], ragged_values: ragged_value_types[], ragged_row_splits: ragged_split_types[]",
    Tdense=VALUES,
    dense_types=tuple(dict.fromkeys((*VALUES, *DECODED))),
    sparse_types=VALUES,
    ragged_value_types=VALUES,
    ragged_split_types=dtypes.INDEX,
    host_only=True,
    differentiable=False,
    exportable=False,
    shape=_shapes,
)
def parse_example_numbers(
    serialized: Any,
    names: Any,
    sparse_keys: Any,
    dense_keys: Any,
    ragged_keys: Any,
    dense_defaults: Any,
    *,
    num_sparse: int,
    sparse_types: DTypes,
    dense_types: DTypes,
    ragged_value_types: DTypes,
    ragged_split_types: DTypes,
    dense_shapes: Shapes,
    decoded: Ints,
) -> Any:
    """ParseExampleV2, and DecodeRaw of the dense features at the positions `decoded`."""
    wanted = wanted_of(texts(sparse_keys), sparse_types, texts(dense_keys), dense_shapes, dense_defaults)
    ragged = list(zip(texts(ragged_keys), ragged_value_types, ragged_split_types, strict=True))
    fixed = {wanted.dense[i][0] for i in decoded if dense_shapes[i].is_fully_defined()}
    results = parse(serialized, wanted._replace(ragged=ragged), fixed)
    dense = results[3]
    for i in decoded:
        dense[i] = _decoded(dense[i], dense_types[i])
    return results


def _decoded(strings: Any, dtype: DType) -> Any:
    packed = isinstance(strings, np.ndarray) and strings.dtype != object
    return numbers_of(strings, dtype) if packed else decoded(np.asarray(strings, object), dtype)
