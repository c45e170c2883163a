"""IndexedSlices through branches, loops, functions and structures, and their specs."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

VALUES = np.float32([[1, 2], [3, 4], [5, 6]])
YES, NO = np.bool_(True), np.bool_(False)


def slices(tf: Any, values: Any, indices: Any = (0, 2, 0), dense: Any = (4, 2), index_dtype: str = "int32") -> Any:
    """Rows of a matrix of 4 by 2, the first of them twice."""
    return tf.IndexedSlices(values, tf.constant(indices, index_dtype), None if dense is None else tf.constant(dense))


def parts(value: Any) -> list[Any]:
    """The tensors of IndexedSlices."""
    return [value.values, value.indices, *([] if value.dense_shape is None else [value.dense_shape])]


def doubled(tf: Any, value: Any) -> Any:
    """The same rows, doubled."""
    return tf.IndexedSlices(value.values * 2.0, value.indices, value.dense_shape)


def twice(tf: Any, value: Any) -> Any:
    """Each row once more."""
    return tf.IndexedSlices(tf.concat([value.values] * 2, 0), tf.concat([value.indices] * 2, 0), value.dense_shape)


def conditional(tf: Any, values: Any, pred: Any, **options: Any) -> Any:
    """Branches with other numbers of rows."""
    return parts(tf.cond(pred, lambda: slices(tf, values * values, **options), lambda: twice(tf, slices(tf, values, **options))))


def unlike_indices(tf: Any, values: Any, pred: Any) -> Any:
    """Indices of int32 in one branch and of int64 in the other, after a plain result, in a function of its own."""

    @tf.function
    def run(pred: Any) -> Any:
        def one() -> Any:
            return values[0], slices(tf, values)

        def other() -> Any:
            return values[1], slices(tf, values * 2.0, index_dtype="int64")

        return tf.cond(pred, one, other)

    first, rows = run(pred)
    return [first, *parts(rows)]


def unlike_branches(tf: Any, values: Any, pred: Any, first: Any, second: Any) -> Any:
    """Branches in a function of its own that cannot go together."""
    return parts(tf.function(lambda p: tf.cond(p, lambda: first(tf, values), lambda: second(tf, values)))(pred))


def switched(tf: Any, values: Any) -> Any:
    """Three branches."""
    index = tf.cast(values[0, 0], tf.int32)
    return parts(tf.switch_case(index, [lambda s=s: slices(tf, values * s) for s in (2.0, 3.0, 4.0)]))


def loop(tf: Any, values: Any, step: Any = doubled, invariant: Any = None, **options: Any) -> Any:
    """A loop in a function of its own that carries slices."""

    @tf.function
    def run(values: Any) -> Any:
        kept = None if invariant is None else [tf.TensorShape([]), invariant(tf)]
        start = [tf.constant(0), slices(tf, values, **options)]
        return tf.while_loop(lambda i, _: i < 2, lambda i, x: (i + 1, step(tf, x)), start, shape_invariants=kept)[1]

    return parts(run(values))


def eager_loop(tf: Any, values: Any) -> Any:
    """A loop where the case runs."""
    return parts(tf.while_loop(lambda i, _: i < 2, lambda i, x: (i + 1, doubled(tf, x)), [tf.constant(0), slices(tf, values)])[1])


def python_loop(tf: Any, values: Any) -> Any:
    """Statements that AutoGraph converts."""

    @tf.function
    def run(values: Any, count: Any) -> Any:
        x = slices(tf, values)
        for _ in tf.range(count):
            x = doubled(tf, x)
        if count > 1:
            x = doubled(tf, x)
        return x

    return parts(run(values, tf.constant(2)))


def through_function(tf: Any, values: Any, **options: Any) -> Any:
    """An argument and a result, with what is known of them inside."""

    @tf.function
    def run(x: Any) -> Any:
        return doubled(tf, x), tf.constant([x.values.shape[0], -1 if x.shape.rank is None else x.shape.rank])

    out, known = run(slices(tf, values, **options))
    return [*parts(out), known]


def one_trace(tf: Any, values: Any) -> Any:
    """Slices of one spec share a trace; others have their own."""
    run = tf.function(lambda x: x)
    for options in ({}, {"indices": (1, 1, 1)}, {"dense": None}, {"index_dtype": "int64"}):
        run(slices(tf, values, **options))
    return tf.constant(run.experimental_get_tracing_count())


def gradient_of_rows(tf: Any, values: Any) -> Any:
    """The gradient of a gather, returned from a function."""
    table = tf.Variable(np.float32([[1, 2], [3, 4], [5, 6], [7, 8]]))

    @tf.function
    def run(values: Any) -> Any:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.gather(table, [0, 2, 0]) * values)
        return tape.gradient(total, table)

    found = run(values)
    return [*parts(found), tf.convert_to_tensor(found)]


def spec(tf: Any, **options: Any) -> Any:
    """A spec of any number of rows of two."""
    return tf.IndexedSlicesSpec(
        **{"shape": [None, 2], "dtype": tf.float32, "indices_dtype": tf.int32, "dense_shape_dtype": tf.int32, **options}
    )


def signed(tf: Any, values: Any, **options: Any) -> Any:
    """An input signature."""
    return tf.function(lambda x: x.values * 2.0, input_signature=[spec(tf)])(slices(tf, values, **options))


def dense_signature(tf: Any, values: Any) -> Any:
    """An input signature that asks for a dense tensor."""
    return tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([None, 2])])(slices(tf, values))


def specs(tf: Any, values: Any) -> Any:
    """What specs say of values and of one another."""
    plain, no_shape = slices(tf, values), slices(tf, values, dense=None)
    known, wide = tf.type_spec_from_value(plain), spec(tf)
    return tf.constant([
        known == tf.IndexedSlicesSpec([4, 2], tf.float32, tf.int32, tf.int32, [3]),
        tf.type_spec_from_value(no_shape) == tf.IndexedSlicesSpec([None, 2], tf.float32, tf.int32, None, [3]),
        hash(known) == hash(tf.type_spec_from_value(slices(tf, values * 2.0))),
        known == wide,
        wide.is_compatible_with(plain),
        wide.is_compatible_with(known),
        wide.is_compatible_with(no_shape),
        wide.is_compatible_with(values),
        wide.is_compatible_with(slices(tf, values, index_dtype="int64")),
        spec(tf, shape=[None, 3]).is_compatible_with(plain),
        spec(tf, indices_shape=[2]).is_compatible_with(plain),
        known.is_subtype_of(wide),
        wide.is_subtype_of(known),
        wide.value_type is tf.IndexedSlices,
        tf.is_tensor(plain),
        isinstance(wide, tf.TypeSpec),
    ])  # fmt: skip


def texts(tf: Any, values: Any) -> Any:
    """How specs are written."""
    found = [tf.IndexedSlicesSpec(), spec(tf), tf.type_spec_from_value(slices(tf, values))]
    return tf.constant([repr(item) for item in [*found, *tf.nest.flatten(spec(tf), expand_composites=True)]])


def nested(tf: Any, values: Any) -> Any:
    """Structures that are taken apart and put together."""
    structure = {"a": slices(tf, values), "b": [slices(tf, values, dense=None), values]}
    flat = tf.nest.flatten(structure, expand_composites=True)
    packed = tf.nest.pack_sequence_as(structure, [item * 2 for item in flat], expand_composites=True)
    return [*flat, *parts(packed["a"]), *parts(packed["b"][0]), packed["b"][1], tf.constant(len(tf.nest.flatten(structure)))]


def element(tf: Any, values: Any) -> Any:
    """An element of a dataset."""
    found = tf.data.Dataset.from_tensors(slices(tf, values)).map(lambda x: doubled(tf, x))
    return [part for item in found for part in parts(item)]


CASES = {
    "cond-true": case(conditional, VALUES, YES),
    "cond-false": case(conditional, VALUES, NO),
    "cond-no-dense-shape": case(lambda tf, v, p: conditional(tf, v, p, dense=None), VALUES, NO),
    "cond-unlike-indices-true": case(unlike_indices, VALUES, YES),
    "cond-unlike-indices-false": case(unlike_indices, VALUES, NO),
    "cond-dense-shape-and-none": case(
        lambda tf, v, p: unlike_branches(tf, v, p, slices, lambda tf, v: slices(tf, v, dense=None)), VALUES, YES
    ),
    "cond-slices-and-tensor": case(lambda tf, v, p: unlike_branches(tf, v, p, slices, lambda tf, v: v), VALUES, YES),
    "switch-case": case(switched, VALUES),
    "while": case(loop, VALUES),
    "while-no-dense-shape": case(lambda tf, v: loop(tf, v, dense=None), VALUES),
    "while-eager": case(eager_loop, VALUES),
    "while-grows": case(lambda tf, v: loop(tf, v, twice), VALUES),
    "while-grows-shape": case(lambda tf, v: loop(tf, v, twice, lambda tf: tf.TensorShape([None, 2])), VALUES),
    "while-grows-spec": case(lambda tf, v: loop(tf, v, twice, spec), VALUES),
    "python-loop": case(python_loop, VALUES),
    "function": case(through_function, VALUES),
    "function-no-dense-shape": case(lambda tf, v: through_function(tf, v, dense=None), VALUES),
    "function-traces": case(one_trace, VALUES, in_function=False),
    "function-gradient": case(gradient_of_rows, VALUES, gradient=False, in_function=False),
    "signature": case(signed, VALUES),
    "signature-no-dense-shape": case(lambda tf, v: signed(tf, v, dense=None), VALUES),
    "signature-dense": case(dense_signature, VALUES),
    "specs": case(specs, VALUES),
    "spec-texts": case(texts, VALUES, in_function=False),
    "spec-wrong-rank": case(lambda tf, v: v * len(repr(spec(tf, indices_shape=[1, 2]))), VALUES),
    "nest": case(nested, VALUES),
    "dataset-element": case(element, VALUES, gradient=False, in_function=False),
    "convert": case(lambda tf, v: tf.convert_to_tensor(slices(tf, v)), VALUES),
    "ops-take-the-dense-tensor": case(lambda tf, v: tf.add(slices(tf, v), 1.0), VALUES),
}
"""IndexedSlices, run from the same source under Headrace and under real TensorFlow."""
