"""tf.random.Generator as an object; its numbers are compared with TensorFlow's in tests/public/cases/random.py."""

import numpy as np
import pytest

import headrace as tf
from headrace.state.tracking import walk


def test_global_generator():
    first = tf.random.get_global_generator()
    assert tf.random.get_global_generator() is first
    assert not np.array_equal(first.normal([4]).numpy(), first.normal([4]).numpy())
    mine = tf.random.Generator.from_seed(3)
    tf.random.set_global_generator(mine)
    try:
        assert tf.random.get_global_generator() is mine
    finally:
        tf.random.set_global_generator(first)


def test_generators_that_start_anywhere():
    states = {tuple(tf.random.Generator.from_non_deterministic_state().state.numpy()) for _ in range(4)}
    assert len(states) == 4


def test_copies_go_their_own_way():
    source = tf.random.Generator.from_seed(9)
    copy = tf.random.Generator(source)
    np.testing.assert_array_equal(copy.normal([3]).numpy(), source.normal([3]).numpy())
    copy.skip(1)
    assert not np.array_equal(copy.state.numpy(), source.state.numpy())


def test_state_may_be_a_variable():
    state = tf.Variable(np.int64([0, 0, 5]))
    generator = tf.random.Generator.from_state(state, "philox")
    assert generator.state is state
    generator.uniform([2])
    assert state.numpy().tolist() == [512, 0, 5]


def test_state_is_tracked_by_tensorflows_name():
    module = tf.Module()
    module.generator = tf.random.Generator.from_seed(1)
    edges = {name: child for item, below in walk(module) if item is module.generator for name, child in below.items()}
    assert edges == {"_state_var": module.generator.state}


def test_bad_construction():
    with pytest.raises(ValueError, match="from_seed"):
        tf.random.Generator()
    with pytest.raises(ValueError, match="not both"):
        tf.random.Generator(tf.random.Generator.from_seed(1), state=[1, 2, 3], alg=1)
    with pytest.raises(ValueError, match="one of the numbers"):
        tf.random.Generator.from_state([1, 2, 3], 7)
    with pytest.raises(ValueError, match=r"shape \[3\]"):
        tf.random.Generator.from_seed(1).reset([1, 2])
