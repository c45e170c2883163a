"""Nested structures."""

from collections import OrderedDict, defaultdict, namedtuple

import pytest

import headrace as tf

Point = namedtuple("Point", "x y")


def test_mappings_are_walked_by_sorted_keys_and_keep_their_own_order():
    assert tf.nest.flatten({"b": 1, "a": [2, (3,)]}) == [2, 3, 1]
    packed = tf.nest.pack_sequence_as({"b": 0, "a": [0, (0,)]}, [7, 8, 9])
    assert packed == {"b": 9, "a": [7, (8,)]}
    assert list(packed) == ["b", "a"]


@pytest.mark.parametrize("structure", [Point(1, [2]), OrderedDict(b=1, a=2), defaultdict(list, k=1), (), [], {}, 5, "text", None])
def test_containers_keep_their_type(structure):
    again = tf.nest.map_structure(lambda leaf: leaf, structure)
    assert again == structure
    assert type(again) is type(structure)


def test_structures_that_differ():
    with pytest.raises(ValueError, match="differ"):
        tf.nest.map_structure(lambda a, b: a, [1, 2], [1])
    with pytest.raises(TypeError, match="differ in type"):
        tf.nest.assert_same_structure([1], (1,))
    with pytest.raises(ValueError, match="2 leaves but 3"):
        tf.nest.pack_sequence_as([0, 0], [1, 2, 3])
    with pytest.raises(TypeError, match="sortable"):
        tf.nest.flatten({1: 0, "a": 0})
