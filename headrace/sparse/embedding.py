"""tf.nn.embedding_lookup_sparse: rows of a table, combined by the rows of a sparse tensor of ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.nn.functions import embedding_lookup
from headrace.sparse.functions import fill_empty_rows, reshape, retain
from headrace.sparse.tensor import SparseTensor, rank_of

_COMBINERS = "mean", "sqrtn", "sum"


def _table(params: Any, dtype: Any = None) -> Any:
    """One table of rows: the only one of a list, or all of them one after another."""
    parts = list(params) if isinstance(params, list | tuple) else [params]
    if not parts or parts[0] is None:
        raise ValueError("an embedding lookup needs a table of rows; none was given")
    if len(parts) == 1:
        return parts[0] if hasattr(parts[0], "sparse_read") else convert_to_tensor(parts[0], dtype)
    return get("ConcatV2")([convert_to_tensor(part, dtype) for part in parts], 0)


def _rows_and_ids(ids: Any, weights: Any) -> tuple[Tensor, Any]:
    """The row of each id, and the ids."""
    for given, what in ((ids, "sp_ids"), (weights, "sp_weights")):
        if given is not None and not (isinstance(given, SparseTensor) or hasattr(given, "value_rowids")):
            raise TypeError(f"{what} is a SparseTensor or a RaggedTensor; got {type(given).__name__}")
    if weights is not None and not weights.values.shape.is_compatible_with(ids.values.shape):
        raise ValueError(f"each id has a weight; got {ids.values.shape} ids and {weights.values.shape} weights")
    if isinstance(ids, SparseTensor):
        _ranked(ids)
        return ids.indices[:, 0], ids.values
    return ids.value_rowids(), ids.values


def embedding_lookup_sparse(
    params: Any,
    sp_ids: Any,
    sp_weights: Any,
    combiner: str | None = None,
    max_norm: float | None = None,
    name: str | None = None,
    allow_fast_lookup: bool = False,
) -> Tensor:
    """Rows of a table at the ids of each row of a sparse tensor, combined into one.

    Args:
        params: the table [ids, ...], or a list of tables that follow each other.
        sp_ids: a SparseTensor or RaggedTensor [rows, n] of integers.
        sp_weights: the weights in the same places, or None for 1.
        combiner: "sum", "mean" (over the sum of the weights; the default) or "sqrtn" (over the root of the sum of their squares).
        max_norm: rows longer than this are scaled down to it.
        name: of the op.
        allow_fast_lookup: has no effect.

    Returns:
        One row for each row of ids up to the last that has any, zeros for those without.

    Raises:
        ValueError: the combiner is none of these, or weights and ids differ in number.
        TypeError: the ids or weights are dense.
    """
    combiner = "mean" if combiner is None else combiner
    if combiner not in _COMBINERS:
        raise ValueError(f"combiner is one of {', '.join(_COMBINERS)}; got {combiner!r}")
    rows, ids = _rows_and_ids(sp_ids, sp_weights)
    found = embedding_lookup(_table(params), ids, max_norm)
    kind = found.dtype
    wide = dtypes.float32 if kind in (dtypes.float16, dtypes.bfloat16) else kind
    found = get("Cast")(found, DstT=wide)
    if sp_weights is None:
        weights = get("Fill")(get("Shape")(ids), convert_to_tensor(1, wide))
    else:
        weights = get("Cast")(sp_weights.values, DstT=wide)
    for _ in range(len(found.shape) - 1):
        weights = get("ExpandDims")(weights, -1)
    total = get("SegmentSum")(found * weights if sp_weights is not None else found, rows)
    if combiner == "mean":
        total = get("DivNoNan")(total, get("SegmentSum")(weights, rows))
    elif combiner == "sqrtn":
        total = get("DivNoNan")(total, get("Sqrt")(get("SegmentSum")(weights * weights, rows)))
    return get("Cast")(total, DstT=kind, name=name)


def _only(ids: SparseTensor, weights: SparseTensor | None, kept: Tensor) -> tuple[SparseTensor, SparseTensor | None]:
    return _ranked(retain(ids, kept)), None if weights is None else _ranked(retain(weights, kept))


def _ranked(x: SparseTensor) -> SparseTensor:
    """The tensor, whose parts have the ranks that host ops lost in a graph."""
    x.indices.set_shape([None, None])
    x.values.set_shape([None])
    return x


def safe_embedding_lookup_sparse(
    embedding_weights: Any | Sequence[Any],
    sparse_ids: SparseTensor,
    sparse_weights: SparseTensor | None = None,
    combiner: str = "mean",
    default_id: int | None = None,
    max_norm: float | None = None,
    name: str | None = None,
    allow_fast_lookup: bool = False,
) -> Tensor:
    """`embedding_lookup_sparse` of any rank that leaves out negative ids and gives something for rows without ids.

    Args:
        embedding_weights: the table [ids, width], or a list of tables that follow each other.
        sparse_ids: a SparseTensor [..., n] of integers.
        sparse_weights: the weights in the same places; ids of weights of 0 or less are left out unless the combiner is "sum".
        combiner: "sum", "mean" or "sqrtn".
        default_id: the id of rows without ids; without it they give zeros.
        max_norm: rows longer than this are scaled down to it.
        name: of the op.
        allow_fast_lookup: has no effect.

    Returns:
        The rows [..., width].
    """
    table = _table(embedding_weights, None if sparse_weights is None else sparse_weights.dtype)
    leading = sparse_ids.dense_shape[: rank_of(sparse_ids, "safe_embedding_lookup_sparse") - 1]
    last = sparse_ids.dense_shape[-1]
    ids = reshape(sparse_ids, get("Pack")([get("Prod")(leading, [0]), last]))
    weights = None if sparse_weights is None else SparseTensor(ids.indices, sparse_weights.values, ids.dense_shape)
    ids, weights = _only(ids, weights, get("GreaterEqual")(ids.values, 0))
    if weights is not None and combiner != "sum":
        ids, weights = _only(ids, weights, get("Greater")(weights.values, 0))
    ids, empty = fill_empty_rows(ids, default_id or 0)
    if weights is not None:
        weights = fill_empty_rows(weights, 1.0)[0]
    result = embedding_lookup_sparse(table, ids, weights, combiner, max_norm)
    if default_id is None:
        result = get("SelectV2")(get("ExpandDims")(empty, 1), get("ZerosLike")(result), result)
    width = get("Shape")(result, out_type=dtypes.int64)[1:]
    return get("Reshape")(result, get("ConcatV2")([leading, width], 0), name=name)
