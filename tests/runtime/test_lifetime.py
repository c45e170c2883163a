"""What is compiled lives as long as the function it was compiled for."""

import gc
import weakref

import pytest

import headrace as tf
from headrace.runtime import executable


def whole(x):
    return tf.reduce_sum(tf.sin(x))


def in_parts(x):
    return tf.reduce_sum(tf.unique(tf.sin(x))[0])


def with_a_loop(x):
    kept = tf.TensorArray(tf.float32, 0, dynamic_size=True)
    for i in tf.range(tf.cast(x[0], tf.int32)):
        kept = kept.write(kept.size(), x[1] * tf.cast(i, tf.float32))
    return kept.stack()


@pytest.mark.parametrize("python_function", [whole, in_parts, with_a_loop])
def test_a_function_that_is_dropped_drops_its_graph_its_executable_and_its_variables(python_function):
    alive = used(python_function)
    gc.collect()
    assert [reference() for reference in alive] == [None, None, None]


def used(python_function):
    """References to what a call of a function made, which nobody else holds."""
    variable = tf.Variable([2.0, 3.0, 2.0])
    function = tf.function(lambda: python_function(variable))
    function()
    graph = function.get_concrete_function().graph
    return [weakref.ref(graph), weakref.ref(executable.of(graph)), weakref.ref(variable)]
