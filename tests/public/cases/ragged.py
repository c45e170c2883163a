"""Ragged tensors: making, taking apart, subscripts, joining, reductions, elementwise ops, functions and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

V = np.float32([3, 1, 4, 1.5, 9, 2, 6])
W = np.float32([2, 7, 1, 8, 2, 8, 1])
SPLITS = [0, 2, 2, 5, 7]
MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)
NESTED = [[[1, 2], []], [], [[3], [4, 5, 6]], [[7]]]


def parts(x: Any) -> list[Any]:
    """The tensors that a ragged (or dense) tensor is made of."""
    return [x.flat_values, *x.nested_row_splits] if hasattr(x, "nested_row_splits") else [x]


def rt(tf: Any, values: Any) -> Any:
    """Four rows of 2, 0, 3 and 2 values."""
    return tf.RaggedTensor.from_row_splits(values, SPLITS)


def deep(tf: Any) -> Any:
    """Two ragged dimensions."""
    return tf.ragged.constant(NESTED)


def all_parts(*items: Any) -> list[Any]:
    """The parts of several tensors."""
    return [p for item in items for p in parts(item)]


def through_function(tf: Any, values: Any) -> list[Any]:
    """A ragged tensor as the argument and the result of a tf.function with a signature."""

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.float32)])
    def double(x: Any) -> Any:
        return x * 2.0

    return parts(double(rt(tf, values)))


def gradient_of_ragged(tf: Any, values: Any) -> Any:
    """The gradient with respect to a ragged tensor is ragged."""
    x = rt(tf, values)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x * x)
    return parts(tape.gradient(y, x))


MAKING = {
    "row-splits": case(lambda tf, v: parts(rt(tf, v)), V),
    "row-lengths": case(lambda tf, v: parts(tf.RaggedTensor.from_row_lengths(v, [2, 0, 5])), V),
    "value-rowids": case(lambda tf, v: parts(tf.RaggedTensor.from_value_rowids(v, [0, 0, 2, 2, 2, 3, 3], nrows=5)), V),
    "row-starts": case(lambda tf, v: parts(tf.RaggedTensor.from_row_starts(v, [0, 3, 3])), V),
    "row-limits": case(lambda tf, v: parts(tf.RaggedTensor.from_row_limits(v, [3, 3, 7])), V),
    "uniform": case(lambda tf, v: parts(tf.RaggedTensor.from_uniform_row_length(v[:6], 3)), V),
    "nested": case(lambda tf, v: parts(tf.RaggedTensor.from_nested_row_splits(v, [[0, 1, 3], [0, 2, 2, 7]])), V),
    "nested-lengths": case(lambda tf, v: parts(tf.RaggedTensor.from_nested_row_lengths(v, [[1, 2], [2, 0, 5]])), V),
    "constant": case(lambda tf: all_parts(tf.ragged.constant([[1], [], [2, 3]]), tf.ragged.constant([["a"], []]), deep(tf))),
    "constant-inner": case(lambda tf: parts(tf.ragged.constant([[[1.0, 2]], [], [[3, 4], [5, 6]]], inner_shape=(2,)))),
    "constant-mixed": case(lambda tf: parts(tf.ragged.constant([[1], 2]))),
    "from-tensor": case(lambda tf, x: parts(tf.RaggedTensor.from_tensor(x)), MATRIX),
    "from-tensor-lengths": case(lambda tf, x: parts(tf.RaggedTensor.from_tensor(x, lengths=[1, 0, 9])), MATRIX),
    "from-tensor-padding": case(
        lambda tf: parts(tf.RaggedTensor.from_tensor([[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 0, 0]], padding=0))
    ),
    "range": case(lambda tf: all_parts(tf.ragged.range([3, 0, 2]), tf.ragged.range([0, 5], [4, 1], [1, -2]))),
    "range-float": case(lambda tf: parts(tf.ragged.range([0.0, 1.0], [1.0, 2.0], 0.3))),
    "bad-splits": case(lambda tf, v: parts(tf.RaggedTensor.from_row_splits(v, [0, 3, 2, 7])), V),
    "bad-end": case(lambda tf, v: parts(tf.RaggedTensor.from_row_splits(v, [0, 3])), V, in_function=False),
}
PARTS = {
    "lengths": case(lambda tf, v: [rt(tf, v).row_lengths(), rt(tf, v).row_starts(), rt(tf, v).row_limits(), rt(tf, v).nrows()], V),
    "rowids": case(lambda tf, v: rt(tf, v).value_rowids(), V),
    "bounding": case(lambda tf: [deep(tf).bounding_shape(), tf.rank(deep(tf)), tf.size(deep(tf))]),
    "static": case(lambda tf, v: tf.constant([-1 if d is None else d for d in rt(tf, v).shape]), V),
    "merge": case(lambda tf: all_parts(deep(tf).merge_dims(0, 1), deep(tf).merge_dims(1, 2), deep(tf).merge_dims(0, -1))),
    "to-tensor": case(lambda tf, v: rt(tf, v).to_tensor(), V),
    "to-tensor-default": case(lambda tf, v, d: rt(tf, v).to_tensor(d, shape=[None, 2]), V, np.float32(-1)),
    "to-tensor-deep": case(lambda tf: deep(tf).to_tensor(9)),
    "to-tensor-inner": case(lambda tf, x: tf.RaggedTensor.from_row_splits(x, [0, 1, 3]).to_tensor(shape=[None, 4, None]), MATRIX),
    "to-sparse": case(lambda tf, v: [(s := rt(tf, v).to_sparse()).indices, s.values, s.dense_shape], V),
    "from-sparse": case(lambda tf, v: parts(tf.RaggedTensor.from_sparse(rt(tf, v).to_sparse())), V),
    "segment-ids": case(
        lambda tf: [tf.ragged.row_splits_to_segment_ids(SPLITS), tf.ragged.segment_ids_to_row_splits([0, 0, 2], 5)]
    ),
}
SUBSCRIPTS = {
    "row": case(lambda tf, v: [rt(tf, v)[2], rt(tf, v)[-1], rt(tf, v)[1]], V),
    "rows": case(lambda tf, v: all_parts(rt(tf, v)[1:3], rt(tf, v)[::2], rt(tf, v)[::-1], rt(tf, v)[-2:]), V),
    "columns": case(
        lambda tf, v: all_parts(rt(tf, v)[:, 1:], rt(tf, v)[:, :2], rt(tf, v)[:, -1:], rt(tf, v)[:, ::-1], rt(tf, v)[:, ::2]), V
    ),
    "both": case(lambda tf, v: all_parts(rt(tf, v)[2:, :1], rt(tf, v)[2, 1:], rt(tf, v)[2, 1]), V),
    "deep": case(lambda tf: all_parts(deep(tf)[2], deep(tf)[2, 1], deep(tf)[:, :, 1:], deep(tf)[..., :1], deep(tf)[2:, 0:1])),
    "new-axis": case(lambda tf, v: all_parts(rt(tf, v)[tf.newaxis], rt(tf, v)[:, tf.newaxis]), V),
    "inner": case(lambda tf, x: all_parts(tf.RaggedTensor.from_row_splits(x, [0, 1, 3])[:, :, 1:3]), MATRIX),
    "bad-column": case(lambda tf, v: rt(tf, v)[:, 0], V),
    "gather": case(
        lambda tf, v: all_parts(tf.gather(rt(tf, v), [2, 0, 2]), tf.gather(v, tf.ragged.constant([[1], [], [0, 6]]))), V
    ),
    "gather-deep": case(lambda tf: parts(tf.gather(deep(tf), [3, 0, 2]))),
    "mask": case(lambda tf, v: parts(tf.ragged.boolean_mask(rt(tf, v), [True, False, True, False])), V),
    "mask-elements": case(lambda tf, v: parts(tf.ragged.boolean_mask(rt(tf, v), rt(tf, v) > 2)), V),
    "mask-dense": case(lambda tf, x: parts(tf.ragged.boolean_mask(x, x > 4)), MATRIX),
}
JOINING = {
    "concat": case(lambda tf, v, w: parts(tf.concat([rt(tf, v), rt(tf, w)], 0)), V, W),
    "concat-columns": case(lambda tf, v, w: parts(tf.concat([rt(tf, v), rt(tf, w), rt(tf, v)], 1)), V, W),
    "concat-deep": case(lambda tf: all_parts(*[tf.concat([deep(tf), deep(tf)], a) for a in (0, 1, 2, -1)])),
    "stack": case(lambda tf, v, w: all_parts(*[tf.stack([rt(tf, v), rt(tf, w)], a) for a in (0, 1, 2)]), V, W),
    "ragged-stack": case(lambda tf, v: all_parts(tf.ragged.stack([v[:2], v[2:3], v[:0]]), tf.ragged.stack([v, v], 1)), V),
    "expand-dims": case(lambda tf, v: all_parts(*[tf.expand_dims(rt(tf, v), a) for a in (0, 1, 2, -1)]), V),
    "concat-ranks": case(lambda tf, v: parts(tf.concat([rt(tf, v), deep(tf)], 0)), V),
}
REDUCTIONS = {
    name: case(lambda tf, v, f=name: all_parts(*[getattr(tf, f)(rt(tf, v)[::2], a) for a in (None, 0, 1)]), V)
    for name in ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_mean")
}
REDUCTIONS |= {
    "empty-rows": case(lambda tf, v: [tf.reduce_sum(rt(tf, v), 1), tf.reduce_max(rt(tf, v), 1), tf.reduce_mean(rt(tf, v), -1)], V),
    "keepdims": case(
        lambda tf, v: all_parts(tf.reduce_sum(rt(tf, v), 1, keepdims=True), tf.reduce_sum(rt(tf, v), 0, keepdims=True)), V
    ),
    "logical": case(lambda tf, v: [tf.reduce_all(rt(tf, v) > 1.2, 1), tf.reduce_any(rt(tf, v) > 5, 1)], V),
    "deep-sum": case(lambda tf: all_parts(tf.reduce_sum(deep(tf), 2), tf.reduce_sum(deep(tf), [1, 2]))),
}
ELEMENTWISE = {
    "operators": case(
        lambda tf, v, w: all_parts(rt(tf, v) + rt(tf, w), rt(tf, v) * 2, 1 - rt(tf, v), -rt(tf, v), rt(tf, v) / 2.0), V, W
    ),
    "broadcast": case(lambda tf, v, c: parts(rt(tf, v) + c), V, np.float32([[1], [2], [3], [4]])),
    "comparison": case(lambda tf, v, w: all_parts(rt(tf, v) > rt(tf, w), rt(tf, v) == rt(tf, v), rt(tf, v) != 2), V, W),
    "functions": case(
        lambda tf, v: all_parts(
            tf.abs(rt(tf, v)), tf.nn.relu(rt(tf, v)), tf.exp(rt(tf, v)), tf.cast(rt(tf, v), tf.int32), tf.square(rt(tf, v))
        ),
        V,
    ),
    "integers": case(lambda tf: all_parts(deep(tf) // 2, deep(tf) % 3, tf.one_hot(deep(tf), 3))),
    "where": case(lambda tf, v, w: parts(tf.where(rt(tf, v) > 2, rt(tf, v), rt(tf, w))), V, W),
    "where-places": case(lambda tf, v: tf.where(rt(tf, v) > 2), V),
    "like": case(lambda tf, v: all_parts(tf.zeros_like(rt(tf, v)), tf.ones_like(rt(tf, v)), tf.identity(rt(tf, v))), V),
    "map": case(lambda tf, v: parts(tf.ragged.map_flat_values(tf.add, rt(tf, v), 1.0)), V),
    "strings": case(
        lambda tf: all_parts(
            tf.strings.length(tf.ragged.constant([["a", "bcd"], [], [""]])), tf.strings.upper(tf.ragged.constant([["a"], []]))
        )
    ),
    "rows-differ": case(lambda tf, v: parts(rt(tf, v) + tf.RaggedTensor.from_row_splits(v, [0, 1, 2, 5, 7])), V, in_function=False),
}
TEXT = [["a b", " c  d "], ["", "é,f"]]
STRINGS = {
    "split": case(lambda tf: all_parts(*[tf.strings.split(x) for x in ("a b", ["a b", "", " c"], TEXT)])),
    "split-at": case(lambda tf: all_parts(tf.strings.split(["a,b,,c", ""], ","), tf.strings.split(["a,b,c"], ",", maxsplit=1))),
    "split-ragged": case(lambda tf: parts(tf.strings.split(tf.ragged.constant([["a b"], [], ["c", "d e"]])))),
    "bytes": case(lambda tf: all_parts(*[tf.strings.bytes_split(x) for x in ("ab", ["ab", "", "é"])])),
    "ngrams": case(
        lambda tf: all_parts(
            tf.strings.ngrams(["a", "b", "c"], 2),
            tf.strings.ngrams(tf.ragged.constant([["a", "b", "c"], [], ["d"]]), [1, 2], separator="-"),
            tf.strings.ngrams(tf.ragged.constant([["a", "b"], ["d"]]), 2, pad_values=("<", ">")),
        )
    ),
    "decode": case(lambda tf: all_parts(*[tf.strings.unicode_decode(x, "UTF-8") for x in ("aé", ["é", "", "xy"])])),
    "characters": case(lambda tf: all_parts(*[tf.strings.unicode_split(x, "UTF-8") for x in ("aé", ["é", "", "xy"], TEXT)])),
    "encode": case(lambda tf: all_parts(tf.strings.unicode_encode(tf.ragged.constant([[97, 233], [], [120]]), "UTF-8"))),
}
FUNCTIONS = {
    "function": case(through_function, V),
    "gradient": case(gradient_of_ragged, V, gradient=False),
    "nest": case(lambda tf, v: tf.nest.flatten([rt(tf, v)], expand_composites=True), V),
}

CASES = {
    f"{group}-{name}": item
    for group, cases in {
        "make": MAKING,
        "parts": PARTS,
        "at": SUBSCRIPTS,
        "join": JOINING,
        "reduce": REDUCTIONS,
        "each": ELEMENTWISE,
        "text": STRINGS,
        "use": FUNCTIONS,
    }.items()
    for name, item in cases.items()
}
