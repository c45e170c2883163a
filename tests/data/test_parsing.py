"""parse_example against bytes from outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import headrace as tf
from headrace.data.example import Example, Feature, Features, Int64List

FEATURES = {
    "a": tf.io.VarLenFeature(tf.int64),
    "b": tf.io.FixedLenFeature([], tf.float32, default_value=1.5),
    "c": tf.io.RaggedFeature(tf.string),
}
SOUND = Example(features=Features(feature={"a": Feature(int64_list=Int64List(value=[1, 2, 3]))})).SerializeToString()

pytestmark = pytest.mark.usefixtures("both_ways")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = tf.io.parse_example([SOUND, data], FEATURES)
    except tf.errors.InvalidArgumentError:
        return
    assert found["a"].dense_shape[0] == 2
    assert found["b"].shape == (2,)
    assert found["c"].nrows() == 2


@given(st.integers(0, len(SOUND) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(place: int, byte: int) -> None:
    changed = SOUND[:place] + bytes([byte]) + SOUND[place + 1 :]
    try:
        tf.io.parse_example([changed], FEATURES)
    except tf.errors.InvalidArgumentError:
        return


def test_errors_name_the_feature_and_the_example() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="example 1 has no feature 'a'"):
        tf.io.parse_example([SOUND, b""], {"a": tf.io.FixedLenFeature([3], tf.int64)})
    with pytest.raises(tf.errors.InvalidArgumentError, match="feature 'a' of example 0 is a int64_list"):
        tf.io.parse_example([SOUND], {"a": tf.io.FixedLenFeature([3], tf.float32)})
