"""TensorShape and TensorSpec: TensorFlow's algebra of partly known shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import headrace as tf
from headrace.core.shapes import broadcast_dims, broadcast_static_shape


def test_reading_a_shape():
    shape = tf.TensorShape([None, 3])
    assert (shape.rank, shape[0], shape[1], shape.num_elements(), shape.is_fully_defined()) == (2, None, 3, None, False)
    assert shape[1:] == [3]
    assert shape.as_list() == [None, 3]
    assert tf.TensorShape(None).rank is None
    assert str(tf.TensorShape([4])) == "(4,)"


@pytest.mark.parametrize(
    ("a", "b", "merged"), [([None, 3], [2, None], [2, 3]), (None, [1], [1]), ([None], None, [None]), ([5], [5], [5])]
)
def test_merging(a, b, merged):
    assert tf.TensorShape(a).merge_with(b) == merged


def test_contradictions_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 4\) are not compatible"):
        tf.TensorShape([2, 3]).merge_with([2, 4])
    with pytest.raises(ValueError, match="negative"):
        tf.TensorShape([-1])
    with pytest.raises(TypeError, match="expected an integer or None"):
        tf.TensorShape(["x"])
    with pytest.raises(ValueError, match="rank of this TensorShape is unknown"):
        tf.TensorShape(None).as_list()


def test_specs():
    spec = tf.TensorSpec([None, 2], tf.float32, "x")
    assert spec.is_compatible_with(tf.zeros([5, 2]))
    assert not spec.is_compatible_with(tf.zeros([5, 3]))
    assert not spec.is_compatible_with(tf.zeros([5, 2], tf.float64))
    assert tf.TensorSpec([3, 2]).is_subtype_of(tf.TensorSpec([None, 2]))
    assert tf.TensorSpec([3, 2]).most_general(tf.TensorSpec([4, 2])) == tf.TensorSpec([None, 2])


@given(st.lists(st.integers(1, 4), max_size=4), st.lists(st.integers(1, 4), max_size=4))
def test_broadcasting_agrees_with_numpy(a, b):
    try:
        expected = np.broadcast_shapes(tuple(a), tuple(b))
    except ValueError:
        with pytest.raises(ValueError, match="do not broadcast"):
            broadcast_dims(a, b)
    else:
        assert broadcast_dims(a, b) == expected


def test_broadcasting_of_unknown_dimensions():
    assert broadcast_static_shape([None, 3], [1, 3]) == [None, 3]
    assert broadcast_static_shape([None], [7]) == [7]
    assert broadcast_static_shape(None, [7]).rank is None
