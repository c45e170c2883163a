"""Ragged tensors: Python values, tf.function, specs and refusals."""

from __future__ import annotations

import numpy as np
import pytest

import headrace as tf

ROWS = [[3.0, 1.0], [], [4.0, 1.5, 9.0]]


def ragged() -> tf.RaggedTensor:
    return tf.ragged.constant(ROWS)


def test_lists_iteration_and_text() -> None:
    x = ragged()
    assert x.to_list() == ROWS
    assert [row.numpy().tolist() for row in x] == ROWS
    assert len(x) == 3
    assert str(x) == f"<tf.RaggedTensor {ROWS}>"
    assert [row.tolist() for row in x.numpy()] == ROWS
    np.testing.assert_array_equal(tf.ragged.constant([[1, 2], [3, 4]]).numpy(), [[1, 2], [3, 4]])


def test_function_takes_and_gives_ragged_tensors_in_structures() -> None:
    @tf.function
    def f(batch: dict[str, tf.RaggedTensor]) -> dict[str, object]:
        return {"double": batch["x"] * 2.0, "sum": tf.reduce_sum(batch["x"], 1)}

    result = f({"x": ragged()})
    assert result["double"].to_list() == [[2 * v for v in row] for row in ROWS]
    np.testing.assert_allclose(result["sum"], [sum(row) for row in ROWS])
    f({"x": tf.ragged.constant([[1.0], [2.0], [3.0]])})
    assert f.experimental_get_tracing_count() == 1


def test_signature_serves_any_number_of_rows_and_refuses_others() -> None:
    f = tf.function(lambda x: x.to_tensor(), input_signature=[tf.RaggedTensorSpec([None, None])])
    np.testing.assert_array_equal(f(ragged()), [[3, 1, 0], [0, 0, 0], [4, 1.5, 9]])
    np.testing.assert_array_equal(f(tf.ragged.constant([[5.0]])), [[5]])
    assert f.experimental_get_tracing_count() == 1
    for bad in (tf.ragged.constant([[1]]), tf.ragged.constant([[[1.0]]]), tf.zeros([2, 2])):
        with pytest.raises(TypeError, match="RaggedTensorSpec"):
            f(bad)


def test_gradient_through_a_function() -> None:
    f = tf.function(lambda x: tf.reduce_sum(tf.reduce_max(x, 1)[::2]))
    x = ragged()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert tape.gradient(y, x).to_list() == [[1.0, 0.0], [], [0.0, 0.0, 1.0]]


def test_spec() -> None:
    spec = tf.RaggedTensorSpec([None, None])
    assert spec.ragged_rank == 1
    assert ragged().type_spec == tf.RaggedTensorSpec([3, None])
    assert ragged().type_spec.is_subtype_of(spec)
    assert spec.is_compatible_with(ragged())
    assert spec.most_general(tf.RaggedTensorSpec([None, None], tf.int32)) is None
    assert tf.RaggedTensorSpec([2, None]).most_general(tf.RaggedTensorSpec([3, None])) == spec
    assert len({spec, tf.RaggedTensorSpec([None, None])}) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tf.RaggedTensor.from_row_splits([1, 2], [0, 1]), "must end with the number of values, 2; got 1"),
        (lambda: tf.RaggedTensor.from_row_splits([1, 2], [1, 2]), "begin with 0"),
        (lambda: tf.RaggedTensor.from_row_splits([1, 2], [0.0, 2.0]), "int"),
        (lambda: tf.RaggedTensor.from_row_lengths([1, 2], [3, -1]), "negative"),
        (lambda: tf.RaggedTensor.from_value_rowids([1, 2], [1, 0]), "sorted"),
        (lambda: tf.RaggedTensor.from_value_rowids([1, 2], [0, 3], nrows=2), "nrows is 2"),
        (lambda: tf.ragged.constant([[1], 2]), "one depth"),
        (lambda: tf.ragged.range([0], [5], [0]), "deltas must not be 0"),
        (lambda: ragged()[:, 0], "ragged dimension"),
        (lambda: ragged() + tf.ragged.constant([[1.0], [], []]), "differ in length"),
        (lambda: ragged() + tf.ragged.constant([[[1.0]]]), "1 and 2 ragged dimensions|2 and 1 ragged dimensions"),
        (lambda: ragged() + tf.zeros([5, 5, 5]), "does not broadcast"),
        (lambda: tf.reduce_sum(ragged(), 2), "axis 2"),
        (lambda: ragged().merge_dims(1, 5), "merge_dims"),
        (lambda: tf.concat([ragged(), ragged()[:1]], 1), "number of rows"),
        (lambda: tf.RaggedTensor.from_sparse(tf.SparseTensor([[0, 1]], [1], [1, 2])), "filled from the left"),
        (lambda: tf.ragged.boolean_mask([1, 2], [1, 0]), "boolean"),
        (lambda: ragged().to_tensor(shape=[None, None, None]), "one entry for each|zip"),
    ],
)
def test_refusals(call: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()  # type: ignore[operator]


def test_dense_ops_refuse_with_advice() -> None:
    with pytest.raises(TypeError, match="to_tensor"):
        tf.matmul(ragged(), ragged())
    with pytest.raises(NotImplementedError, match="reduce an inner axis first"):
        tf.reduce_sum(tf.ragged.constant([[[1], [2]]]), 0)
